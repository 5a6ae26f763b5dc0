"""What a LangChain tool is called with: what a reviewer sees of it, and what its schema takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import rfc8785
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from .._arguments import Unfit, checked

MAX_SCHEMA = 16 * 1024
"""Bytes of a schema, as canonical JSON. Servers take no more."""

_NOT_LINEAR = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]|\(\?P=")
"""Look-around and back-references, which the server's patterns have not."""


class ToolArguments:
    """The arguments that a tool takes from a model. What the framework injects is not among them.

    Raises TypeError for tools whose schema is neither a pydantic 2 model nor a JSON Schema.
    """

    def __init__(self, tool: BaseTool) -> None:
        schema: Any = tool.tool_call_schema
        self._injected = frozenset(getattr(tool, "_injected_args_keys", ()))
        self._model: type[BaseModel] | None = None
        if isinstance(schema, dict):
            self._json_schema: dict[str, Any] = schema
            return
        if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
            raise TypeError(f"{tool.name}: its args_schema must be a pydantic 2 model or a JSON Schema")
        self._model = schema
        self._json_schema = schema.model_json_schema()

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema for reviewers' edits, closed where the tool has a model; None if the server cannot use it."""
        try:
            schema = checked(_without_costly_patterns(self._json_schema))
            if self._model:
                schema = {**schema, "additionalProperties": False, "required": list(schema.get("properties", {}))}
            is_usable = len(rfc8785.dumps(schema)) <= MAX_SCHEMA and not _is_recursive(schema)
        except (Unfit, KeyError, TypeError):
            return None
        return schema if is_usable else None

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a reviewer sees: JSON, with defaults filled in. Raises Unfit for what the tool does not take."""
        self._refuse_others(given)
        if self._model is None:
            return checked(given)
        first = self._valid(given)
        arguments = checked(first.model_dump(mode="json", by_alias=True))
        # What runs is read from the JSON that was approved, so that must be the whole value.
        second = self._valid(arguments)
        for name in type(first).model_fields:
            if getattr(first, name) != getattr(second, name):
                raise Unfit(name, "has a JSON form that does not read back as the same value")
        return arguments

    def fit(self, approved: dict[str, Any]) -> dict[str, Any]:
        """What to call the tool with; raises Unfit for an edit that does not name exactly what the tool takes."""
        self._refuse_others(approved)
        if self._model is None:
            return approved
        again = checked(self._valid(approved).model_dump(mode="json", by_alias=True))
        for name in again:
            if name not in approved:
                raise Unfit(name, "is missing")
            if rfc8785.dumps(again[name]) != rfc8785.dumps(approved[name]):
                raise Unfit(name, "is not in the form that the tool reads")
        return approved

    def is_of(self, approved: dict[str, Any], called_with: dict[str, Any]) -> bool:
        """Whether a tool is called with what was approved, besides what the framework injects."""
        names = set(approved) if self._model else set(called_with) - self._injected
        if not names <= set(called_with):
            return False
        try:
            shown = checked({name: called_with[name] for name in names})
        except Unfit:
            return False
        return rfc8785.dumps(shown) == rfc8785.dumps(approved)

    def _refuse_others(self, arguments: dict[str, Any]) -> None:
        """Refuses what the tool would not get, and what only the framework may give: a reviewer must not see it."""
        for name in arguments:
            if name in self._injected or (self._model and name not in self._names()):
                raise Unfit(name, "is not one that the tool takes")

    def _names(self) -> Iterator[str]:
        assert self._model
        for name, field in self._model.model_fields.items():
            yield name
            if field.alias:
                yield field.alias

    def _valid(self, arguments: dict[str, Any]) -> BaseModel:
        assert self._model
        try:
            return self._model.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"]
            raise Unfit(_path(first["loc"]), f"does not fit: {message[:1].lower()}{message[1:]}") from None


def _path(where: tuple[int | str, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")


def _mapped(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(schema, dict):
        return {name: _mapped(each, change) for name, each in change(schema).items()}
    if isinstance(schema, (list, tuple)):
        return [_mapped(each, change) for each in schema]
    return schema


def _without_costly_patterns(schema: dict[str, Any]) -> Any:
    """The schema without patterns that the server refuses; the tool's own model still has them."""

    def change(each: dict[str, Any]) -> dict[str, Any]:
        pattern = each.get("pattern")
        if isinstance(pattern, str) and _NOT_LINEAR.search(pattern):
            return {name: value for name, value in each.items() if name != "pattern"}
        return each

    return _mapped(schema, change)


def _is_recursive(schema: dict[str, Any]) -> bool:
    """Whether a type has itself as a part, which the server refuses."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    parts = {f"#/$defs/{name}": set(_references(each)) for name, each in definitions.items()}

    def leads_back(start: str) -> bool:
        seen: set[str] = set()
        left = [start]
        while left:
            for each in parts.get(left.pop(), ()):
                if each == start:
                    return True
                if each not in seen:
                    seen.add(each)
                    left.append(each)
        return False

    return any(leads_back(each) for each in parts)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)

"""What a LangChain tool is called with: what a reviewer sees of it, and what its schema takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rfc8785
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from .._arguments import Unfit, checked
from ._json_schemas import sendable


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
        return sendable(self._json_schema, closed=self._model is not None)

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

"""What a CrewAI tool is called with: what a reviewer sees of it, and what the tool gets."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import rfc8785
from crewai.tools import BaseTool
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..._arguments import Unfit, checked
from .._json_schemas import sendable


class ToolArguments:
    """The arguments of a tool, as its `args_schema` reads them.

    CrewAI validates what the model sends, and calls the tool with `model_dump()` of that. This does the same, from the
    JSON that a reviewer sees. A schema without fields is not used by CrewAI: such a tool gets what it is given.
    """

    def __init__(self, tool: BaseTool) -> None:
        schema = tool.args_schema
        self._model: type[BaseModel] | None = schema if schema.model_fields else None
        self._is_open = schema.model_config.get("extra") == "allow"

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema for reviewers' edits; None if the server cannot use it."""
        if self._model is None:
            return None
        # By the names that the tool gets, as in `shown`.
        return sendable(self._model.model_json_schema(by_alias=False), closed=not self._is_open)

    def refuse_others(self, given: dict[str, Any]) -> None:
        """Raises Unfit for names that the schema does not have: CrewAI leaves them out, or passes them on unseen."""
        if self._is_open:
            return
        known = set(self._names())
        for name in given:
            if name not in known:
                raise Unfit(name, "is not a parameter of the tool")

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a reviewer sees, defaults filled in. Raises Unfit for what has no JSON that reads as the same."""
        first = self._read(given)
        shown = _written(first)
        try:
            is_same = self._read(shown) == first
        except Exception:  # noqa: BLE001 - values have comparisons of any kind
            is_same = False
        if not is_same:
            raise Unfit("", "has a JSON form that does not read back as the same values")
        return self._unchanged(shown)

    def fit(self, approved: dict[str, Any]) -> dict[str, Any]:
        """What to call the tool with, in its types; raises Unfit for an edit that the tool reads as something else."""
        return self._read(self._unchanged(approved))

    def _unchanged(self, approved: dict[str, Any]) -> dict[str, Any]:
        if self._model is None:
            self.refuse_others(approved)
        again = _written(self._read(approved))
        for name in again:
            if name not in approved:
                raise Unfit(name, "is missing")
        for name in approved:
            if name not in again:
                raise Unfit(name, "is not a parameter of the tool")
            if rfc8785.dumps(again[name]) != rfc8785.dumps(approved[name]):
                raise Unfit(name, "is not in the form that the tool reads")
        return approved

    def _read(self, given: dict[str, Any]) -> dict[str, Any]:
        # A copy, as validators may change what they are given, and tools may keep it.
        given = copy.deepcopy(given)
        if self._model is None:
            return given
        try:
            return self._model.model_validate(given, by_alias=True, by_name=True).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"]
            raise Unfit(_path(first["loc"]), f"does not fit: {message[:1].lower()}{message[1:]}") from None

    def _names(self) -> Iterator[str]:
        for name, field in (self._model.model_fields if self._model else {}).items():
            yield name
            aliases = field.validation_alias
            for alias in aliases.choices if isinstance(aliases, AliasChoices) else (aliases, field.alias):
                if isinstance(alias, str):
                    yield alias


def _written(arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        written: dict[str, Any] = to_jsonable_python(arguments)
    except PydanticSerializationError as error:
        raise Unfit("", f"has no JSON form: {error}") from None
    return checked(written)


def _path(where: tuple[int | str, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")

"""What a LangChain tool is called with: what a reviewer sees of it, and what its schema takes."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any

import rfc8785
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError, create_model

from .._arguments import Unfit, checked
from ._hidden import refuse_hidden
from ._json_schemas import sendable
from ._langgraph_injected import configuration_names, injected_names
from ._sets import with_sorted_sets


class ToolArguments:
    """The arguments that a tool takes from a model. What the framework injects is not among them.

    They are read with the model that LangChain itself reads them with before it runs the tool, with all its validators
    and its configuration. The arguments that are approved are those that this model reads as themselves.

    Raises TypeError for tools whose schema is neither a pydantic 2 model nor a JSON Schema.
    """

    def __init__(self, tool: BaseTool) -> None:
        schema: Any = tool.tool_call_schema
        self._injected = injected_names(tool)
        self._configuration = configuration_names(tool)
        self._model: type[BaseModel] | None = None
        if isinstance(tool.args_schema, dict) and isinstance(schema, dict):
            self._json_schema: dict[str, Any] = schema
            return
        full: Any = tool.get_input_schema() if tool.args_schema is None else tool.args_schema
        if not (_is_model(schema) and _is_model(full)):
            raise TypeError(f"{tool.name}: its args_schema must be a pydantic 2 model or a JSON Schema")
        self._injected |= set(full.model_fields) - set(schema.model_fields)
        self._model = _without(full, self._injected)
        # Not the one that LangChain gives to models: it leaves out aliases.
        self._json_schema = self._model.model_json_schema()
        properties: dict[str, Any] = self._json_schema.get("properties", {})
        self._json_schema["properties"] = {name: properties[name] for name in properties if name not in self._injected}

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
        refuse_hidden(first, besides=self._injected)
        arguments = self._written(first)
        # What runs is read from the JSON that was approved, so that must be the whole value.
        second = self._valid(arguments)
        for name in self._fields():
            if getattr(first, name) != getattr(second, name):
                raise Unfit(name, "has a JSON form that does not read back as the same value")
        self._refuse_changed(arguments)
        return arguments

    def fit(self, approved: dict[str, Any]) -> dict[str, Any]:
        """What to call the tool with; raises Unfit for an edit that does not name exactly what the tool takes."""
        self._refuse_others(approved)
        self._refuse_changed(approved)
        return approved

    def are_got(self, approved: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a tool's function is called with what was approved, besides what the framework gives it.

        This is after LangChain has read the arguments for the last time.
        """
        if args:
            # A `Tool` of one argument gets it without its name.
            if len(args) != 1 or len(approved) != 1 or set(kwargs) - self._injected - self._configuration:
                return False
            [name] = self._fields() if self._model else approved
            kwargs = {name: args[0]}
        # An approved argument is never the framework's: `_refuse_others` has seen to it.
        got = {name: value for name, value in kwargs.items() if name not in self._injected | self._configuration}
        try:
            return _are_same(got, approved) or (self._model is not None and self._are_read(approved, got))
        except Unfit:
            return False

    def _are_read(self, approved: dict[str, Any], got: dict[str, Any]) -> bool:
        """Whether these are the values that the model reads the approved arguments as."""
        expected = self._valid(approved)
        if set(got) != set(self._fields()) or any(getattr(expected, name) != got[name] for name in got):
            return False
        # Values that are equal may still differ, as 1 and True do.
        written = self._written(expected.model_copy(update=got))
        return rfc8785.dumps(written) == rfc8785.dumps(approved)

    def is_of(self, approved: dict[str, Any], called_with: dict[str, Any]) -> bool:
        """Whether a tool is called with what was approved, besides what the framework injects."""
        names = set(approved) if self._model else set(called_with) - self._injected
        if not names <= set(called_with):
            return False
        return _are_same({name: called_with[name] for name in names}, approved)

    def _refuse_others(self, arguments: dict[str, Any]) -> None:
        """Refuses what the tool would not get, and what only the framework may give: a reviewer must not see it."""
        for name in arguments:
            if name in self._injected or (self._model and name not in self._names()):
                raise Unfit(name, "is not a parameter of the tool")

    def _refuse_changed(self, approved: dict[str, Any]) -> None:
        """Refuses what the tool would get as something else than what was approved."""
        if self._model is None:
            return
        value = self._valid(approved)
        refuse_hidden(value, besides=self._injected)
        again = self._written(value)
        for name in again:
            if name not in approved:
                raise Unfit(name, "is missing")
            if rfc8785.dumps(again[name]) != rfc8785.dumps(approved[name]):
                raise Unfit(name, "is not in the form that the tool reads")
        for name in approved:
            if name not in again:
                raise Unfit(name, "is not in the form that the tool reads")

    def _fields(self) -> list[str]:
        assert self._model
        return [name for name in self._model.model_fields if name not in self._injected]

    def _names(self) -> Iterator[str]:
        assert self._model
        config = self._model.model_config
        by_name = config.get("populate_by_name") or config.get("validate_by_name")
        for name in self._fields():
            alias = self._model.model_fields[name].alias
            if alias:
                yield alias
            if by_name or not alias:
                yield name

    def _written(self, value: BaseModel) -> dict[str, Any]:
        # Computed fields are not arguments.
        besides = self._injected | set(type(value).model_computed_fields)
        written = value.model_dump(mode="json", by_alias=True, exclude=set(besides))
        return checked(with_sorted_sets(value, written))

    def _valid(self, arguments: dict[str, Any]) -> BaseModel:
        assert self._model
        try:
            # A copy, as validators may change what they are given.
            return self._model.model_validate(copy.deepcopy(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"]
            raise Unfit(_path(first["loc"]), f"does not fit: {message[:1].lower()}{message[1:]}") from None


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def _without(model: type[BaseModel], injected: Collection[str]) -> type[BaseModel]:
    """The model for arguments in which the injected fields are not there yet, with all else that it has."""
    fields: dict[str, Any] = {name: (Any, None) for name in model.model_fields if name in injected}
    return create_model(model.__name__, __base__=model, **fields) if fields else model


def _are_same(got: dict[str, Any], approved: dict[str, Any]) -> bool:
    try:
        return rfc8785.dumps(checked(got)) == rfc8785.dumps(approved)
    except Unfit:
        return False


def _path(where: tuple[int | str, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")

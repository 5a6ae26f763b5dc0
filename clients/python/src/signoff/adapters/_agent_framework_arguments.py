"""What a tool of the Microsoft Agent Framework is called with: what a reviewer sees of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, cast

import rfc8785
from agent_framework import FunctionTool
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from .._arguments import Unfit, checked, checked_value
from ._defaults import with_defaults
from ._json_schemas import sendable
from ._sets import canonical

_OPEN = ("patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref", "if")
"""What lets a schema have other names than its properties."""


class ToolArguments:
    """The arguments that a tool takes from a model, in JSON, as they would run.

    Of a tool with a pydantic model they are what the framework makes of the model. Of others, such as those of MCP
    servers, only the JSON Schema is known.
    """

    def __init__(self, tool: FunctionTool) -> None:
        self._tool = tool
        # None where the tool was given a JSON Schema.
        self._model: type[BaseModel] | None = tool.input_model
        self._injected: str | None = getattr(tool, "_context_parameter_name", None)
        self._not_shown: frozenset[str] = frozenset()
        if self._model:
            self._not_shown = frozenset(name for name in self._model.model_fields if self._has_unfit_default(name))

    def schema(self) -> dict[str, Any] | None:
        """For reviewers' edits; None if it cannot be sent, or speaks of other names than the tool's own."""
        if self._model is None:
            return sendable(self._tool.parameters(), closed=False)
        if any(_has_alias(field) for field in self._model.model_fields.values()):
            return None
        schema = sendable(self._tool.parameters(), closed=not self._takes_others)
        if schema and not self._takes_others:
            schema["required"] = [name for name in schema["required"] if name not in self._not_shown]
        return schema

    def shown(self, given: Any) -> dict[str, Any]:
        """What a reviewer sees: what would run, with all defaults. Raises Unfit for what the tool does not take."""
        arguments = _as_dict(given)
        self._refuse_injected(arguments)
        if self._model is None:
            shown = checked(with_defaults(_plain_dict(arguments), self._tool.parameters()))
            self._check_names(shown)
            return shown
        values = self._read(arguments)
        shown = checked(_plain_dict(values))
        again = self._read(shown)
        for name in {**values, **again}:
            if name not in again or name not in values or not _is_same(values[name], again[name]):
                raise Unfit(name, "has a JSON form that does not read back as the same value")
        self._check_written(shown, again)
        return shown

    def check(self, approved: dict[str, Any]) -> None:
        """Raises Unfit for arguments that the tool reads as others: a reviewer's edit may be such."""
        self._refuse_injected(approved)
        if self._model is None:
            self._check_names(approved)
        else:
            self._check_written(approved, self._read(approved))

    def are_got(self, approved: dict[str, Any], got: dict[str, Any]) -> bool:
        """Whether a function is called with what was approved, besides what the framework injects."""
        try:
            written = checked(_plain_dict({name: each for name, each in got.items() if name != self._injected}))
            return rfc8785.dumps(written) == rfc8785.dumps(approved)
        except Unfit:
            return False

    @property
    def _takes_others(self) -> bool:
        return self._model is not None and self._model.model_config.get("extra") == "allow"

    def _refuse_injected(self, arguments: Mapping[str, Any]) -> None:
        """The framework sets its context, whatever a model says: a reviewer must not see another value."""
        if self._injected in arguments:
            raise Unfit(str(self._injected), "is not a parameter of the tool")

    def _check_names(self, arguments: Mapping[str, Any]) -> None:
        """The framework passes on any name, to parameters too that are not the model's to set."""
        schema = self._tool.parameters()
        others = schema.get("additionalProperties", any(name in schema for name in _OPEN))
        for name in arguments:
            if others is False and name not in schema.get("properties", {}):
                raise Unfit(name, "is not a parameter of the tool")
        for name in schema.get("required", ()):
            if name not in arguments:
                raise Unfit(str(name), "is missing")

    def _check_written(self, arguments: dict[str, Any], values: dict[str, Any]) -> None:
        written = checked(_plain_dict(values))
        for name in {**arguments, **written}:
            if name not in arguments:
                raise Unfit(name, "is missing")
            if name not in written:
                raise Unfit(name, "is not a parameter of the tool")
            if rfc8785.dumps(arguments[name]) != rfc8785.dumps(written[name]):
                raise Unfit(name, "is not in the form that the tool reads")

    def _read(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the function would get. Raises Unfit for what its model does not take."""
        assert self._model
        try:
            # A copy, as validators may change what they are given.
            read = self._model.model_validate(copy.deepcopy(arguments))
            # As the framework does it.
            values = read.model_dump(warnings=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"]
            raise Unfit(_path(first["loc"]), f"does not fit: {message[:1].lower()}{message[1:]}") from None
        except Exception as error:  # noqa: BLE001 - models have validators of any kind
            raise Unfit("", f"cannot be read by the tool: {type(error).__name__}") from None
        for name in arguments:
            if name not in read.model_fields_set:
                raise Unfit(name, "is not a parameter of the tool")
        return {name: each for name, each in values.items() if name in arguments or name not in self._not_shown}

    def _has_unfit_default(self, name: str) -> bool:
        """Whether a default does not fit its own type, as None for `str`: the function takes it all the same."""
        assert self._model
        field = self._model.model_fields[name]
        if field.is_required():
            return False
        try:
            default = _plain(field.get_default(call_default_factory=True))
            self._model.__pydantic_validator__.validate_assignment(self._model.model_construct(), name, default)
        except Exception:  # noqa: BLE001 - factories and validators are any code
            return True
        return False


def _has_alias(field: Any) -> bool:
    return field.alias is not None or field.validation_alias is not None


def _as_dict(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, BaseModel):
        return given.model_dump(exclude_unset=True, warnings=False)
    if not isinstance(given, Mapping):
        raise Unfit("", "is not a JSON object")
    return dict(cast("Mapping[str, Any]", given))


def _plain_dict(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value as JSON. A set has an order of its own in each process, and gets one that stays."""
    if isinstance(value, dict):
        names = (name if isinstance(name, str) else to_jsonable_python({name: None}).popitem()[0] for name in value)
        return {name: _plain(each) for name, each in zip(names, value.values(), strict=True)}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(each) for each in value), key=lambda each: canonical(checked_value(each)))
    try:
        return to_jsonable_python(value)
    except Exception as error:  # noqa: BLE001 - values have serializers of any kind
        raise Unfit("", f"has no JSON form: {type(error).__name__}") from None


def _is_same(first: Any, second: Any) -> bool:
    try:
        return bool(first == second)
    except Exception:  # noqa: BLE001 - values have comparisons of any kind
        return False


def _path(where: Iterable[int | str]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")

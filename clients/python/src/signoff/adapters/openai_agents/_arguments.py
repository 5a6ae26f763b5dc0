"""What a tool is called with: what a reviewer sees of it, and whether the tool reads it as that."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterable
from typing import Any

import rfc8785
from agents import FunctionTool
from agents.function_schema import FuncSchema
from jsonschema import Draft202012Validator, SchemaError
from pydantic import BaseModel, ValidationError
from referencing import Registry

from ..._arguments import Unfit, checked
from .._defaults import with_defaults
from .._json_schemas import closed
from .._sets import with_sorted_sets


class ToolArguments:
    """The arguments that a tool takes from a model.

    Of tools that the SDK makes of a function, the model that reads them is known: a reviewer sees what it reads. Of
    others only the JSON Schema is known.
    """

    def __init__(self, tool: FunctionTool) -> None:
        self._model = model_of(tool)
        self.schema = closed(tool.params_json_schema)
        try:
            Draft202012Validator.check_schema(self.schema)
        except SchemaError as error:
            raise TypeError(f"{tool.name}: its params_json_schema is not a JSON Schema: {error.message}") from None
        # Nothing is fetched: a schema has its parts itself.
        self._validator = Draft202012Validator(self.schema, registry=Registry())

    @property
    def are_complete(self) -> bool:
        """Whether all arguments are shown, also those that the model left out."""
        return self._model is not None

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a reviewer sees: what the tool reads, with its defaults. Raises Unfit for what it does not take."""
        given = checked(given)
        self._check_schema(given)
        if self._model is None:
            return self._with_fitting_defaults(given)
        first = self._read(given)
        shown = self._json(first)
        second = self._read(shown)
        if not _is_same(first, second):
            raise Unfit("", "has a JSON form that the tool does not read as the same values")
        _refuse_difference(shown, self._json(second))
        return shown

    def check(self, approved: dict[str, Any]) -> None:
        """Raises Unfit for arguments that the tool reads as others: a reviewer's edit may be such."""
        self._check_schema(approved)
        if self._model:
            read = self._read(approved)
            shown = self._json(read)
            _refuse_difference(approved, shown)
            if not _is_same(read, self._read(shown)):
                raise Unfit("", "has a JSON form that the tool does not read as the same values")

    def _with_fitting_defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        shown = with_defaults(given, self.schema)
        for name in set(shown) - set(given):
            try:
                self._check_schema({**given, name: shown[name]})
            except Unfit:
                del shown[name]
        return checked(shown)

    def _check_schema(self, arguments: dict[str, Any]) -> None:
        try:
            error = next(iter(self._validator.iter_errors(arguments)), None)
        except Exception as problem:  # noqa: BLE001 - schemas come from anywhere
            raise Unfit("", f"cannot be checked by the tool's schema: {type(problem).__name__}") from None
        if error is None:
            return
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known: Any = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
            for name in error.instance:
                if name not in known:
                    raise Unfit(_path([*error.absolute_path, name]), "is not a parameter of the tool")
        raise Unfit(_path(error.absolute_path), f"does not fit the tool's schema ({error.validator})")

    def _read(self, arguments: dict[str, Any]) -> BaseModel:
        """What the tool's own model makes of the arguments."""
        assert self._model
        try:
            return self._model(**copy.deepcopy(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"]
            raise Unfit(_path(first["loc"]), f"does not fit: {message[:1].lower()}{message[1:]}") from None
        except Exception as error:  # noqa: BLE001 - models have validators of any kind
            raise Unfit("", f"cannot be read by the tool: {type(error).__name__}") from None

    def _json(self, value: BaseModel) -> dict[str, Any]:
        try:
            read = with_sorted_sets(value, json.loads(value.model_dump_json(by_alias=True)))
        except Exception as error:  # noqa: BLE001 - models have serializers of any kind
            raise Unfit("", f"has no JSON form: {type(error).__name__}") from None
        return checked(read)


def model_of(tool: FunctionTool) -> type[BaseModel] | None:
    """The model that reads the arguments of a tool that the SDK made of a function.

    The SDK keeps it in variables of the functions that it wraps the tool's own with.
    """
    left: list[tuple[Any, int]] = [(tool.on_invoke_tool, 0)]
    while left:
        each, depth = left.pop()
        if isinstance(each, FuncSchema):
            return each.params_pydantic_model
        if depth > _DEPTH:
            continue
        if inspect.isfunction(each):
            found: Iterable[Any] = inspect.getclosurevars(each).nonlocals.values()
        elif type(each).__module__ == "agents.tool":
            found = vars(each).values() if hasattr(each, "__dict__") else ()
        else:
            found = ()
        left.extend((value, depth + 1) for value in found if _may_hold(value))
    return None


_DEPTH = 3
"""From a tool's invoker to the schema of its function."""


def _may_hold(value: object) -> bool:
    # Of functions those of the SDK only, and not the tool's own.
    kind = type(value).__module__
    return (inspect.isfunction(value) and value.__module__ == "agents.tool") or kind.startswith("agents.")


def _is_same(first: BaseModel, second: BaseModel) -> bool:
    try:
        return vars(first) == vars(second) and first.model_extra == second.model_extra
    except Exception:  # noqa: BLE001 - values have comparisons of any kind
        return False


def _refuse_difference(shown: dict[str, Any], read: dict[str, Any]) -> None:
    for name in {**shown, **read}:
        if name not in shown:
            raise Unfit(name, "is missing")
        if name not in read:
            raise Unfit(name, "is not a parameter of the tool")
        if rfc8785.dumps(shown[name]) != rfc8785.dumps(read[name]):
            raise Unfit(name, "is not in the form that the tool reads")


def _path(where: Iterable[int | str]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")

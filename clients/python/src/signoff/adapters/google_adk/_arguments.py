"""What a tool is called with: what a reviewer sees of it, and what the tool gets of what was approved."""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.function_tool import FunctionTool
from jsonschema import Draft202012Validator, SchemaError
from pydantic import TypeAdapter, ValidationError
from referencing import Registry

from ..._arguments import Unfit, checked
from ..._binding import Binding
from ..._schema import Making, NoSchema, record
from .._defaults import with_defaults
from .._json_schemas import closed, sendable


class Arguments(Protocol):
    """The arguments that a tool takes from a model."""

    schema: dict[str, Any] | None
    """For reviewers' edits; None if the server would not take it."""

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a reviewer sees of a call, with defaults. Raises Unfit for what the tool does not take."""
        ...

    def read(self, approved: dict[str, Any]) -> dict[str, Any]:
        """What the tool is run with. Raises Unfit for what it does not take."""
        ...


def arguments_of(tool: BaseTool) -> Arguments:
    """The arguments of a tool; raises TypeError for tools that have some that a reviewer could not see."""
    function = _function_of(tool)
    return _of_function(function, tuple(cast("FunctionTool", tool)._ignore_params)) if function else OfSchema(tool)


def check_parameters(tool: BaseTool) -> None:
    """Raises TypeError for a tool whose function has parameters that a reviewer could not see."""
    if _function_of(tool):
        arguments_of(tool)


def _function_of(tool: BaseTool) -> Callable[..., Any] | None:
    """The function of a tool that passes the arguments on to its parameters of the same names, and does only that."""
    if not isinstance(tool, FunctionTool) or own_class(tool).run_async is not FunctionTool.run_async:
        return None
    function: Any = tool.func
    if inspect.isroutine(function):
        return function
    called = getattr(function, "__call__", None)  # noqa: B004 - what it is called by is asked for
    return called if inspect.ismethod(called) else None


def own_class(tool: BaseTool) -> type[BaseTool]:
    """The class that a tool had before it was gated."""
    # Not of a class that the gated one is a base of.
    return cast("type[BaseTool]", vars(type(tool)).get("_signoff_own_class", type(tool)))


@functools.lru_cache(maxsize=1024)
def _of_function(function: Callable[..., Any], given_by_adk: tuple[str, ...]) -> OfFunction:
    # ADK makes a tool of a function anew for each turn of the model.
    return OfFunction(function, given_by_adk)


class OfFunction:
    """Those of a function, whose declared types say how they are written as JSON and read again.

    ADK itself passes most of them on as the model gave them.
    """

    def __init__(self, function: Callable[..., Any], given_by_adk: Iterable[str]) -> None:
        parameters = inspect.signature(function).parameters
        # The context, and the stream of a live tool.
        binding = Binding(function, [name for name in given_by_adk if name in parameters])
        self._declared = {name: each for name, each in binding._declared.items() if name not in binding._hidden}
        self._defaults = {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.default is not parameter.empty
        }
        self._annotations = binding.annotations
        self.schema = self._sendable_schema()

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """All parameters, in the forms of docs/values.md."""
        given = checked(given)
        self._refuse_others(given)
        values: dict[str, Any] = {}
        for name, each in self._declared.items():
            if name in given:
                values[name] = each.write(self._taken(name, given[name]))
            elif name in self._defaults:
                values[name] = each.write(self._defaults[name])
            else:
                raise Unfit(name, "is missing")
        shown = checked(values)
        # What runs is read from it.
        self.read(shown)
        return shown

    def read(self, approved: dict[str, Any]) -> dict[str, Any]:
        """In the types that the function declares."""
        self._refuse_others(approved)
        for name in self._declared:
            if name not in approved:
                raise Unfit(name, "is missing")
        return {name: each.read(approved[name], name) for name, each in self._declared.items()}

    def _taken(self, name: str, given: Any) -> Any:
        """What a model's value stands for. Unlike a reviewer's edit, it need not name what has a default."""
        try:
            return self._declared[name].read(given, name)
        except Unfit as unfit:
            try:
                # The schema that ADK gives to the model; the text "3" is not a number.
                adapter = TypeAdapter[Any](self._annotations[name])
                return adapter.validate_json(json.dumps(given), strict=True)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False, include_context=False)[0]
                message = first["msg"]
                problem = f"does not fit: {message[:1].lower()}{message[1:]}"
                raise Unfit(_path([name, *first["loc"]]), problem) from None
            except Exception:  # noqa: BLE001 - types have code of any kind
                raise unfit from None

    def _sendable_schema(self) -> dict[str, Any] | None:
        making = Making()
        try:
            schema = record({name: each.schema(making) for name, each in self._declared.items()}, self._declared)
        except NoSchema:
            return None
        return sendable(schema, closed=True)

    def _refuse_others(self, arguments: dict[str, Any]) -> None:
        for name in arguments:
            if name not in self._declared:
                raise Unfit(name, "is not a parameter of the tool")


class OfSchema:
    """Those of a tool of which only the declaration is known, such as one of an MCP server."""

    def __init__(self, tool: BaseTool) -> None:
        declared = _declared_schema(tool)
        self._schema = closed(declared)
        try:
            Draft202012Validator.check_schema(self._schema)
        except SchemaError as error:
            raise TypeError(f"{tool.name}: its parameters are not a JSON Schema: {error.message}") from None
        # Nothing is fetched: a schema has its parts itself.
        self._validator = Draft202012Validator(self._schema, registry=Registry())
        self.schema = sendable(self._schema, closed=False)

    def shown(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they are, with the schema's defaults."""
        given = checked(given)
        self._check(given)
        shown = with_defaults(given, self._schema)
        for name in set(shown) - set(given):
            try:
                self._check({**given, name: shown[name]})
            except Unfit:
                del shown[name]
        return checked(shown)

    def read(self, approved: dict[str, Any]) -> dict[str, Any]:
        """A copy, if it fits the schema."""
        self._check(approved)
        return copy.deepcopy(approved)

    def _check(self, arguments: dict[str, Any]) -> None:
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


def _declared_schema(tool: BaseTool) -> dict[str, Any]:
    declaration = tool._get_declaration()
    schema: Any = getattr(declaration, "parameters_json_schema", None)
    parameters = getattr(declaration, "parameters", None)
    if schema is None and parameters is not None:
        schema = parameters.json_schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    # A tool without parameters declares none.
    return schema if isinstance(schema, dict) else {"type": "object", "properties": {}}


def _path(where: Iterable[int | str]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in where]
    return "".join(steps).removeprefix(".")

"""Declared types with named parts: dataclasses, TypedDicts and models of pydantic."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import typing
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from ._arguments import Unfit, Unwritable, checked_value
from ._kind import Declared, HoldsMore, NoJsonForm, as_object, at, is_a
from ._models import Member, made_model, model_read, model_write
from ._scalars import ANYTHING
from ._schema import Making, NoSchema, Schema, record
from ._state import builtin_base, state_of, surplus


def dataclass_of(cls: type[Any], parts: Mapping[str, Declared]) -> Declared:
    fields = {field.name for field in dataclasses.fields(cls)}
    if set(inspect.signature(cls).parameters) != fields:
        raise NoJsonForm(f"{cls.__name__} is not made of its fields alone")
    _refuse_builtin(cls)

    def write(value: Any) -> Any:
        if type(value) is not cls:
            return value
        own = {name: getattr(value, name) for name in parts if hasattr(value, name)}
        problem = _more(value, own, lambda: cls(**copy.deepcopy(own)))
        return problem or {name: parts[name].write(each) for name, each in own.items()}

    def read(value: Any, path: str) -> Any:
        return _made(cls, _parts(value, path, parts, parts), path, parts, lambda read_parts: cls(**read_parts), write)

    return Declared(write, read, True, schema=lambda making: _record(cls, parts, parts, making))


def typed_dict_of(cls: type[Any], parts: Mapping[str, Declared], required: abc.Collection[str]) -> Declared:
    def write(value: Any) -> Any:
        if not is_a(dict, value):
            return value
        return {name: parts[name].write(each) if name in parts else each for name, each in value.items()}

    return Declared(
        write,
        lambda value, path: _parts(value, path, parts, required),
        schema=lambda making: _record(cls, parts, [name for name in parts if name in required], making),
    )


def model_of(cls: type[Any], members: Sequence[Member], parts: Mapping[str, Declared]) -> Declared:
    _refuse_builtin(cls)
    attributes = {member.name: member.attribute for member in members}
    is_open = cls.model_config.get("extra") == "allow"

    def write(value: Any) -> Any:
        if type(value) is not cls:
            return value
        # One that was made without validation may lack some.
        has = {name: attribute for name, attribute in attributes.items() if hasattr(value, attribute)}
        own = {name: getattr(value, attribute) for name, attribute in has.items()}
        extra: dict[str, Any] = (value.model_extra or {}) if is_open else {}
        problem = _more(value, [*has.values(), *extra], lambda: made_model(cls, copy.deepcopy({**own, **extra}), ""))
        return problem or {**{name: parts[name].write(each) for name, each in own.items()}, **extra}

    def read(value: Any, path: str) -> Any:
        values = as_object(value, path)
        extra = {name: each for name, each in values.items() if is_open and name not in parts}
        own = _parts({name: each for name, each in values.items() if name not in extra}, path, parts, parts)
        every = {**parts, **dict.fromkeys(extra, ANYTHING)}
        return _made(cls, {**own, **extra}, path, every, lambda read_parts: made_model(cls, read_parts, path), write)

    return Declared(write, read, True, schema=lambda making: _record(cls, parts, parts, making, is_open=is_open))


def own_form_of(cls: type[Any]) -> Declared:
    def schema(_: Making) -> Schema:
        raise NoSchema(f"{cls.__name__} has a JSON form of its own")

    return Declared(
        lambda value: model_write(cls, value), lambda value, path: model_read(cls, value, path), True, schema=schema
    )


def _refuse_builtin(cls: type[Any]) -> None:
    """Raises HoldsMore for a class whose objects are also such as a dict, with its content."""
    base = builtin_base(cls)
    if base:
        raise HoldsMore(f"{cls.__name__} is a {base.__name__} too")


def _more(value: Any, fields: abc.Collection[str], make: Callable[[], Any]) -> Unwritable | None:
    """What stands for a value that holds more than its fields, and than follows from them; None if it does not."""
    others = [name for name in state_of(value) if name not in fields]
    if not others:
        return None
    name: str | None = others[0]
    with suppress(Exception):
        name = surplus(value, fields, make())
    return Unwritable(f"holds {name} besides the fields of {type(value).__name__}") if name else None


def _made(
    cls: type[Any],
    read_parts: dict[str, Any],
    path: str,
    parts: Mapping[str, Declared],
    make: Callable[[dict[str, Any]], Any],
    write: Callable[[Any], Any],
) -> Any:
    """A record of its parts; raises Unfit if its class refuses them, or makes something else of them."""
    approved = checked_value({name: parts[name].write(each) for name, each in read_parts.items()}, path)
    try:
        made = make(read_parts)
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 - the class's own code says that it does not fit
        raise Unfit(path, f"does not fit {cls.__name__}: {error}") from None
    # What the class makes something else of was not approved.
    if checked_value(write(made), path) != approved:
        raise Unfit(path, f"is changed by {cls.__name__}")
    return made


def _record(
    cls: type[Any],
    parts: Mapping[str, Declared],
    required: abc.Collection[str],
    making: Making,
    *,
    is_open: bool = False,
) -> Schema:
    with making.part(cls):
        return record({name: part.schema(making) for name, part in parts.items()}, required, is_open=is_open)


def _parts(value: Any, path: str, parts: Mapping[str, Declared], required: abc.Collection[str]) -> dict[str, Any]:
    values = as_object(value, path)
    for name in required:
        if name not in values:
            raise Unfit(at(path, name), "is missing")
    for name in values:
        if name not in parts:
            raise Unfit(at(path, name), "is not a parameter of the function")
    return {name: parts[name].read(each, at(path, name)) for name, each in values.items()}


def hints_of(cls: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise NoJsonForm(f"{cls.__name__} has types that cannot be resolved: {error}") from error


def is_typed_dict(cls: type[Any]) -> bool:
    return hasattr(cls, "keys") and hasattr(cls, "__required_keys__") and hasattr(cls, "__total__")


def required_keys(cls: type[Any]) -> list[str]:
    """The keys that must be there. Where annotations are strings, the class itself does not know of its markers."""
    required = set(cast("frozenset[str]", vars(cls)["__required_keys__"]))
    for name, hint in hints_of(cls).items():
        marker = str(typing.get_origin(hint))
        if marker.endswith(".NotRequired"):
            required.discard(name)
        elif marker.endswith(".Required"):
            required.add(name)
    return sorted(required)


def is_marker(origin: object) -> bool:
    return str(origin).rpartition(".")[2] in ("Required", "NotRequired", "ReadOnly")

"""Declared types whose JSON is one value: JSON's own, and classes that are texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID

from ._arguments import MAX_INTEGER, Unfit, Unwritable, checked_value
from ._kind import Declared, NoJsonForm, is_equal, same, schema_of
from ._schema import Schema, any_of
from ._texts import (
    DECIMAL_LENGTH,
    PATTERNS,
    fits,
    is_path_class,
    read_date,
    read_decimal,
    read_duration,
    read_instant,
    read_local,
    read_time,
    write_date,
    write_datetime,
    write_decimal,
    write_duration,
    write_time,
)


def _scalar(kinds: tuple[type, ...], problem: str, schema: Schema, made: Callable[[Any], Any] = same) -> Declared:
    def read(value: Any, path: str) -> Any:
        if type(value) not in kinds:
            raise Unfit(path, problem)
        return made(value)

    return Declared(same, read, schema=schema_of(schema))


def _text(
    cls: type[Any],
    write: Callable[[Any], str | None],
    forms: Mapping[str, Callable[[str], Any]],
    what: str,
) -> Declared:
    """A class whose values are texts, of one of these forms. Subclasses may be more than their texts."""

    def write_own(value: Any) -> Any:
        if _is_second(value):
            return Unwritable("is a repeated local time (fold=1), which JSON cannot express: give it an offset")
        text = write(value) if type(value) is cls else None
        return value if text is None else text

    def read(value: Any, path: str) -> Any:
        form = next((form for form in forms if type(value) is str and fits(form, value)), None)
        if form is None:
            raise Unfit(path, f"is not {what}")
        try:
            return forms[form](value)
        except ValueError:
            raise Unfit(path, f"is not {what} that Python can hold") from None

    schemas = [_SCHEMAS[form] for form in forms]
    return Declared(write_own, read, True, schema=schema_of(any_of(schemas)))


def _is_second(value: Any) -> bool:
    """Whether it is a time that a clock which was put back shows again, without the offset that would say so."""
    return isinstance(value, (datetime, time)) and value.fold == 1 and value.utcoffset() is None


_SCHEMAS: dict[str, Schema] = {
    "decimal": {"type": "string", "pattern": PATTERNS["decimal"], "maxLength": DECIMAL_LENGTH},
    "instant": {"type": "string", "format": "date-time", "pattern": PATTERNS["instant"]},
    "local": {"type": "string", "pattern": PATTERNS["local"]},
    "date": {"type": "string", "format": "date", "pattern": PATTERNS["date"]},
    "time": {"type": "string", "pattern": PATTERNS["time"]},
    # Without its format: that of RFC 3339, which the server checks, has neither fractions nor a sign.
    "duration": {"type": "string", "pattern": PATTERNS["duration"]},
    "uuid": {"type": "string", "format": "uuid", "pattern": PATTERNS["uuid"]},
}


# A copy: what made from it changes in place must not change what it is compared with.
ANYTHING = Declared(same, checked_value, schema=schema_of({}))


NONE = _scalar((type(None),), "is not null", {"type": "null"})


SCALARS: dict[type, Declared] = {
    type(None): NONE,
    bool: _scalar((bool,), "is not a boolean", {"type": "boolean"}),
    # What is whole, but too large to be exact, is a float in canonical JSON.
    int: _scalar((int,), "is not an integer", {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}),
    float: _scalar((int, float), "is not a number", {"type": "number"}, float),
    str: _scalar((str,), "is not a string", {"type": "string"}),
    Decimal: _text(Decimal, write_decimal, {"decimal": read_decimal}, "a decimal number in plain notation"),
    # The type does not say whether there is an offset; the value does.
    datetime: _text(datetime, write_datetime, {"instant": read_instant, "local": read_local}, "a date and time"),
    date: _text(date, write_date, {"date": read_date}, "a date"),
    time: _text(time, write_time, {"time": read_time}, "a time of day"),
    timedelta: _text(timedelta, write_duration, {"duration": read_duration}, "a duration"),
    UUID: _text(UUID, str, {"uuid": UUID}, "a UUID in lower case"),
}


def path_of(cls: type[Any]) -> Declared:
    def write(value: Any) -> Any:
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
        return str(value) if issubclass(kind, cls) and is_path_class(kind) else value

    def read(value: Any, path: str) -> Any:
        if type(value) is not str:
            raise Unfit(path, "is not a string")
        return cls(value)

    return Declared(write, read, True, schema=schema_of({"type": "string"}))


def literal(values: tuple[Any, ...]) -> Declared:
    for value in values:
        if type(value) not in (str, int, bool, type(None)):
            raise NoJsonForm(f"the literal {value!r} has no JSON form")
    allowed = ", ".join(map(repr, values))

    def read(value: Any, path: str) -> Any:
        if not any(is_equal(value, each) for each in values):
            raise Unfit(path, f"is not one of {allowed}")
        return value

    return Declared(same, read, schema=schema_of({"enum": list(values)}))


def enum_of(cls: type[Enum]) -> Declared:
    members: list[Enum] = list(cls)
    if issubclass(cls, Flag):
        raise NoJsonForm(f"{cls.__name__} is a Flag, which has no JSON form")
    if not all(type(member.value) in (str, int, bool) for member in members):
        raise NoJsonForm(f"{cls.__name__} has values that are neither str, int nor bool")

    def write(value: Any) -> Any:
        return value.value if type(value) is cls else value

    def read(value: Any, path: str) -> Any:
        for member in members:
            if is_equal(member.value, value):
                return member
        raise Unfit(path, f"is not one of {', '.join(repr(member.value) for member in members)}")

    return Declared(write, read, True, schema=schema_of({"enum": [member.value for member in members]}))

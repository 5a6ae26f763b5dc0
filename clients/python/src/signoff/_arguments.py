"""Arguments of a call: which can be approved, and a copy that no other code can change.

The copy is what the canonical JSON reads as, which is what a reviewer sees and a digest covers: 10.0 is 10, -0.0 is 0,
and keys are in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

MAX_DEPTH = 32
"""Objects and lists in each other, the arguments themselves being the first."""

MAX_INTEGER = 2**53 - 1
"""Integers beyond it, and beyond its negative, are not all different as doubles."""


class Unfit(Exception):
    """Arguments that cannot be approved as they are: where, and why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


class Unwritable:
    """Stands in JSON for a value that has no JSON, and says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


def checked(arguments: Any) -> dict[str, Any]:
    """Copies arguments that are a JSON object, as their canonical JSON reads; raises Unfit for any others.

    Only Python's own types are taken, not subclasses: a subclass can be more than its value, and only that is approved.
    """
    if type(arguments) is not dict:
        raise Unfit("", "is not a JSON object")
    copy: dict[str, Any] = checked_value(arguments)
    return copy


def checked_value(value: Any, path: str = "") -> Any:
    """As `checked`, for any JSON value."""
    return _value(value, path, 1)


def whole(number: float) -> int | float:
    """A number as its canonical JSON reads: an int where it is whole, and a double holds each of its neighbours."""
    return int(number) if number.is_integer() and abs(number) <= MAX_INTEGER else number


def in_order(names: Iterable[str]) -> list[str]:
    """Names in the order of canonical JSON, by their UTF-16 code units."""
    return sorted(names, key=lambda name: name.encode("utf-16-be"))


def _value(value: Any, path: str, depth: int) -> Any:
    kind = cast("type[object]", type(value))
    if value is None or kind is bool:
        return value
    if kind is str:
        if not _is_unicode(value):
            raise Unfit(path, "is not valid Unicode")
        return value
    if kind is int:
        if abs(value) > MAX_INTEGER:
            raise Unfit(path, "is an integer that a double cannot hold exactly")
        return value
    if kind is float:
        if not math.isfinite(value):
            raise Unfit(path, "is not a finite number")
        return whole(value)
    if kind is Unwritable:
        raise Unfit(path, value.problem)
    if kind is not dict and kind is not list:
        raise Unfit(path, f"is not JSON, but a {kind.__qualname__}")
    if depth > MAX_DEPTH:
        raise Unfit(path, f"is nested deeper than {MAX_DEPTH} objects and lists")
    if kind is list:
        return [_value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    names = in_order([_name(name, path) for name in value])
    return {name: _value(value[name], f"{path}.{name}" if path else name, depth + 1) for name in names}


def _name(name: object, path: str) -> str:
    if type(name) is not str:
        raise Unfit(path, "has a name that is not a string")
    if not _is_unicode(name):
        raise Unfit(path, "has a name that is not valid Unicode")
    return name


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

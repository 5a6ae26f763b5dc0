"""What objects of dataclasses and models hold, whether their JSON says it or not."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping
from datetime import datetime, time
from typing import Any

_NUMBERS = (int, float)
_PYTHONS_OWN = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: of classes that are made by a class statement. Others may hold a value of their own."""


def builtin_base(cls: type[Any]) -> type[Any] | None:
    """A class such as dict that it is one of, whose content is no attribute; None if there is none."""
    bases = [each for each in cls.__mro__ if each is not object and not each.__flags__ & _PYTHONS_OWN]
    return bases[0] if bases else None


def state_of(value: Any) -> dict[str, Any]:
    """The attributes that the object itself has. What `cached_property` keeps follows from the others."""
    cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    state = {name: each for name, each in getattr(value, "__dict__", {}).items() if not _is_cached(cls, name)}
    for each in cls.__mro__:
        slots = vars(each).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            attribute = f"_{each.__name__.lstrip('_')}{name}" if _is_mangled(name) else name
            if not _is_dunder(name) and hasattr(value, attribute):
                state[attribute] = getattr(value, attribute)
    # A model keeps them aside.
    for kept in ("__pydantic_extra__", "__pydantic_private__"):
        state.update(getattr(value, kept, None) or {})
    return state


def surplus(value: Any, fields: Collection[str], made: Any) -> str | None:
    """An attribute besides the fields that another object, made of the same fields, does not have; None if none is."""
    state, of_made = state_of(value), state_of(made)
    for name in state:
        if name not in fields and not (name in of_made and is_same(state[name], of_made[name])):
            return name
    return None


def is_same(one: Any, other: Any) -> bool:
    """Whether they hold the same, also where `==` says so of more: only numbers may be of other types."""
    if type(one) in _NUMBERS and type(other) in _NUMBERS:
        return bool(one == other)
    kind: type[Any] = type(one)  # pyright: ignore[reportUnknownVariableType]
    if kind is not type(other):
        return False
    if issubclass(kind, (datetime, time)):
        # One with an offset says by it which of two equal times it is.
        is_fixed = one.utcoffset() is not None or one.fold == other.fold
        return bool(is_fixed and one.isoformat() == other.isoformat())
    if issubclass(kind, Mapping):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if issubclass(kind, (list, tuple)):
        return len(one) == len(other) and all(is_same(each, its) for each, its in zip(one, other, strict=True))
    if issubclass(kind, (set, frozenset)):
        return bool(one == other) and all(any(is_same(each, its) for its in other) for each in one)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "__pydantic_validator__"):
        return is_same(state_of(one), state_of(other))
    return bool(one == other) and repr(one) == repr(other)


def _is_cached(cls: type[Any], name: str) -> bool:
    return any(isinstance(vars(each).get(name), functools.cached_property) for each in cls.__mro__)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")

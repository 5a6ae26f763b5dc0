"""One declared type: how a value becomes JSON, and how JSON becomes the value again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from ._arguments import Unfit
from ._schema import Making, Schema


class NoJsonForm(Exception):
    """A type that cannot be shown as JSON and rebuilt from it."""


class HoldsMore(NoJsonForm):
    """A type whose values hold what its JSON does not say: no form shows all of it."""


@dataclasses.dataclass(frozen=True)
class Declared:
    """One declared type.

    write: a value of the type as JSON. Other values are left as they are; whether they are JSON is checked later.
    read: the value that canonical JSON stands for, at a path; raises Unfit.
    is_class: whether the value tells its type, unlike JSON's own.
    schema: the JSON Schema of what is written; raises NoSchema if there is none.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]
    is_class: bool = False
    schema: Callable[[Making], Schema] = dataclasses.field(kw_only=True)


def at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def same(value: Any) -> Any:
    return value


def schema_of(schema: Schema) -> Callable[[Making], Schema]:
    def make(making: Making) -> Schema:
        with making.part():
            return dict(schema)

    return make


def is_a(kind: type, value: Any) -> bool:
    """Whether it is of Python's own type, not of a subclass: only that is JSON."""
    return type(value) is kind


def as_list(value: Any, path: str) -> list[Any]:
    if not is_a(list, value):
        raise Unfit(path, "is not a list")
    return cast("list[Any]", value)


def as_object(value: Any, path: str) -> dict[str, Any]:
    if not is_a(dict, value):
        raise Unfit(path, "is not an object")
    return cast("dict[str, Any]", value)


def is_equal(one: object, other: object) -> bool:
    """As JSON: True is not 1."""
    return type(one) is type(other) and one == other

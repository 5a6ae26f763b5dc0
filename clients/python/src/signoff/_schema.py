"""JSON Schemas of declared types, in the forms of docs/values.md."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import rfc8785

Schema = dict[str, Any]

MAX_BYTES = 16 * 1024
"""Of a schema, as canonical JSON."""

_MAX_PARTS = 4096
"""Of a schema, so that one that is far too large is not made at all."""


class NoSchema(Exception):
    """A type that has no schema: why."""


class Making:
    """The schema that is being made: which records its innermost part is in, and how many parts there are."""

    def __init__(self) -> None:
        self._within: list[object] = []
        self._parts = 0

    @contextmanager
    def part(self, cls: type[Any] | None = None) -> Generator[None]:
        """Around each part; with its class for those that could have themselves as parts."""
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise NoSchema("it is too large")
        if cls is None:
            yield
            return
        if cls in self._within:
            raise NoSchema(f"{cls.__name__} has itself as a part")
        self._within.append(cls)
        try:
            yield
        finally:
            self._within.pop()


def record(properties: dict[str, Schema], required: Iterable[str], *, is_open: bool = False) -> Schema:
    """Of an object with these members, and, unless it is open, no others."""
    schema: Schema = {"type": "object", "properties": properties, "required": list(required)}
    return schema if is_open else {**schema, "additionalProperties": False}


def any_of(schemas: list[Schema]) -> Schema:
    """Of what fits one of several."""
    different = [each for index, each in enumerate(schemas) if each not in schemas[:index]]
    return different[0] if len(different) == 1 else {"anyOf": different}


def checked_size(schema: Schema) -> Schema:
    """The schema; raises NoSchema if it is too large."""
    size = len(rfc8785.dumps(schema))
    if size > MAX_BYTES:
        raise NoSchema(f"it has {size} bytes; at most {MAX_BYTES} are sent")
    return schema

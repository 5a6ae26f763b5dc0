"""JSON Schemas of declared types, in the forms of docs/values.md."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import rfc8785

Schema = dict[str, Any]

_MAX_BYTES = 16 * 1024
"""Of a schema, as canonical JSON."""

_MAX_PATTERNS = 40
"""The server takes more, but then not with arguments of any size."""

_MAX_NODES = 2_000
"""Objects and booleans."""

_MAX_LEVELS = 32
"""Of objects and arrays: the server's library for protobuf decodes few more."""

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
            raise NoSchema(f"{cls.__name__} contains itself")
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


@dataclass
class _Size:
    """A schema, measured as the server does."""

    patterns: int = 0
    nodes: int = 0
    levels: int = 0

    @staticmethod
    def of(value: Any) -> _Size:
        if isinstance(value, bool):
            return _Size(nodes=1)
        if not isinstance(value, (dict, list)):
            return _Size()
        members = cast("Schema | list[Any]", value)
        size = _Size(levels=1)
        if isinstance(members, dict):
            size.nodes = 1
            size.patterns = int(isinstance(members.get("pattern"), str))
        for part in map(_Size.of, members.values() if isinstance(members, dict) else members):
            size.patterns += part.patterns
            size.nodes += part.nodes
            size.levels = max(size.levels, part.levels + 1)
        return size


def checked_size(schema: Schema) -> Schema:
    """The schema; raises NoSchema if it is too large."""
    size = _Size.of(schema)
    for what, has, can in (
        ("bytes", len(rfc8785.dumps(schema)), _MAX_BYTES),
        ("patterns", size.patterns, _MAX_PATTERNS),
        ("objects and booleans", size.nodes, _MAX_NODES),
        ("levels", size.levels, _MAX_LEVELS),
    ):
        if has > can:
            raise NoSchema(f"it has {has} {what}; the maximum is {can}")
    return schema

"""JSON Schemas of frameworks' tools, as the server takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import rfc8785

from .._arguments import Unfit, checked

MAX_BYTES = 16 * 1024
"""Of a schema, as canonical JSON. Servers take no more."""

_NOT_LINEAR = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]|\(\?P=")
"""Look-around and back-references, which the server's patterns have not."""


def sendable(schema: dict[str, Any], *, closed: bool) -> dict[str, Any] | None:
    """The schema for reviewers' edits, or None if the server would refuse it.

    A closed one has all its properties required, and no others.
    """
    try:
        found = checked(_without_costly_patterns(schema))
        if closed:
            found = {**found, "additionalProperties": False, "required": list(found.get("properties", {}))}
        is_usable = len(rfc8785.dumps(found)) <= MAX_BYTES and not _is_recursive(found)
    except (Unfit, KeyError, TypeError):
        return None
    return found if is_usable else None


def _without_costly_patterns(schema: Any) -> Any:
    """The schema without patterns that the server refuses; the tool's own types still have them."""
    if isinstance(schema, dict):
        pattern = schema.get("pattern")
        is_costly = isinstance(pattern, str) and _NOT_LINEAR.search(pattern)
        kept = {name: each for name, each in schema.items() if not (name == "pattern" and is_costly)}
        return {name: _without_costly_patterns(each) for name, each in kept.items()}
    if isinstance(schema, (list, tuple)):
        return [_without_costly_patterns(each) for each in schema]
    return schema


def _is_recursive(schema: dict[str, Any]) -> bool:
    """Whether a type has itself as a part, which the server refuses."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    parts = {f"#/$defs/{name}": set(_references(each)) for name, each in definitions.items()}

    def leads_back(start: str) -> bool:
        seen: set[str] = set()
        left = [start]
        while left:
            for each in parts.get(left.pop(), ()):
                if each == start:
                    return True
                if each not in seen:
                    seen.add(each)
                    left.append(each)
        return False

    return any(leads_back(each) for each in parts)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)

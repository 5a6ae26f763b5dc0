"""JSON Schemas of frameworks' tools, as the server takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

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


_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref", "if")
"""What says itself which other names an object has, or leaves it to several schemas."""

_PARTIAL = ("allOf", "not", "if", "then", "else", "dependentSchemas", "contains", "propertyNames")
"""Schemas of what others describe as well."""

_ZONED = re.compile(r"(?:[Zz]|[+-]\d{2}:\d{2})$")


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy in which objects have no other names than their properties, unless the schema says otherwise.

    Tools leave other names out, and a reviewer would take them for what is run.
    """
    return cast("dict[str, Any]", _closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {name: each if name in (*_PARTIAL, *_DATA) else _closed(each) for name, each in schema.items()}
    for by_name in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(by_name), dict):
            copied[by_name] = {name: _without_unfit_format(_closed(each)) for name, each in schema[by_name].items()}
    if isinstance(schema.get("properties"), dict) and not any(name in schema for name in _OPEN):
        copied["additionalProperties"] = False
    return copied


_DATA = ("default", "const", "enum", "examples", "properties", "$defs", "definitions")
"""What is no schema, or has schemas by names of any kind."""


def _without_unfit_format(schema: Any) -> Any:
    """Without a format that the default has not: Python's times may have no zone, those of JSON Schema have one."""
    if not isinstance(schema, dict) or schema.get("format") not in ("date-time", "time"):
        return schema
    default = schema.get("default")
    is_unfit = isinstance(default, str) and not _ZONED.search(default)
    return {name: each for name, each in schema.items() if name != "format"} if is_unfit else schema


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
    """Whether a type contains itself, which the server refuses."""
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

"""Sets in the JSON form of values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import rfc8785
from pydantic import BaseModel, RootModel


def with_sorted_sets(value: Any, written: Any) -> Any:
    """The JSON that pydantic wrote of a value, with its sets sorted.

    A set has another order in each process, and a call that is made again in another one would not be the same. The
    order is the one of docs/values.md. What a serializer of its own wrote in another shape than the value's stays.
    """
    if isinstance(value, RootModel):
        return with_sorted_sets(cast("RootModel[Any]", value).root, written)
    if isinstance(value, (list, tuple, set, frozenset)) and isinstance(written, list):
        values, texts = list(cast("list[Any]", value)), cast("list[Any]", written)
        if len(values) != len(texts):
            return texts
        texts = [with_sorted_sets(each, text) for each, text in zip(values, texts, strict=True)]
        if isinstance(value, (set, frozenset)):
            # What has no canonical JSON is refused later.
            with suppress(rfc8785.CanonicalizationError):
                texts.sort(key=canonical)
        return texts
    if isinstance(written, dict):
        texts_by_name = dict(cast("dict[str, Any]", written))
        for name, part in _parts(value, texts_by_name):
            texts_by_name[name] = with_sorted_sets(part, texts_by_name[name])
        return texts_by_name
    return written


def _parts(value: Any, written: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Parts of a value, by their names in its JSON."""
    if isinstance(value, dict):
        parts = cast("dict[Any, Any]", value)
        if len(parts) == len(written):
            yield from zip(list(written), parts.values(), strict=True)
        return
    fields: dict[str, Any] = {}
    if isinstance(value, BaseModel):
        fields = {**type(value).model_fields, **dict.fromkeys(value.model_extra or {})}
    elif dataclasses.is_dataclass(value):
        own = getattr(value, "__pydantic_fields__", {})
        fields = {each.name: own.get(each.name) for each in dataclasses.fields(value)}
    for name, field in fields.items():
        for known in (getattr(field, "serialization_alias", None), name):
            if known in written:
                yield known, getattr(value, name, None)
                break


def canonical(value: Any) -> bytes:
    """What JSON is sorted by."""
    return rfc8785.dumps(value).decode().encode("utf-16-be")

"""Parts of arguments that their JSON form leaves out, so that a reviewer would not see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from .._arguments import Unfit


def refuse_hidden(value: Any, besides: Collection[str] = (), path: str = "") -> None:
    """Raises Unfit if a model in the value has a field with `exclude`; `besides` are fields of the value itself."""
    for name, part, is_hidden in _parts(value):
        if name in besides:
            continue
        where = f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"
        if is_hidden:
            raise Unfit(where, "is excluded from the JSON form, so that a reviewer would not see it")
        refuse_hidden(part, path=where)


def _parts(value: Any) -> Iterator[tuple[str, Any, bool]]:
    if isinstance(value, BaseModel):
        yield from _fields(value, type(value).model_fields)
        for name, part in (value.model_extra or {}).items():
            yield name, part, False
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _fields(value, getattr(value, "__pydantic_fields__", {}))
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name, None), False
    elif isinstance(value, dict):
        for name, part in value.items():
            yield str(name), part, False
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, part in enumerate(value):
            yield f"[{index}]", part, False


def _fields(value: Any, fields: dict[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    for name, field in fields.items():
        is_hidden = bool(field.exclude) or getattr(field, "exclude_if", None) is not None
        yield name, getattr(value, name, None), is_hidden

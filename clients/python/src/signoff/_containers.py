"""Declared types that are made of others: lists, tuples, sets, objects and unions."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import rfc8785

from ._arguments import Unfit, checked_value
from ._kind import Declared, as_list, as_object, at, is_a, is_equal
from ._schema import Making, Schema, any_of


def list_of(item: Declared) -> Declared:
    def write(value: Any) -> Any:
        return [item.write(each) for each in value] if is_a(list, value) else value

    def read(value: Any, path: str) -> Any:
        return [item.read(each, f"{path}[{index}]") for index, each in enumerate(as_list(value, path))]

    return Declared(write, read, schema=lambda making: _array(item, making))


def _array(item: Declared, making: Making) -> Schema:
    with making.part():
        items = item.schema(making)
        return {"type": "array", **({"items": items} if items else {})}


def tuple_of(items: list[Declared], every: Declared | None) -> Declared:
    def each_of(value: Any) -> list[Declared]:
        return [every] * len(value) if every else items

    def write(value: Any) -> Any:
        if not is_a(tuple, value):
            return value
        kinds = each_of(value)
        # One of another length does not fit, which reading it says.
        return (
            [kind.write(each) for kind, each in zip(kinds, value, strict=True)]
            if len(kinds) == len(value)
            else [*value]
        )

    def read(value: Any, path: str) -> Any:
        values = as_list(value, path)
        kinds = each_of(values)
        if len(kinds) != len(values):
            raise Unfit(path, f"is not a list of {len(kinds)}")
        pairs = enumerate(zip(kinds, values, strict=True))
        return tuple(kind.read(each, f"{path}[{index}]") for index, (kind, each) in pairs)

    def schema(making: Making) -> Schema:
        if every:
            return _array(every, making)
        with making.part():
            length: Schema = {"minItems": len(items), "maxItems": len(items)}
            prefix: Schema = {"prefixItems": [each.schema(making) for each in items]} if items else {}
            return {"type": "array", **prefix, **length}

    return Declared(write, read, True, schema=schema)


def set_of(cls: type[Any], item: Declared) -> Declared:
    def write(value: Any) -> Any:
        if type(value) is not cls:
            return value
        written = [item.write(each) for each in value]
        # What is not JSON is found later.
        with suppress(rfc8785.CanonicalizationError):
            written.sort(key=_canonical)
        return written

    def read(value: Any, path: str) -> Any:
        values = [item.read(each, f"{path}[{index}]") for index, each in enumerate(as_list(value, path))]
        if len({_canonical(item.write(each)) for each in values}) < len(values):
            raise Unfit(path, "has a duplicate element")
        try:
            return cls(values)
        except TypeError:
            raise Unfit(path, "has elements that Python cannot hold in a set") from None

    def schema(making: Making) -> Schema:
        return {**_array(item, making), "uniqueItems": True}

    return Declared(write, read, True, schema=schema)


def _canonical(value: Any) -> bytes:
    """In the order of texts of canonical JSON."""
    return rfc8785.dumps(value).decode().encode("utf-16-be")


def object_of(item: Declared) -> Declared:
    def write(value: Any) -> Any:
        return {name: item.write(each) for name, each in value.items()} if is_a(dict, value) else value

    def read(value: Any, path: str) -> Any:
        return {name: item.read(each, at(path, name)) for name, each in as_object(value, path).items()}

    def schema(making: Making) -> Schema:
        with making.part():
            values = item.schema(making)
            return {"type": "object", **({"additionalProperties": values} if values else {})}

    return Declared(write, read, schema=schema)


def union_of(members: list[Declared]) -> Declared:
    def write(value: Any) -> Any:
        for member in members:
            written = member.write(value)
            try:
                member.read(checked_value(written), "")
            except Unfit:
                continue
            return written
        return value

    def read(value: Any, path: str) -> Any:
        fitting: list[tuple[Declared, Any]] = []
        problems: list[Unfit] = []
        for member in members:
            try:
                fitting.append((member, member.read(value, path)))
            except Unfit as unfit:
                problems.append(unfit)
        if not fitting:
            # With None aside there is often one type, whose problem says more.
            problems = [unfit for unfit in problems if unfit.problem != "is not null"] or problems
            raise problems[0] if len(problems) == 1 else Unfit(path, "fits none of the types that are declared")
        first = fitting[0][1]
        if any(member.is_class for member, _ in fitting) and not all(is_equal(first, each) for _, each in fitting):
            raise Unfit(path, "fits more than one of the types that are declared")
        return first

    def schema(making: Making) -> Schema:
        with making.part():
            return any_of([member.schema(making) for member in members])

    return Declared(write, read, any(member.is_class for member in members), schema=schema)

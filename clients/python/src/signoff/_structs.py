"""JSON objects as google.protobuf.Struct, and back."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from ._arguments import in_order, whole


def to_struct(value: dict[str, Any]) -> Struct:
    """The Struct of an object of which `checked` has made sure that it is JSON."""
    return Struct(fields={name: _to_value(item) for name, item in value.items()})


def _to_value(value: Any) -> Value:
    kind = cast("type[object]", type(value))
    if value is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if kind is bool:
        return Value(bool_value=value)
    if kind is str:
        return Value(string_value=value)
    if kind is list:
        return Value(list_value=ListValue(values=[_to_value(item) for item in value]))
    if kind is dict:
        return Value(struct_value=to_struct(value))
    return Value(number_value=value)


def from_struct(struct: Struct) -> dict[str, Any]:
    """The object of a Struct, as its canonical JSON reads."""
    return {name: _from_value(struct.fields[name]) for name in in_order(struct.fields)}


def _from_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "bool_value":
        return value.bool_value
    if kind == "string_value":
        return value.string_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "number_value":
        return whole(value.number_value)
    return None

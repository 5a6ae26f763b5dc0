"""Models of pydantic as types of parameters. Pydantic is not imported: its classes are known by their methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import rfc8785

from ._arguments import Unfit, Unwritable, checked_value
from ._kind import HoldsMore
from ._state import is_same


def is_model(cls: type[Any]) -> bool:
    """Whether it is a class of models, of pydantic 2."""
    return all(hasattr(cls, name) for name in ("__pydantic_validator__", "model_validate_json", "model_dump"))


@dataclass(frozen=True)
class Member:
    """One member of a model: its name in JSON, its attribute and its type."""

    name: str
    attribute: str
    annotation: Any


def members_of(cls: type[Any]) -> Sequence[Member] | None:
    """The members that a model shows; None if it has a JSON form of its own, which only it can write and read.

    Raises HoldsMore for one that has others, which the function would get at their defaults.
    """
    for name, field in cls.model_fields.items():
        if field.exclude:
            raise HoldsMore(f"{cls.__name__} omits {name} from its JSON")
    for name in cls.__private_attributes__:
        raise HoldsMore(f"{cls.__name__} has the private attribute {name}, which is not in its JSON")
    decorators = cls.__pydantic_decorators__
    if cls.__pydantic_root_model__ or decorators.field_serializers or decorators.model_serializers:
        return None
    members: list[Member] = []
    for attribute, field in cls.model_fields.items():
        name = field.serialization_alias or field.alias or attribute
        # Validated under another name than it is written, or under several.
        if field.validation_alias not in (None, name) or not hasattr(field, "metadata"):
            return None
        if any(type(each).__module__.startswith("pydantic.functional_serializers") for each in field.metadata):
            return None
        members.append(Member(name, attribute, field.annotation))
    return members


def made_model(cls: type[Any], values: dict[str, Any], path: str) -> Any:
    """The model of values in the types of its members; raises Unfit if it refuses them."""
    try:
        return cls.model_validate(values, strict=True)
    except ValueError as error:
        raise _unfit(cls, error, path) from None


def model_write(cls: type[Any], value: Any) -> Any:
    """A model as JSON, if that is complete; any other value unchanged."""
    if type(value) is not cls:
        return value
    try:
        written = _dumped(value)
    except Exception as error:  # noqa: BLE001 - serializers are anybody's own code
        return Unwritable(f"as {cls.__name__} has no JSON form: {error}")
    try:
        read = model_read(cls, checked_value(written), "")
    except Unfit:
        # Reading says it, with its place.
        return written
    return written if is_same(read, value) else Unwritable(f"as {cls.__name__} is not what its JSON reads as")


def _dumped(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, round_trip=True)


def model_read(cls: type[Any], value: Any, path: str) -> Any:
    """The model of a JSON value; raises Unfit if there is none, or if the model says something else."""
    try:
        model = cls.model_validate_json(rfc8785.dumps(value), strict=True)
    except ValueError as error:
        raise _unfit(cls, error, path) from None
    # Whatever the model would drop, add or change was not approved.
    if checked_value(_dumped(model), path) != value:
        raise Unfit(path, f"is changed by {cls.__name__}")
    return model


def _unfit(cls: type[Any], error: ValueError, path: str) -> Unfit:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return Unfit(path, f"does not fit {cls.__name__}: {error}")
    first = cast("list[dict[str, Any]]", errors())[0]
    for part in first["loc"]:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return Unfit(path, f"does not fit {cls.__name__}: {first['msg']}")

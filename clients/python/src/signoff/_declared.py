"""The declared types of parameters: how a value becomes JSON, and how JSON becomes the value again.

What a function gets is rebuilt from what was approved. So a declared type must say all of it: types that JSON has no
form for are refused when a function is wrapped, and values that do not fit before anybody is asked, or claimed.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from enum import Enum, Flag
from typing import Any, Literal, NewType, TypeVar, Union, cast

from ._arguments import Unfit, checked_value
from ._models import is_model, model_read, model_write

_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)
_OBJECTS = (dict, abc.Mapping, abc.MutableMapping)
_UNIONS = (Union, types.UnionType)
_ANY = (Any, object, inspect.Parameter.empty)


class NoJsonForm(Exception):
    """A type that cannot be shown as JSON and rebuilt from it."""


@dataclasses.dataclass(frozen=True)
class Declared:
    """One declared type.

    write: a value of the type as JSON. Other values are left as they are; whether they are JSON is checked later.
    read: the value that canonical JSON stands for, at a path; raises Unfit.
    is_class: whether the value tells its type, unlike JSON's own.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]
    is_class: bool = False


def declared(annotation: Any) -> Declared:
    """Reads an annotation that has no strings in it any more; raises NoJsonForm."""
    return _Reader().read(annotation)


def optional(one: Declared) -> Declared:
    """The type, or None."""
    return _union([one, _NONE])


class _Reader:
    def __init__(self) -> None:
        # Types may have themselves as parts.
        self._seen: dict[Any, Declared] = {}

    def read(self, annotation: Any) -> Declared:
        if any(annotation is each for each in _ANY):
            return _ANYTHING
        if annotation is None:
            return _NONE
        if isinstance(annotation, type) and annotation in _SCALARS:
            return _SCALARS[annotation]
        if isinstance(annotation, NewType):
            return self.read(annotation.__supertype__)
        if isinstance(annotation, TypeVar):
            return self._variable(annotation)
        # `type X = …`, since Python 3.12.
        value = getattr(annotation, "__value__", None)
        if type(annotation).__name__ == "TypeAliasType" and value is not None:
            return self.read(value)
        origin = typing.get_origin(annotation)
        if origin is not None:
            return self._generic(annotation, origin, typing.get_args(annotation))
        if any(annotation is each for each in _LISTS):
            return _list(_ANYTHING)
        if any(annotation is each for each in _OBJECTS):
            return _object(_ANYTHING)
        if isinstance(annotation, type):
            return self._class(cast("type[Any]", annotation))
        raise NoJsonForm(f"{annotation!r} has no JSON form")

    def _variable(self, variable: TypeVar) -> Declared:
        if variable.__constraints__:
            return _union([self.read(each) for each in variable.__constraints__])
        bound: Any = variable.__bound__
        return _ANYTHING if bound is None else self.read(bound)

    def _generic(self, annotation: Any, origin: Any, args: tuple[Any, ...]) -> Declared:
        if origin is typing.Annotated or _is_marker(origin):
            return self.read(args[0])
        if origin in _UNIONS:
            return _union([self.read(each) for each in args])
        if origin is Literal:
            return _literal(args)
        # Those of `typing` may be without arguments.
        if origin in _LISTS:
            return _list(self.read(args[0]) if args else _ANYTHING)
        if origin in _OBJECTS and not args:
            return _object(_ANYTHING)
        if origin in _OBJECTS:
            if args[0] is not str:
                raise NoJsonForm(f"{annotation!r} has keys that are not str")
            return _object(self.read(args[1]))
        if origin is tuple and annotation is not typing.Tuple:  # noqa: UP006
            if len(args) == 2 and args[1] is Ellipsis:
                return _tuple([], self.read(args[0]))
            return _tuple([self.read(each) for each in args], None)
        raise NoJsonForm(f"{annotation!r} has no JSON form")

    def _class(self, cls: type[Any]) -> Declared:
        if cls not in self._seen:
            parts: dict[str, Declared] = {}
            if issubclass(cls, Enum):
                return _enum(cls)
            if is_model(cls):
                return Declared(lambda value: model_write(cls, value), lambda v, path: model_read(cls, v, path), True)
            if dataclasses.is_dataclass(cls):
                self._seen[cls] = _dataclass(cls, parts)
            elif _is_typed_dict(cls):
                self._seen[cls] = _typed_dict(parts, _required(cls))
            else:
                raise NoJsonForm(f"{cls.__name__} has no JSON form")
            hints = _hints(cls)
            names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else hints
            parts.update({name: self.read(hints[name]) for name in names})
        return self._seen[cls]


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise NoJsonForm(f"{cls.__name__} has types that cannot be resolved: {error}") from error


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _same(value: Any) -> Any:
    return value


def _scalar(kinds: tuple[type, ...], problem: str, made: Callable[[Any], Any] = _same) -> Declared:
    def read(value: Any, path: str) -> Any:
        if type(value) not in kinds:
            raise Unfit(path, problem)
        return made(value)

    return Declared(_same, read)


# A copy: what made from it changes in place must not change what it is compared with.
_ANYTHING = Declared(_same, checked_value)
_NONE = _scalar((type(None),), "is not null")
_SCALARS: dict[type, Declared] = {
    type(None): _NONE,
    bool: _scalar((bool,), "is not true or false"),
    # What is whole, but too large to be exact, is a float in canonical JSON.
    int: _scalar((int,), "is not an integer"),
    float: _scalar((int, float), "is not a number", float),
    str: _scalar((str,), "is not text"),
}


def _list(item: Declared) -> Declared:
    def write(value: Any) -> Any:
        return [item.write(each) for each in value] if _is_a(list, value) else value

    def read(value: Any, path: str) -> Any:
        return [item.read(each, f"{path}[{index}]") for index, each in enumerate(_as_list(value, path))]

    return Declared(write, read)


def _tuple(items: list[Declared], every: Declared | None) -> Declared:
    def each_of(value: Any) -> list[Declared]:
        return [every] * len(value) if every else items

    def write(value: Any) -> Any:
        if not _is_a(tuple, value):
            return value
        kinds = each_of(value)
        # One of another length does not fit, which reading it says.
        return (
            [kind.write(each) for kind, each in zip(kinds, value, strict=True)]
            if len(kinds) == len(value)
            else [*value]
        )

    def read(value: Any, path: str) -> Any:
        values = _as_list(value, path)
        kinds = each_of(values)
        if len(kinds) != len(values):
            raise Unfit(path, f"is not a list of {len(kinds)}")
        pairs = enumerate(zip(kinds, values, strict=True))
        return tuple(kind.read(each, f"{path}[{index}]") for index, (kind, each) in pairs)

    return Declared(write, read, True)


def _object(item: Declared) -> Declared:
    def write(value: Any) -> Any:
        return {name: item.write(each) for name, each in value.items()} if _is_a(dict, value) else value

    def read(value: Any, path: str) -> Any:
        return {name: item.read(each, _at(path, name)) for name, each in _as_object(value, path).items()}

    return Declared(write, read)


def _is_a(kind: type, value: Any) -> bool:
    """Whether it is of Python's own type, not of a subclass: only that is JSON."""
    return type(value) is kind


def _as_list(value: Any, path: str) -> list[Any]:
    if not _is_a(list, value):
        raise Unfit(path, "is not a list")
    return cast("list[Any]", value)


def _as_object(value: Any, path: str) -> dict[str, Any]:
    if not _is_a(dict, value):
        raise Unfit(path, "is not an object")
    return cast("dict[str, Any]", value)


def _union(members: list[Declared]) -> Declared:
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
        if any(member.is_class for member, _ in fitting) and not all(_is_equal(first, each) for _, each in fitting):
            raise Unfit(path, "fits more than one of the types that are declared")
        return first

    return Declared(write, read, any(member.is_class for member in members))


def _is_equal(one: object, other: object) -> bool:
    """As JSON: True is not 1."""
    return type(one) is type(other) and one == other


def _literal(values: tuple[Any, ...]) -> Declared:
    for value in values:
        if type(value) not in (str, int, bool, type(None)):
            raise NoJsonForm(f"the literal {value!r} has no JSON form")
    allowed = ", ".join(map(repr, values))

    def read(value: Any, path: str) -> Any:
        if not any(_is_equal(value, each) for each in values):
            raise Unfit(path, f"is not one of {allowed}")
        return value

    return Declared(_same, read)


def _enum(cls: type[Enum]) -> Declared:
    members: list[Enum] = list(cls)
    if issubclass(cls, Flag):
        raise NoJsonForm(f"{cls.__name__} is a Flag, which has no JSON form")
    if not all(type(member.value) in (str, int, bool) for member in members):
        raise NoJsonForm(f"{cls.__name__} has values that are neither str, int nor bool")

    def write(value: Any) -> Any:
        return value.value if type(value) is cls else value

    def read(value: Any, path: str) -> Any:
        for member in members:
            if _is_equal(member.value, value):
                return member
        raise Unfit(path, f"is not one of {', '.join(repr(member.value) for member in members)}")

    return Declared(write, read, True)


def _dataclass(cls: type[Any], parts: Mapping[str, Declared]) -> Declared:
    fields = {field.name for field in dataclasses.fields(cls)}
    if set(inspect.signature(cls).parameters) != fields:
        raise NoJsonForm(f"{cls.__name__} is not made of its fields alone")

    def write(value: Any) -> Any:
        if type(value) is cls:
            return {name: part.write(getattr(value, name)) for name, part in parts.items()}
        return value

    def read(value: Any, path: str) -> Any:
        read_parts = _parts(value, path, parts, parts)
        try:
            made = cls(**read_parts)
        except Exception as error:  # noqa: BLE001 - the class's own code says that it does not fit
            raise Unfit(path, f"does not fit {cls.__name__}: {error}") from None
        # What the class makes something else of was not approved.
        if checked_value(write(made), path) != value:
            raise Unfit(path, f"is changed by {cls.__name__}")
        return made

    return Declared(write, read, True)


def _typed_dict(parts: Mapping[str, Declared], required: abc.Collection[str]) -> Declared:
    def write(value: Any) -> Any:
        if not _is_a(dict, value):
            return value
        return {name: parts[name].write(each) if name in parts else each for name, each in value.items()}

    return Declared(write, lambda value, path: _parts(value, path, parts, required))


def _parts(value: Any, path: str, parts: Mapping[str, Declared], required: abc.Collection[str]) -> dict[str, Any]:
    values = _as_object(value, path)
    for name in required:
        if name not in values:
            raise Unfit(_at(path, name), "is missing")
    for name in values:
        if name not in parts:
            raise Unfit(_at(path, name), "is not one that the function takes")
    return {name: parts[name].read(each, _at(path, name)) for name, each in values.items()}


def _is_typed_dict(cls: type[Any]) -> bool:
    return hasattr(cls, "keys") and hasattr(cls, "__required_keys__") and hasattr(cls, "__total__")


def _required(cls: type[Any]) -> list[str]:
    """The keys that must be there. Where annotations are strings, the class itself does not know of its markers."""
    required = set(cast("frozenset[str]", vars(cls)["__required_keys__"]))
    for name, hint in _hints(cls).items():
        marker = str(typing.get_origin(hint))
        if marker.endswith(".NotRequired"):
            required.discard(name)
        elif marker.endswith(".Required"):
            required.add(name)
    return sorted(required)


def _is_marker(origin: object) -> bool:
    return str(origin).rpartition(".")[2] in ("Required", "NotRequired", "ReadOnly")

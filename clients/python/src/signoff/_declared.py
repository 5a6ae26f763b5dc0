"""The declared types of parameters: how a value becomes JSON, and how JSON becomes the value again.

A function gets its arguments rebuilt from the approved JSON. So a declared type must cover all of a value: types
without a JSON form are rejected when a function is wrapped, and values that do not fit before anybody is asked, or
before the claim.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections import abc
from enum import Enum
from typing import Any, Literal, NewType, TypeVar, Union, cast

from ._containers import list_of, object_of, set_of, tuple_of, union_of
from ._kind import Declared, HoldsMore, NoJsonForm
from ._models import is_model, members_of
from ._records import (
    dataclass_of,
    hints_of,
    is_marker,
    is_typed_dict,
    model_of,
    own_form_of,
    required_keys,
    typed_dict_of,
)
from ._scalars import ANYTHING, NONE, SCALARS, enum_of, literal, path_of
from ._texts import (
    is_path_class,
)

_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)


_SETS: dict[Any, type[Any]] = {
    set: set,
    frozenset: frozenset,
    abc.Set: frozenset,
    abc.MutableSet: set,
}


_OBJECTS = (dict, abc.Mapping, abc.MutableMapping)


_UNIONS = (Union, types.UnionType)


_ANY = (Any, object, inspect.Parameter.empty)


def declared(annotation: Any) -> Declared:
    """Reads an annotation that has no strings in it any more; raises NoJsonForm."""
    return _Reader().read(annotation)


def optional(one: Declared) -> Declared:
    """The type, or None."""
    return union_of([one, NONE])


class _Reader:
    def __init__(self) -> None:
        # Types may have themselves as parts.
        self._seen: dict[Any, Declared] = {}

    def read(self, annotation: Any) -> Declared:
        if any(annotation is each for each in _ANY):
            return ANYTHING
        if annotation is None:
            return NONE
        if isinstance(annotation, type) and annotation in SCALARS:
            return SCALARS[annotation]
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
            return list_of(ANYTHING)
        if annotation in _SETS:
            return set_of(_SETS[annotation], ANYTHING)
        if any(annotation is each for each in _OBJECTS):
            return object_of(ANYTHING)
        if isinstance(annotation, type):
            return self._class(cast("type[Any]", annotation))
        raise NoJsonForm(f"{annotation!r} has no JSON form")

    def _variable(self, variable: TypeVar) -> Declared:
        if variable.__constraints__:
            return union_of([self.read(each) for each in variable.__constraints__])
        bound: Any = variable.__bound__
        return ANYTHING if bound is None else self.read(bound)

    def _generic(self, annotation: Any, origin: Any, args: tuple[Any, ...]) -> Declared:
        if origin is typing.Annotated or is_marker(origin):
            return self.read(args[0])
        if origin in _UNIONS:
            return union_of([self.read(each) for each in args])
        if origin is Literal:
            return literal(args)
        # Those of `typing` may be without arguments.
        if origin in _LISTS:
            return list_of(self.read(args[0]) if args else ANYTHING)
        if origin in _SETS:
            return set_of(_SETS[origin], self.read(args[0]) if args else ANYTHING)
        if origin in _OBJECTS and not args:
            return object_of(ANYTHING)
        if origin in _OBJECTS:
            if args[0] is not str:
                raise NoJsonForm(f"{annotation!r} has keys that are not str")
            return object_of(self.read(args[1]))
        if origin is tuple and annotation is not typing.Tuple:  # noqa: UP006
            if len(args) == 2 and args[1] is Ellipsis:
                return tuple_of([], self.read(args[0]))
            return tuple_of([self.read(each) for each in args], None)
        raise NoJsonForm(f"{annotation!r} has no JSON form")

    def _class(self, cls: type[Any]) -> Declared:
        if cls not in self._seen:
            parts: dict[str, Declared] = {}
            if issubclass(cls, Enum):
                return enum_of(cls)
            if is_path_class(cls):
                return path_of(cls)
            if is_model(cls):
                return self._model(cls, parts)
            if dataclasses.is_dataclass(cls):
                self._seen[cls] = dataclass_of(cls, parts)
            elif is_typed_dict(cls):
                self._seen[cls] = typed_dict_of(cls, parts, required_keys(cls))
            else:
                raise NoJsonForm(f"{cls.__name__} has no JSON form")
            hints = hints_of(cls)
            names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else hints
            parts.update({name: self.read(hints[name]) for name in names})
        return self._seen[cls]

    def _model(self, cls: type[Any], parts: dict[str, Declared]) -> Declared:
        """A model whose members all have forms of ours; else it is shown in the form that the model itself gives it."""
        members = members_of(cls)
        own = own_form_of(cls)
        if members is None:
            return own
        self._seen[cls] = model_of(cls, members, parts)
        for member in members:
            try:
                parts[member.name] = self.read(member.annotation)
            except HoldsMore:
                raise
            except NoJsonForm:
                self._seen[cls] = own
        return self._seen[cls]

"""A function's parameters as the arguments of a call, and back."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from ._arguments import Unfit
from ._contexts import Ids, contexts_of, read_context
from ._declared import declared, optional
from ._kind import Declared, NoJsonForm
from ._schema import Making, Schema, checked_size, record

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_ADVICE = "take JSON, or name it in `hidden` to pass it on unseen"


class Binding:
    """Binds the arguments of a call to the function's parameters, with defaults.

    All parameters are shown, except hidden ones, contexts of frameworks, and the object or class of a method call.
    Raises TypeError for parameters that cannot be shown: `*args` and `**kwargs`, and types without a JSON form.
    """

    def __init__(self, function: Callable[..., object], hidden: Sequence[str]) -> None:
        name = function.__qualname__
        self._signature = inspect.signature(function)
        parameters = list(self._signature.parameters.values())
        for each in hidden:
            if each not in self._signature.parameters:
                raise TypeError(f"hidden: {name} has no parameter {each!r}")
        for parameter in parameters:
            if parameter.kind in _VARIADIC:
                raise TypeError(
                    f"{name} takes {parameter}: reviewers see arguments by name; "
                    "name each parameter, or use run() with a Call"
                )
        self._first = _first_of_method(function, parameters)
        self._declared: dict[str, Declared] = {}
        self._problem_of_first: TypeError | None = None
        self.annotations = dict(_annotations(function, self._signature))
        """The types as far as they can be resolved, those of hidden parameters and the result too."""
        types = {each.name: self.annotations[each.name] for each in parameters if each.name in self.annotations}
        self._contexts = contexts_of(types)
        self._hidden = frozenset(hidden) | self._contexts.keys()
        for parameter in parameters:
            if parameter.name in self._hidden:
                continue
            try:
                self._declared[parameter.name] = _declared(name, parameter, self.annotations)
            except TypeError as error:
                # Whether it is the object of a method is known when it is called.
                if parameter.name != self._first:
                    raise
                self._problem_of_first = error

    @property
    def signature(self) -> inspect.Signature:
        """The function's, with types resolved."""
        parameters = [
            parameter.replace(annotation=self.annotations.get(name, parameter.annotation))
            for name, parameter in self._signature.parameters.items()
        ]
        returns = self.annotations.get("return", self._signature.return_annotation)
        return self._signature.replace(parameters=parameters, return_annotation=returns)

    def bind(self, gated: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """What the gated function is called with; raises TypeError if the function cannot take it."""
        bound = self._signature.bind(*args, **kwargs)
        return self._bound(bound, self._hidden_of(gated, args))

    def bind_shown(self, gated: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """As `bind`, for a call that is not run yet: where all are given by name, hidden ones may be left out."""
        hidden = self._hidden_of(gated, args)
        # By position the others would take their places.
        left_out = {} if args else {name: None for name in hidden if name not in kwargs}
        return self._bound(self._signature.bind(*args, **kwargs, **left_out), hidden)

    def bind_hidden(self, gated: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """As `bind`, with the hidden ones alone: those that are shown are in what was approved."""
        hidden = self._hidden_of(gated, args)
        parameters = [each for name, each in self._signature.parameters.items() if name in hidden]
        given = inspect.Signature(parameters).bind(*args, **kwargs).arguments
        return self._bound(inspect.BoundArguments(self._signature, given), hidden)

    def _hidden_of(self, gated: Callable[..., object], args: tuple[Any, ...]) -> frozenset[str]:
        """The parameters that a call of the gated function does not show."""
        if self._first and args and _is_method_of(gated, args[0]):
            return self._hidden | {self._first}
        if self._problem_of_first:
            raise self._problem_of_first
        return self._hidden

    def _bound(self, bound: inspect.BoundArguments, hidden: frozenset[str]) -> Bound:
        bound.apply_defaults()
        shown = {name: each for name, each in self._declared.items() if name not in hidden}
        ids = Ids()
        for each in (name for name in self._signature.parameters if name in self._hidden):
            value, context = bound.arguments[each], self._contexts.get(each)
            if context:
                context.check(each, value)
            ids = ids.joined(context.read(value) if context else read_context(value))
        return Bound(bound, shown, ids)


class Bound:
    """The parameters of one call: shown ones and hidden ones."""

    def __init__(self, bound: inspect.BoundArguments, shown: dict[str, Declared], ids: Ids) -> None:
        self._bound = bound
        self._shown = shown
        self.ids = ids
        """What the contexts that are passed on know of the call."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Those that are shown, as JSON as far as their types say how."""
        return {name: each.write(self._bound.arguments[name]) for name, each in self._shown.items()}

    @property
    def shown(self) -> Sequence[str]:
        """The names of those that are shown."""
        return tuple(self._shown)

    def schema(self) -> Schema:
        """The JSON Schema of those that are shown; raises NoSchema if there is none."""
        making = Making()
        return checked_size(record({name: each.schema(making) for name, each in self._shown.items()}, self._shown))

    def join(self, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the function with; raises Unfit unless each shown parameter fits, and nothing else is there.

        Parameters with a default are required too: a reviewer who removed an argument has not approved its default.
        """
        for name in arguments:
            if name not in self._shown:
                raise Unfit(name, "is not a parameter of the function")
        for name, each in self._shown.items():
            if name not in arguments:
                raise Unfit(name, "is missing")
            self._bound.arguments[name] = each.read(arguments[name], name)
        return self._bound.args, self._bound.kwargs


def _first_of_method(function: Callable[..., object], parameters: list[inspect.Parameter]) -> str | None:
    """The parameter that is the object, if it is a function defined in a class and is called as a method."""
    outer, _, _ = function.__qualname__.rpartition(".")
    is_in_class = inspect.isfunction(function) and bool(outer) and not outer.endswith("<locals>")
    is_positional = bool(parameters) and parameters[0].kind is not inspect.Parameter.KEYWORD_ONLY
    return parameters[0].name if is_in_class and is_positional else None


def _is_method_of(gated: Callable[..., object], thing: object) -> bool:
    """Whether calling the gated function as a method passes this thing on as the object, or the class.

    The name `self` or `cls` says nothing: a static method's parameter may be called so, and is an argument.
    """
    if any(_leads_to(each, gated) for each in _attributes(type(thing))):
        return True
    if not isinstance(thing, type):
        return False
    methods: list[Any] = [each for each in _attributes(thing) if isinstance(each, classmethod)]
    return any(_leads_to(each.__func__, gated) for each in methods)


def _attributes(cls: type) -> Iterator[object]:
    for each in cls.__mro__:
        yield from vars(each).values()


def _leads_to(attribute: object, gated: Callable[..., object]) -> bool:
    """Whether an attribute of a class calls the gated function with the object in front."""
    if isinstance(attribute, property):
        return any(_leads_to(each, gated) for each in (attribute.fget, attribute.fset, attribute.fdel))
    if isinstance(attribute, (functools.cached_property, functools.partialmethod)):
        return _leads_to(attribute.func, gated)
    # Decorators above the gate pass on what they are called with.
    while inspect.isfunction(attribute) and attribute is not gated:
        attribute = getattr(attribute, "__wrapped__", None)
    return attribute is gated


def _declared(function: str, parameter: inspect.Parameter, annotations: dict[str, Any]) -> Declared:
    name = parameter.name
    if parameter.annotation is not parameter.empty and name not in annotations:
        raise TypeError(
            f"{function}: the type of {name}, {parameter.annotation!r}, cannot be resolved; "
            f"define or import it at the top of the module, or {_ADVICE}"
        )
    try:
        kind = declared(annotations.get(name, parameter.empty))
    except NoJsonForm as problem:
        raise TypeError(f"{function}: reviewers cannot see {name}: {problem}; {_ADVICE}") from None
    return optional(kind) if parameter.default is None else kind


def _annotations(function: Callable[..., object], signature: inspect.Signature) -> Iterator[tuple[str, Any]]:
    """Each annotation by itself, as one that cannot be resolved must not hide the others."""
    innermost = inspect.unwrap(function)
    names = getattr(getattr(innermost, "__func__", innermost), "__globals__", {})
    variables = {each.__name__: each for each in getattr(innermost, "__type_params__", ())}
    found = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    found["return"] = signature.return_annotation
    for name, annotation in found.items():
        if annotation is inspect.Parameter.empty:
            continue
        holder = SimpleNamespace(__annotations__={name: annotation})
        try:
            yield name, typing.get_type_hints(holder, names, variables, include_extras=True)[name]
        except (AttributeError, NameError, SyntaxError, TypeError):
            continue

"""A function's parameters as the arguments of a call, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._arguments import Unfit

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Binding:
    """Names what a function is called with by its parameters, defaults included.

    A method's `self` or `cls` is passed on as it is, and is no argument of the call. Raises TypeError for functions
    with `*args` or `**kwargs`, which no names stand for.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        parameters = list(inspect.signature(function).parameters.values())
        for parameter in parameters:
            if parameter.kind in _VARIADIC:
                raise TypeError(
                    f"{function.__qualname__} takes {parameter}: reviewers see arguments by name; "
                    "name each parameter, or use run() with a Call"
                )
        has_self = _is_method(function) and bool(parameters) and parameters[0].name in ("self", "cls")
        self._of_object = 1 if has_self else 0
        self._parameters = parameters[self._of_object :]
        self._signature = inspect.Signature(self._parameters)

    def split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The object of a method, and the arguments by name; raises TypeError if the function cannot take them."""
        bound = self._signature.bind(*args[self._of_object :], **kwargs)
        bound.apply_defaults()
        return args[: self._of_object], dict(bound.arguments)

    def join(self, arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """What to call the function with; raises Unfit unless each parameter, and nothing else, is there.

        Also those with a default: a reviewer who removed an argument has not approved its default.
        """
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in self._parameters:
            if parameter.name not in arguments:
                raise Unfit(parameter.name, "is missing")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                args.append(arguments[parameter.name])
            else:
                kwargs[parameter.name] = arguments[parameter.name]
        for name in arguments:
            if name not in self._signature.parameters:
                raise Unfit(name, "is not one that the function takes")
        return args, kwargs


def _is_method(function: Callable[..., object]) -> bool:
    """Whether it is a function defined in a class, not yet bound to an object."""
    outer, _, _ = function.__qualname__.rpartition(".")
    return inspect.isfunction(function) and bool(outer) and not outer.endswith("<locals>")

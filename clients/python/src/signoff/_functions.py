"""Which functions return before they have run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def is_coroutine_function(function: Callable[..., object]) -> bool:
    """Whether it, or an object's `__call__`, is surely one; what returns an awaitable by chance is not."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def refuse_generator(function: Callable[..., object]) -> None:
    """Raises TypeError for generators, whose work begins after they were called."""
    for each in (function, type(function).__call__):
        if inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each):
            name = getattr(function, "__qualname__", repr(function))
            raise TypeError(f"{name} is a generator, which runs after it was called; return a list")


def name_of(function: Any) -> str:
    """What a wrapped function is called; raises TypeError for what cannot be wrapped, with what to do instead."""
    kind = type(function).__name__
    if kind in ("classmethod", "staticmethod", "property"):
        raise TypeError(f"the gate goes below @{kind}, as only functions can be decorated")
    if isinstance(function, functools.partial):
        raise TypeError("only functions can be decorated: reviewers do not see what a partial has bound")
    if not (inspect.isfunction(function) or inspect.ismethod(function) or inspect.isbuiltin(function)):
        raise TypeError(f"only functions and bound methods can be decorated, not {function!r}")
    name: str = function.__qualname__
    return name

"""Which functions return before they have run."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable


def is_coroutine_function(function: Callable[..., object]) -> bool:
    """Whether it, or an object's `__call__`, is surely one; what returns an awaitable by chance is not."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def end(awaitable: Awaitable[object]) -> None:
    """Ends what nobody is to await: coroutines have not begun, futures may have."""
    for name in ("close", "cancel"):
        stop = getattr(awaitable, name, None)
        if stop:
            stop()

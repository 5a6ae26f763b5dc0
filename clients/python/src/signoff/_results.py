"""Results that are unfinished work: it must end within the gate, before the outcome is reported."""

from __future__ import annotations

import concurrent.futures
import functools
import inspect
import io
import types
import typing
from asyncio import CancelledError as AsyncCancelled
from asyncio import Future as AsyncFuture
from asyncio import Task
from collections import abc
from collections.abc import Iterator, Sequence
from typing import Any, cast

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType, map, filter, zip, enumerate)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
_HOLDERS: tuple[Any, ...] = (list, tuple, set, frozenset, dict)
_DECLARED: tuple[Any, ...] = (
    abc.Iterator,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
    abc.Callable,  # pyright: ignore[reportUnknownMemberType]
    types.FunctionType,
    functools.partial,
)

_AWAITED: tuple[Any, ...] = (abc.Awaitable, abc.Coroutine, AsyncFuture, Task)

Future = concurrent.futures.Future[Any] | AsyncFuture[Any]


def refuse_declared(function: str, annotation: object, *, awaits: bool) -> None:
    """Raises TypeError for a function whose declared result is unfinished work that nothing awaits."""
    kind = typing.get_origin(annotation) or annotation
    if any(kind is each for each in (_DECLARED if awaits else (*_DECLARED, *_AWAITED))):
        raise TypeError(f"{function} returns {annotation!r}, whose work would run outside the gate: return its result")


def unfinished(result: object) -> list[Future]:
    """The futures in a result, to be awaited.

    Raises TypeError for other work that would run outside of the gate, and ends it, so that it never runs: awaitables,
    generators and functions.
    """
    futures: list[Future] = []
    for item in _items(result):
        if isinstance(item, (concurrent.futures.Future, AsyncFuture)):
            futures.append(cast("Any", item))
        elif inspect.isawaitable(item):
            _end(item)
            raise TypeError("the function returned an awaitable: use an AsyncClient")
        elif _is_generator(item):
            _end(item)
            raise TypeError("the function returned a generator that has not run: return a list")
        elif isinstance(item, _FUNCTIONS):
            raise TypeError("the function returned a function that has not run: return its result")
    return futures


def error_of(futures: Sequence[Future]) -> BaseException | None:
    """The first error of futures; futures of threads are awaited."""
    errors = [_error_of(future) for future in futures]
    return next((error for error in errors if error), None)


def _error_of(future: Future) -> BaseException | None:
    # Not `concurrent.futures.wait`: it never returns for a future that was cancelled before an executor had it.
    try:
        return future.exception()
    except (AsyncCancelled, concurrent.futures.CancelledError):
        if not future.cancelled():
            raise
        return concurrent.futures.CancelledError("the work was cancelled")


def _is_generator(item: object) -> bool:
    kind = type(item)
    # What @contextmanager makes has its generator inside.
    held = getattr(item, "gen", None) if kind.__module__ == "contextlib" else item
    return isinstance(held, (*_GENERATORS, abc.AsyncIterable)) or _is_lazy(item)


def _is_lazy(item: object) -> bool:
    """Whether an iterator does its work when it is read. Iterators of Python's containers and files do not."""
    harmless = type(item).__module__ == "builtins" or isinstance(item, io.IOBase)
    return isinstance(item, abc.Iterator) and not harmless


def _end(item: object) -> None:
    """Ends what must not run: coroutines and generators have not begun, others may have."""
    for name in ("close", "cancel"):
        stop = getattr(item, name, None)
        if stop:
            stop()


def _items(result: object) -> Iterator[object]:
    """The result, or what it holds, however deep in lists, tuples, sets and dictionaries."""
    left: list[object] = [result]
    seen: set[int] = set()
    while left:
        value: Any = left.pop()
        if isinstance(value, _HOLDERS):
            if id(value) not in seen:
                seen.add(id(value))
                left.extend(cast("Any", value).values() if isinstance(value, dict) else value)
        elif type(value) not in _PLAIN:
            yield value

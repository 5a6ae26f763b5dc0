"""The gate around a function, whose own arguments are the call's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from ._aio_client import AsyncClient
from ._arguments import Unfit
from ._binding import Binding
from ._call import Call, CallOptions, Run
from ._client import Client
from .refusals import InvalidArguments

if TYPE_CHECKING:
    from typing_extensions import Unpack

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NAMES = CallOptions.__annotations__.keys()
_IDS = ("request_id", "call_id")
_of_this_call: ContextVar[dict[str, list[Any]]] = ContextVar("signoff_call_options")
"""Each option in a list; that of an id is emptied by the call that takes it, whatever task or thread makes the call."""


@contextmanager
def call_options(**options: Unpack[CallOptions]) -> Generator[None]:
    """Sets options of the decorated functions that are called within: what is known only when a call is made.

        with call_options(run_id=conversation.id, call_id=tool_call.id):
            send_email(to="alice@example.com", subject="Hello")

    They come before those of the decorator, and those of an inner `with` before those of an outer one. `request_id` and
    `call_id` name one call: they are for the first one made within, and not for those that its function makes. Raises
    TypeError for an option that there is not.
    """
    _check(options)
    token = _of_this_call.set({**_of_this_call.get({}), **{name: [value] for name, value in options.items()}})
    try:
        yield
    finally:
        _of_this_call.reset(token)


@overload
def requires_approval(
    client: Client, tool_name: str | None = None, **options: Unpack[CallOptions]
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]: ...


@overload
def requires_approval(
    client: AsyncClient, tool_name: str | None = None, **options: Unpack[CallOptions]
) -> Callable[[Callable[_P, Coroutine[Any, Any, _T]]], Callable[_P, Coroutine[Any, Any, _T]]]: ...


def requires_approval(
    client: Client | AsyncClient, tool_name: str | None = None, **options: Unpack[CallOptions]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function run only with an approval of its arguments, by their names and with defaults filled in.

        @requires_approval(client, reason="Mail to customers")
        def send_email(to: str, subject: str, body: str = "") -> None: ...

    tool_name: the call's tool; the function's name if it is not given.
    options: as of Call; `call_options` sets those that differ from call to call.

    With a Client it wraps functions, with an AsyncClient coroutine functions. The function gets copies of its
    arguments, as they were when it was called; a reviewer's edit must name every parameter. It raises what
    `Client.run` raises. Methods are taken; `self` is no argument of the call. Raises TypeError, when it decorates, for
    functions of the other kind, generators, functions with `*args` or `**kwargs`, and an option that there is not; and
    when it ran, reported as failed, for a function that turns out to return an awaitable to a Client.
    """
    _check(options)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        wrap = _Wrap(function, tool_name, options)
        if isinstance(client, AsyncClient):
            if not inspect.iscoroutinefunction(function):
                raise TypeError(f"an AsyncClient runs coroutine functions, which {wrap.name} is not")

            @functools.wraps(function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                call, run = wrap.call(args, kwargs)

                async def awaited(approved: Run) -> Any:
                    return await run(approved)

                return await client.run(call, awaited)

            return asynchronous
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{wrap.name} is a coroutine function, which needs an AsyncClient")

        @functools.wraps(function)
        def blocking(*args: Any, **kwargs: Any) -> Any:
            return client.run(*wrap.call(args, kwargs))

        return blocking

    return decorate


class _Wrap:
    def __init__(self, function: Callable[..., Any], tool_name: str | None, options: CallOptions) -> None:
        if not (inspect.isfunction(function) or inspect.ismethod(function) or inspect.isbuiltin(function)):
            raise TypeError(f"only functions can be decorated, below @classmethod and @staticmethod: {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator, which runs after it was called")
        self.name = function.__qualname__
        self._function = function
        self._tool_name = tool_name or function.__name__
        self._options = options
        self._binding = Binding(function)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, Callable[[Run], Any]]:
        """The call to ask for, and what to do when it may run."""
        of_object, arguments = self._binding.split(args, kwargs)
        options = cast("CallOptions", {**self._options, **_taken()})

        def run(approved: Run) -> Any:
            try:
                args, kwargs = self._binding.join(approved.arguments)
            except Unfit as unfit:
                raise InvalidArguments(
                    tool_name=self._tool_name,
                    approval_id=approved.approval_id,
                    path=unfit.path,
                    problem=unfit.problem,
                ) from None
            return self._function(*of_object, *args, **kwargs)

        return Call(self._tool_name, arguments, **options), run


def _taken() -> dict[str, Any]:
    """The options of this call; no other call gets its ids."""
    taken: dict[str, Any] = {}
    for name, value in _of_this_call.get({}).items():
        with suppress(IndexError):
            taken[name] = value.pop() if name in _IDS else value[0]
    return taken


def _check(options: CallOptions) -> None:
    for name in options:
        if name not in _NAMES:
            raise TypeError(f"there is no option {name!r}; there are {', '.join(_NAMES)}")

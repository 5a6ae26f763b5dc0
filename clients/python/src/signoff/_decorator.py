"""The gate around a function, whose own arguments are the call's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from ._aio_client import AsyncClient, run_bound_async
from ._arguments import Unfit
from ._binding import Binding
from ._call import Call, Run
from ._call_options import NAMES, CallOptions, check_name, check_names, check_options
from ._client import Client, run_bound
from ._contexts import Ids
from ._default_clients import default_async_client, default_client
from ._functions import name_of, refuse_generator
from ._request import Bind
from ._results import refuse_declared
from ._warnings import Warnings
from .refusals import InvalidArguments

if TYPE_CHECKING:
    from typing_extensions import Unpack

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_IDS = ("request_id", "call_id")
_enclosing: ContextVar[frozenset[str]] = ContextVar("signoff_enclosing_calls", default=frozenset())
"""The call ids of contexts that the gated calls have which this one is made in."""

_of_this_call: ContextVar[dict[str, list[Any]]] = ContextVar("signoff_call_options")
"""Each option in a list; that of an id is emptied by the call that takes it, whatever task or thread makes the call."""


@contextmanager
def call_options(**options: Unpack[CallOptions]) -> Generator[None]:
    """Sets options of the decorated functions that are called within: what is known only when a call is made.

        with call_options(run_id=conversation.id, call_id=tool_call.id):
            send_email(to="alice@example.com", subject="Hello")

    They come before those of the decorator, and those of an inner `with` before those of an outer one. `request_id` and
    `call_id` name one call: they are for the first one made within, and not for those that its function makes; a
    further call within, such as another try, is a TypeError. They follow the call into tasks and `asyncio.to_thread`,
    but not into threads of an executor: `contextvars.copy_context` takes them there. Raises TypeError or ValueError for
    options that cannot be used.
    """
    check_options(options)
    token = _of_this_call.set({**_of_this_call.get({}), **{name: [value] for name, value in options.items()}})
    try:
        yield
    finally:
        _of_this_call.reset(token)


class _Same(Protocol):
    def __call__(self, function: _F, /) -> _F: ...


@overload
def requires_approval(
    client: Client,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    **options: Unpack[CallOptions],
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]: ...


@overload
def requires_approval(
    client: AsyncClient,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    **options: Unpack[CallOptions],
) -> Callable[[Callable[_P, Coroutine[Any, Any, _T]]], Callable[_P, Coroutine[Any, Any, _T]]]: ...


@overload
def requires_approval(
    client: None = None,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    **options: Unpack[CallOptions],
) -> _Same: ...


@overload
def requires_approval(client: _F, /) -> _F: ...


def requires_approval(
    client: Any = None,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    **options: Unpack[CallOptions],
) -> Any:
    """Makes a function run only with an approval of its arguments, by their names and with defaults filled in.

        @requires_approval(client, reason="Mail to customers")
        def send_email(to: str, subject: str, body: str = "") -> None: ...

    client: a Client for functions, an AsyncClient for coroutine functions. Without one, and as a decorator without
        parentheses, it is a client of the process, with its options from the environment.
    tool_name: the call's tool; the function's name if it is not given.
    hidden: parameters that are passed on as they are, and neither shown to reviewers nor covered by the digest. Those
        whose types are contexts of frameworks that the client knows are hidden without it; the agent's name, the run's
        id and the call's id are taken from them, where no option says others.
    required_options: options without which a call raises TypeError, and nothing is asked.
    options: as of Call; `call_options` sets those that differ from call to call.

    The function gets its arguments rebuilt from what was approved, in the types that its parameters declare; a
    reviewer's edit must name every parameter, and fit. It raises what `Client.run` raises. Of a method, the object or
    class that it is called on is passed on; a static method has no such parameter, whatever it is called. Raises
    TypeError, when it decorates, for functions of the other kind, generators, parameters that cannot be shown, and
    options that cannot be used.

    The gated function has no `__wrapped__`: nothing of it leads around the gate.
    """
    check_options(options)
    check_names("required_options", required_options)
    check_names("hidden", hidden)
    check_name("tool_name", tool_name)
    for name in required_options:
        if name not in NAMES:
            raise TypeError(f"required_options: unknown option {name!r}; allowed are {', '.join(NAMES)}")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        gated = _Gated(function, tool_name, options, hidden, required_options)
        if inspect.iscoroutinefunction(function) and not isinstance(client, Client):
            return gated.asynchronous(lambda: client or default_async_client())
        if isinstance(client, AsyncClient):
            raise TypeError(f"an AsyncClient runs coroutine functions, which {gated.name} is not")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{gated.name} is a coroutine function, which needs an AsyncClient")
        return gated.blocking(lambda: client or default_client())

    if client is None or isinstance(client, (Client, AsyncClient)):
        return decorate
    function, client = client, None
    return decorate(function)


class _Gated:
    def __init__(
        self,
        function: Callable[..., Any],
        tool_name: str | None,
        options: CallOptions,
        hidden: Sequence[str],
        required: Sequence[str],
    ) -> None:
        self.name = name_of(function)
        refuse_generator(function)
        self._function = function
        self._tool_name = tool_name or function.__name__
        self._options = options
        self._required = required
        self._binding = Binding(function, hidden)
        refuse_declared(
            self.name, self._binding.annotations.get("return"), awaits=inspect.iscoroutinefunction(function)
        )
        self._warnings = Warnings()

    def blocking(self, client: Callable[[], Client]) -> Callable[..., Any]:
        """The function behind the gate of a Client."""

        def gated(*args: Any, **kwargs: Any) -> Any:
            call, bind = self._call(gated, args, kwargs)
            return run_bound(client(), call, bind, self._warnings)

        return self._dressed(gated)

    def asynchronous(self, client: Callable[[], AsyncClient]) -> Callable[..., Any]:
        """The coroutine function behind the gate of an AsyncClient."""

        async def gated(*args: Any, **kwargs: Any) -> Any:
            call, bind = self._call(gated, args, kwargs)
            return await run_bound_async(client(), call, bind)

        return self._dressed(gated)

    def _dressed(self, gated: Callable[..., Any]) -> Callable[..., Any]:
        """Makes it look like the function. Whatever follows `__wrapped__` would call the function without the gate."""
        functools.update_wrapper(gated, self._function)
        vars(gated).pop("__wrapped__")
        # What looks for types would resolve them in this module, not in the function's.
        gated.__annotations__ = {**getattr(self._function, "__annotations__", {}), **self._binding.annotations}
        vars(gated)["__signature__"] = self._binding.signature
        return gated

    def _call(self, gated: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, Bind[Any]]:
        """The call to ask for, and what to do when it may run."""
        bound = self._binding.bind(gated, args, kwargs)
        try:
            arguments = bound.arguments
        except Unfit as unfit:
            raise InvalidArguments(tool_name=self._tool_name, path=unfit.path, problem=unfit.problem) from None
        options = cast("CallOptions", {**self._options, **self._taken()})
        call_id = self._add_ids(bound.ids, options)
        for name in self._required:
            if options.get(name) in (None, "", (), [], {}):
                raise TypeError(f"{self.name} was called without {name}: set it in call_options, around the call")

        def bind(approved: Run) -> Callable[[], Any]:
            args, kwargs = bound.join(approved.arguments)
            if inspect.iscoroutinefunction(self._function):
                return lambda: _awaited_without_ids(self._function(*args, **kwargs), call_id)

            def run() -> Any:
                with _without_ids(call_id):
                    return self._function(*args, **kwargs)

            return run

        return Call(self._tool_name, arguments, **options), bind

    def _add_ids(self, ids: Ids, options: CallOptions) -> str | None:
        """Adds what a context knows and no option says; returns the call's id if it is the context's."""
        is_run_stable = bool(options.get("run_id")) or ids.is_run_stable
        for name in ("agent_name", "run_id"):
            if getattr(ids, name) and not options.get(name):
                options[name] = getattr(ids, name)
        # The model names one call of one tool, and a context may be passed on to other gated functions. To take its id
        # for theirs too, or in another run, would find an approval of another call.
        is_for_this = ids.tool_name in (None, self._tool_name, self._function.__name__)
        is_named = bool(options.get("request_id") or options.get("call_id"))
        if is_named or not (ids.call_id and options.get("run_id") and is_run_stable and is_for_this):
            return None
        if ids.call_id in _enclosing.get():
            return None
        options["call_id"] = ids.call_id
        return ids.call_id

    def _taken(self) -> dict[str, Any]:
        """The options of this call; no other call gets its ids. To make up others would ask for a second approval."""
        taken: dict[str, Any] = {}
        for name, box in _of_this_call.get({}).items():
            try:
                taken[name] = box.pop() if name in _IDS else box[0]
            except IndexError:
                raise TypeError(
                    f"{self.name} was called with a {name} that an earlier call took: "
                    "set call_options around each call, also to try again"
                ) from None
        return taken


@contextmanager
def _without_ids(call_id: str | None) -> Generator[None]:
    """For what a gated function calls itself: its ids, and its context's call_id, name its own call."""
    options = {name: box for name, box in _of_this_call.get({}).items() if name not in _IDS}
    token = _of_this_call.set(options)
    enclosing = _enclosing.set(_enclosing.get() | {call_id} if call_id else _enclosing.get())
    try:
        yield
    finally:
        _enclosing.reset(enclosing)
        _of_this_call.reset(token)


async def _awaited_without_ids(coroutine: Coroutine[Any, Any, _T], call_id: str | None) -> _T:
    with _without_ids(call_id):
        return await coroutine

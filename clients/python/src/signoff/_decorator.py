"""The gate around a function, whose own arguments are the call's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from ._aio_client import AsyncClient, ask_bound_async, resume_bound_async, run_bound_async
from ._arguments import Unfit
from ._binding import Binding, Bound
from ._call import Call, Run
from ._call_options import NAMES, WAIT_NAMES, CallOptions, WaitOptions, check_name, check_names, check_options
from ._client import Client, ask_bound, resume_bound, run_bound
from ._contexts import Ids
from ._default_clients import default_async_client, default_client
from ._functions import name_of, refuse_generator
from ._gated import AsyncGated, Gated
from ._handle import Handle
from ._on_refusal import OnRefusal, Refusals, check_on_refusal, refuse_other_results
from ._request import Bind
from ._results import refuse_declared
from ._schema import NoSchema, Schema
from ._warnings import Warnings
from .refusals import InvalidArguments, Refusal

if TYPE_CHECKING:
    from typing_extensions import Unpack

_P = ParamSpec("_P")
_T = TypeVar("_T")

_IDS = ("request_id", "call_id")
_enclosing: ContextVar[frozenset[str]] = ContextVar("signoff_enclosing_calls", default=frozenset())
"""The call ids of contexts that the gated calls have which this one is made in."""

_of_this_call: ContextVar[dict[str, list[Any]]] = ContextVar("signoff_call_options")
"""Each option in a list; that of an id is emptied by the call that takes it, whatever task or thread makes the call."""


@contextmanager
def call_options(**options: Unpack[CallOptions]) -> Generator[None]:
    """Sets options of the calls of decorated functions within the `with`.

        with call_options(run_id=conversation.id, call_id=tool_call.id):
            send_email(to="alice@example.com", subject="Hello")

    They override those of the decorator, and an inner `with` overrides an outer one. `request_id` and `call_id` name
    one call: they apply to the first call within, and not to calls that its function makes; a further call within, such
    as a retry, is a TypeError. They follow the call into tasks and `asyncio.to_thread`, but not into threads of an
    executor: `contextvars.copy_context` carries them there. Raises TypeError or ValueError for invalid options.
    """
    check_options(options)
    token = _of_this_call.set({**_of_this_call.get({}), **{name: [value] for name, value in options.items()}})
    try:
        yield
    finally:
        _of_this_call.reset(token)


class _OfEither(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap] # a function of a coroutine is one of anything, too
        self, function: Callable[_P, Coroutine[Any, Any, _T]], /
    ) -> AsyncGated[_P, _T]: ...
    @overload
    def __call__(self, function: Callable[_P, _T], /) -> Gated[_P, _T]: ...


@overload
def requires_approval(
    client: Client,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    on_refusal: OnRefusal | None = None,
    **options: Unpack[CallOptions],
) -> Callable[[Callable[_P, _T]], Gated[_P, _T]]: ...


@overload
def requires_approval(
    client: AsyncClient,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    on_refusal: OnRefusal | None = None,
    **options: Unpack[CallOptions],
) -> Callable[[Callable[_P, Coroutine[Any, Any, _T]]], AsyncGated[_P, _T]]: ...


@overload
def requires_approval(
    client: None = None,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    on_refusal: OnRefusal | None = None,
    **options: Unpack[CallOptions],
) -> _OfEither: ...


@overload
def requires_approval(  # type: ignore[overload-overlap]
    client: Callable[_P, Coroutine[Any, Any, _T]], /
) -> AsyncGated[_P, _T]: ...


@overload
def requires_approval(client: Callable[_P, _T], /) -> Gated[_P, _T]: ...


def requires_approval(
    client: Any = None,
    tool_name: str | None = None,
    *,
    hidden: Sequence[str] = (),
    required_options: Sequence[str] = (),
    on_refusal: OnRefusal | None = None,
    **options: Unpack[CallOptions],
) -> Any:
    """Makes a function run only with an approval of its arguments, by their names and with defaults filled in.

        @requires_approval(client, reason="Mail to customers")
        def send_email(to: str, subject: str, body: str = "") -> None: ...

    client: a Client for functions, an AsyncClient for coroutine functions. Without one, and as a decorator without
        parentheses, it is a client of the process, with options from the environment.
    tool_name: the call's tool; unless set, the function's name.
    hidden: parameters that are passed on unchanged, and neither shown to reviewers nor covered by the digest. Contexts
        of known frameworks are hidden by their types; they set the agent's name, the run's id and the call's id, unless
        an option does.
    required_options: required options: a call without them raises TypeError, and nothing is asked.
    on_refusal: with `return`, the text of a refusal for the model is the result; `raise` raises it. Unless set, the
        client's.
    options: those of Call; `call_options` sets those that differ from call to call.

    The function gets the approved arguments, rebuilt in the types that its parameters declare; a reviewer's edit must
    name every parameter, and fit. It raises the same as `Client.run`. The object or class of a method call is passed
    on; a static method has none, whatever the name of its first parameter is. Raises TypeError on decoration for
    functions of the other kind, generators, parameters that cannot be shown, and invalid options.

    The gated function has `ask` and `resume`, of Gated and AsyncGated. It has no `__wrapped__`, so nothing bypasses the
    gate.
    """
    check_options(options)
    check_names("required_options", required_options)
    check_names("hidden", hidden)
    check_name("tool_name", tool_name)
    if on_refusal is not None:
        check_on_refusal(on_refusal)
    for name in required_options:
        if name not in NAMES:
            raise TypeError(f"required_options: unknown option {name!r}; allowed are {', '.join(NAMES)}")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        of_client = None if client is None else client.on_refusal
        gated = _Gated(function, tool_name, options, hidden, required_options, on_refusal or of_client)
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
        on_refusal: OnRefusal | None,
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
        # Clients of the process have no choice of their own.
        self._on_refusal: OnRefusal = on_refusal or "raise"
        if self._on_refusal == "return":
            refuse_other_results(self.name, self._binding.annotations.get("return", Any))
        self._warnings = Warnings()
        self._schemas: dict[Sequence[str], Schema | None] = {}

    def blocking(self, client: Callable[[], Client]) -> Callable[..., Any]:
        """The function behind the gate of a Client."""

        def gated(*args: Any, **kwargs: Any) -> Any:
            refusals = Refusals(self._on_refusal, self.name)
            try:
                call, bind = self._call(self._binding.bind(gated, args, kwargs), refusals)
                return run_bound(client(), call, refusals.watched(bind), self._warnings)
            except Refusal as refusal:
                return refusals.text(refusal)

        def ask(*args: Any, **kwargs: Any) -> Handle:
            refusals = Refusals("raise", self.name)
            try:
                call, bind = self._call(self._binding.bind_shown(gated, args, kwargs), refusals)
                return ask_bound(client(), call, bind, self._warnings)
            except Refusal as refusal:
                refusals.check(refusal)
                raise

        def resume(handle: Handle, /, *args: Any, **kwargs: Any) -> Any:
            refusals = Refusals(self._on_refusal, self.name)
            try:
                options, bind = self._resumption(gated, handle, args, kwargs)
                return resume_bound(client(), handle, options, refusals.watched(bind))
            except Refusal as refusal:
                return refusals.text(refusal)

        return self._dressed(gated, ask, resume)

    def asynchronous(self, client: Callable[[], AsyncClient]) -> Callable[..., Any]:
        """The coroutine function behind the gate of an AsyncClient."""

        async def gated(*args: Any, **kwargs: Any) -> Any:
            refusals = Refusals(self._on_refusal, self.name)
            try:
                call, bind = self._call(self._binding.bind(gated, args, kwargs), refusals)
                return await run_bound_async(client(), call, refusals.watched(bind))
            except Refusal as refusal:
                return refusals.text(refusal)

        async def ask(*args: Any, **kwargs: Any) -> Handle:
            refusals = Refusals("raise", self.name)
            try:
                call, bind = self._call(self._binding.bind_shown(gated, args, kwargs), refusals)
                return await ask_bound_async(client(), call, bind)
            except Refusal as refusal:
                refusals.check(refusal)
                raise

        async def resume(handle: Handle, /, *args: Any, **kwargs: Any) -> Any:
            refusals = Refusals(self._on_refusal, self.name)
            try:
                options, bind = self._resumption(gated, handle, args, kwargs)
                return await resume_bound_async(client(), handle, options, refusals.watched(bind))
            except Refusal as refusal:
                return refusals.text(refusal)

        return self._dressed(gated, ask, resume)

    def _dressed(
        self, gated: Callable[..., Any], ask: Callable[..., Any], resume: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Copies the function's metadata, without `__wrapped__`, which would bypass the gate."""
        functools.update_wrapper(gated, self._function)
        vars(gated).pop("__wrapped__")
        # What looks for types would resolve them in this module, not in the function's.
        gated.__annotations__ = {**getattr(self._function, "__annotations__", {}), **self._binding.annotations}
        vars(gated)["__signature__"] = self._binding.signature
        vars(gated).update(ask=ask, resume=resume)
        return gated

    def _resumption(
        self, gated: Callable[..., Any], handle: Handle, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[WaitOptions, Bind[Any]]:
        """How to wait for a call that was asked for, and what to do when it may run; TypeError for another tool's."""
        if not isinstance(handle, Handle):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the handle must be a Handle, not {handle!r}")
        if handle.tool_name != self._tool_name:
            raise ValueError(f"the handle is for the tool {handle.tool_name}, not for {self._tool_name}")
        bound = self._binding.bind_hidden(gated, args, kwargs)
        # Those that name a call are of the one that asked.
        around = {name: box[0] for name, box in _of_this_call.get({}).items() if name in WAIT_NAMES}
        of_wait = {name: value for name, value in {**self._options, **around}.items() if name in WAIT_NAMES}
        return cast("WaitOptions", of_wait), self._bind(bound)

    def _call(self, bound: Bound, refusals: Refusals) -> tuple[Call, Bind[Any]]:
        """The call to ask for, and what to do when it may run."""
        try:
            arguments = bound.arguments
        except Unfit as unfit:
            raise InvalidArguments(tool_name=self._tool_name, path=unfit.path, problem=unfit.problem) from None
        options = cast("CallOptions", {**self._options, **self._taken()})
        refusals.call_id = self._add_ids(bound.ids, options)
        for name in self._required:
            if options.get(name) in (None, "", (), [], {}):
                raise TypeError(
                    f"{name} is required for calls to {self.name}, and not set: set it in call_options, around the call"
                )
        if options.get("derive_schema", True) and options.get("arguments_schema") is None:
            options["arguments_schema"] = self._schema(bound)
        return Call(self._tool_name, arguments, **options), self._bind(bound)

    def _schema(self, bound: Bound) -> Schema | None:
        """What is derived of the types of the parameters that this call shows; None if nothing can be."""
        shown = bound.shown
        if shown not in self._schemas:
            self._schemas[shown] = None
            try:
                self._schemas[shown] = bound.schema()
            except NoSchema as problem:
                self._warnings.of_schema(self._tool_name, str(problem))
        return self._schemas[shown]

    def _bind(self, bound: Bound) -> Bind[Any]:
        # Whatever this call's own id is: the context's is of no call that the function makes.
        call_id = bound.ids.call_id

        def bind(approved: Run) -> Callable[[], Any]:
            args, kwargs = bound.join(approved.arguments)
            if inspect.iscoroutinefunction(self._function):
                return lambda: _awaited_without_ids(self._function(*args, **kwargs), call_id)

            def run() -> Any:
                with _without_ids(call_id):
                    return self._function(*args, **kwargs)

            return run

        return bind

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

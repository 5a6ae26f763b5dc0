"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc
from grpc.aio import UsageError

from ._aio_gate import AsyncGate
from ._call import Call, Run
from ._call_options import Seconds, WaitOptions
from ._channel import Authorized, arguments, credentials, target
from ._functions import is_coroutine_function
from ._handle import Handle
from ._on_refusal import OnRefusal, Refusals, check_on_refusal, refuse_other_results, result_of
from ._options import DEFAULT_DEADLINE, StrPath, resolve
from ._request import Bind, Request, closed, request_for, request_of
from .refusals import Refusal
from .v1.access_service_pb2_grpc import AccessServiceStub
from .v1.admin_service_pb2_grpc import AdminServiceStub
from .v1.approval_service_pb2_grpc import ApprovalServiceStub
from .v1.policy_service_pb2_grpc import PolicyServiceStub

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from .v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from .v1.approval_service_pb2_grpc import ApprovalServiceAsyncStub
    from .v1.policy_service_pb2_grpc import PolicyServiceAsyncStub

_T = TypeVar("_T")


class AsyncClient:
    """A connection to a Signoff server, for asyncio; the options are those of Client.

    It may be made outside an event loop, and belongs to the loop of its first use.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        ca: StrPath | None = None,
        certificate: StrPath | None = None,
        key: StrPath | None = None,
        insecure: bool | None = None,
        deadline: Seconds = DEFAULT_DEADLINE,
        on_refusal: OnRefusal = "raise",
    ) -> None:
        check_on_refusal(on_refusal)
        self.on_refusal: OnRefusal = on_refusal
        """How `run`, `resume` and gated functions without their own setting handle refusals."""
        self._options = resolve(
            address, token=token, ca=ca, certificate=certificate, key=key, insecure=insecure, deadline=deadline
        )
        self._connection: _Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    @property
    def approvals(self) -> ApprovalServiceAsyncStub:
        """All calls of ApprovalService, which raise grpc.aio.AioRpcError."""
        return self._connected().approvals

    @property
    def policies(self) -> PolicyServiceAsyncStub:
        """All calls of PolicyService."""
        return self._connected().policies

    @property
    def access(self) -> AccessServiceAsyncStub:
        """All calls of AccessService."""
        return self._connected().access

    @property
    def admin(self) -> AdminServiceAsyncStub:
        """All calls of AdminService."""
        return self._connected().admin

    async def run(self, call: Call, function: Callable[[Run], Coroutine[Any, Any, _T]]) -> _T:
        """Asks for approval, waits, and runs the coroutine function once with the approved arguments.

        Returns the function's result, and raises its own error unchanged, also the Refusal of a gated call that it
        makes itself; raises a Refusal if it did not run. A cancellation during the wait ends the call, and is passed
        on. Raises TypeError, and asks nothing, for other than coroutine functions, such as a lambda around one. An
        awaitable result is awaited before the report; futures in the result are awaited, and returned unchanged. A
        function that returns a generator is reported as failed.
        """
        _refuse_others(function)
        refusals = self._refusals(function)
        try:
            return await run_bound_async(self, call, refusals.watched(lambda approved: lambda: function(approved)))
        except Refusal as refusal:
            return cast("_T", refusals.text(refusal))

    async def ask(self, call: Call) -> Handle:
        """Asks for approval, and returns as soon as the server has recorded it: `resume` runs the call, in any process.

        Returns the handle with any status of the approval; raises the same as `run` before that.
        """
        return await gate_of_async(self, call.tool_name, lambda address: request_for(call, address)).ask()

    async def wait(self, handle: Handle, **options: Unpack[WaitOptions]) -> None:
        """Waits until an asked call is approved; raises a Refusal if it must not run.

        Claims nothing: `resume` runs it. Takes the WaitOptions of Call.
        """
        await gate_of_async(self, handle.tool_name, lambda address: request_of(handle, options, address)).wait()

    async def resume(
        self, handle: Handle, function: Callable[[Run], Coroutine[Any, Any, _T]], **options: Unpack[WaitOptions]
    ) -> _T:
        """Waits for an asked call, and runs the coroutine function once with the approved arguments.

        As `run` does. Its arguments come from the server. Takes the WaitOptions of Call; an abandoned
        wait leaves the approval unchanged, unless `cancel_on_abandon` is set.
        """
        _refuse_others(function)
        refusals = self._refusals(function)
        try:
            bind = refusals.watched(lambda approved: lambda: function(approved))
            return await resume_bound_async(self, handle, options, bind)
        except Refusal as refusal:
            return cast("_T", refusals.text(refusal))

    async def close(self) -> None:
        """Closes the connection; its waiting calls end with Unavailable. Works from any loop."""
        self._is_closed = True
        if self._connection:
            await self._connection.channel.close()

    async def __aenter__(self) -> AsyncClient:
        """Itself; the connection is closed on leaving."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connection."""
        await self.close()

    def __repr__(self) -> str:
        """The address; never the token."""
        return f"AsyncClient({self._options.address!r})"

    def _refusals(self, function: Callable[[Run], object]) -> Refusals:
        if self.on_refusal == "return":
            refuse_other_results(getattr(function, "__qualname__", repr(function)), result_of(function))
        return Refusals(self.on_refusal)

    def _connected(self) -> _Connection:
        # Channels of asyncio belong to a loop, and a module may make its client without one.
        loop = asyncio.get_running_loop()
        if self._connection is None:
            if self._is_closed:
                raise UsageError("the client is closed")
            self._loop = loop
            options = self._options
            made_with = arguments(options)
            if options.is_tls:
                channel = grpc.aio.secure_channel(target(options), credentials(options), made_with)
            else:
                channel = grpc.aio.insecure_channel(target(options), made_with)
            self._connection = _Connection(channel, cast("grpc.aio.Channel", Authorized(channel, options)))
        if self._connection.process != os.getpid():
            # Closing its channel would hang: only the parent has the threads that it joins.
            raise RuntimeError(
                "the AsyncClient was used before the process forked: make one in each process, after the fork"
            )
        if loop is not self._loop:
            raise RuntimeError("an AsyncClient is used in one event loop only")
        return self._connection


class _Connection:
    def __init__(self, channel: grpc.aio.Channel, authorized: grpc.aio.Channel) -> None:
        self.channel = channel
        self.process = os.getpid()
        self.approvals = ApprovalServiceStub(authorized)
        self.policies = PolicyServiceStub(authorized)
        self.access = AccessServiceStub(authorized)
        self.admin = AdminServiceStub(authorized)


def _refuse_others(function: Callable[..., object]) -> None:
    if not is_coroutine_function(function):
        raise TypeError("an AsyncClient runs coroutine functions; others need a Client")


async def run_bound_async(client: AsyncClient, call: Call, bind: Bind[Awaitable[_T]]) -> _T:
    """Runs a call once it is approved."""
    return await gate_of_async(client, call.tool_name, lambda address: request_for(call, address)).run(bind)


async def ask_bound_async(client: AsyncClient, call: Call, bind: Bind[Any]) -> Handle:
    """Asks for a call whose arguments its function can take."""

    def request(address: str) -> Request:
        made = request_for(call, address)
        made.check(bind)
        return made

    return await gate_of_async(client, call.tool_name, request).ask()


async def resume_bound_async(
    client: AsyncClient, handle: Handle, options: WaitOptions, bind: Bind[Awaitable[_T]]
) -> _T:
    """Runs a call that was asked for, once it is approved."""
    return await gate_of_async(client, handle.tool_name, lambda address: request_of(handle, options, address)).run(bind)


def gate_of_async(client: AsyncClient, tool_name: str, make: Callable[[str], Request]) -> AsyncGate:
    """The gate for a request, which is made for the server's address."""
    options = client._options  # pyright: ignore[reportPrivateUsage]
    try:
        approvals = client.approvals
    except UsageError as error:
        raise closed(error, tool_name, options) from error
    return AsyncGate(approvals, options, make(options.address))

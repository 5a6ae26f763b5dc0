"""The client for blocking code."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from ._call import Call, Run
from ._call_options import Seconds, WaitOptions
from ._channel import Authorized, arguments, credentials, target
from ._functions import is_coroutine_function, refuse_generator
from ._gate import Gate
from ._handle import Handle
from ._on_refusal import OnRefusal, Refusals, check_on_refusal, refuse_other_results, result_of
from ._options import DEFAULT_DEADLINE, Options, StrPath, resolve
from ._request import Bind, Request, closed, request_for, request_of
from ._warnings import Warnings
from .refusals import Refusal
from .v1.access_service_pb2_grpc import AccessServiceStub
from .v1.admin_service_pb2_grpc import AdminServiceStub
from .v1.approval_service_pb2_grpc import ApprovalServiceStub
from .v1.policy_service_pb2_grpc import PolicyServiceStub

if TYPE_CHECKING:
    from typing_extensions import Unpack

_T = TypeVar("_T")


class Client:
    """A connection to a Signoff server, for blocking code. Threads may share it; it connects on first use.

    Missing options come from the environment, where an empty variable counts as unset.

    address: `http://HOST:PORT` or `https://HOST:PORT`; else `SIGNOFF_ADDRESS`, else `http://127.0.0.1:7766`.
    token: bearer token; else `SIGNOFF_TOKEN`. Empty: no token.
    ca: PEM file with the authorities of the server's certificate, in place of the system's; else `SIGNOFF_CA`.
    certificate, key: PEM files with the client certificate and its key; else `SIGNOFF_CERTIFICATE` and `SIGNOFF_KEY`.
    insecure: send the token without TLS to another machine; else `SIGNOFF_INSECURE`: `true` or `1`, `false` or `0`.
    deadline: seconds, or a timedelta: the deadline of unary calls.
    on_refusal: with `return`, the text of a refusal is the result of `run`, `resume` and gated functions, for
        frameworks that hide exceptions from the model; `ask` and `wait` always raise.

    Processes cannot share it: a client that was used before a fork raises RuntimeError in the child.

    Raises TypeError or ValueError, with the option's name, for invalid options and files, and OSError for files that
    cannot be read.
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
        self._lock = threading.Lock()
        self._is_closed = False
        self._warnings = Warnings()

    @property
    def approvals(self) -> ApprovalServiceStub:
        """All calls of ApprovalService, which raise grpc.RpcError."""
        return self._connected().approvals

    @property
    def policies(self) -> PolicyServiceStub:
        """All calls of PolicyService."""
        return self._connected().policies

    @property
    def access(self) -> AccessServiceStub:
        """All calls of AccessService."""
        return self._connected().access

    @property
    def admin(self) -> AdminServiceStub:
        """All calls of AdminService."""
        return self._connected().admin

    def run(self, call: Call, function: Callable[[Run], _T]) -> _T:
        """Asks for approval, waits, and runs the function once with the approved arguments.

        Returns the function's result, and raises its own error unchanged, also the Refusal of a gated call that it
        makes itself; raises a Refusal if it did not run. An exception during the wait, such as KeyboardInterrupt, ends
        the call, and is passed on. Raises TypeError for coroutine functions and generators, whose work begins later. A
        function that returns such work is reported as failed, with a TypeError; futures of `concurrent.futures` in its
        result are awaited.
        """
        _refuse_work_that_begins_later(function)
        refusals = self._refusals(function)
        try:
            bind = refusals.watched(lambda approved: lambda: function(approved))
            return run_bound(self, call, bind, self._warnings)
        except Refusal as refusal:
            return cast("_T", refusals.text(refusal))

    def ask(self, call: Call) -> Handle:
        """Asks for approval, and returns as soon as the server has recorded it: `resume` runs the call, in any process.

        Returns the handle with any status of the approval; raises the same as `run` before that.
        """
        warnings = self._warnings
        return gate_of(self, call.tool_name, lambda address: request_for(call, address), warnings, call).ask()

    def wait(self, handle: Handle, **options: Unpack[WaitOptions]) -> None:
        """Waits until an asked call is approved; raises a Refusal if it must not run.

        Claims nothing: `resume` runs it. Takes the WaitOptions of Call.
        """
        gate_of(self, handle.tool_name, lambda address: request_of(handle, options, address), self._warnings).wait()

    def resume(self, handle: Handle, function: Callable[[Run], _T], **options: Unpack[WaitOptions]) -> _T:
        """Waits for an asked call, and runs the function once with the approved arguments, as `run` does.

        Its arguments come from the server. Takes the WaitOptions of Call; an abandoned
        wait leaves the approval unchanged, unless `cancel_on_abandon` is set.
        """
        _refuse_work_that_begins_later(function)
        refusals = self._refusals(function)
        try:
            return resume_bound(self, handle, options, refusals.watched(lambda approved: lambda: function(approved)))
        except Refusal as refusal:
            return cast("_T", refusals.text(refusal))

    def close(self) -> None:
        """Closes the connection; its waiting calls end with Unavailable."""
        with self._lock:
            self._is_closed = True
            if self._connection and self._connection.process == os.getpid():
                self._connection.channel.close()

    def _refusals(self, function: Callable[[Run], object]) -> Refusals:
        if self.on_refusal == "return":
            refuse_other_results(getattr(function, "__qualname__", repr(function)), result_of(function))
        return Refusals(self.on_refusal)

    def _connected(self) -> _Connection:
        if self._connection is None:
            with self._lock:
                if self._is_closed:
                    raise ValueError("the client is closed")
                self._connection = self._connection or _Connection(self._options)
        if self._connection.process != os.getpid():
            # Closing its channel would hang: only the parent has the threads that it joins.
            raise RuntimeError(
                "the Client was used before the process forked: make one in each process, after the fork"
            )
        return self._connection

    def __enter__(self) -> Client:
        """Itself; the connection is closed on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.close()

    def __repr__(self) -> str:
        """The address; never the token."""
        return f"Client({self._options.address!r})"


class _Connection:
    def __init__(self, options: Options) -> None:
        made_with = arguments(options)
        if options.is_tls:
            self.channel = grpc.secure_channel(target(options), credentials(options), made_with)
        else:
            self.channel = grpc.insecure_channel(target(options), made_with)
        self.process = os.getpid()
        # It has what stubs use of a channel.
        authorized = cast("grpc.Channel", Authorized(self.channel, options))
        self.approvals = ApprovalServiceStub(authorized)
        self.policies = PolicyServiceStub(authorized)
        self.access = AccessServiceStub(authorized)
        self.admin = AdminServiceStub(authorized)


def _refuse_work_that_begins_later(function: Callable[..., object]) -> None:
    if is_coroutine_function(function):
        raise TypeError("coroutine functions need an AsyncClient")
    refuse_generator(function)


def run_bound(client: Client, call: Call, bind: Bind[_T], warnings: Warnings) -> _T:
    """Runs a call once it is approved; the warnings are those of the gate that makes the call."""
    return gate_of(client, call.tool_name, lambda address: request_for(call, address), warnings, call).run(bind)


def ask_bound(client: Client, call: Call, bind: Bind[Any], warnings: Warnings) -> Handle:
    """Asks for a call whose arguments its function can take."""

    def request(address: str) -> Request:
        made = request_for(call, address)
        made.check(bind)
        return made

    return gate_of(client, call.tool_name, request, warnings, call).ask()


def resume_bound(client: Client, handle: Handle, options: WaitOptions, bind: Bind[_T]) -> _T:
    """Runs a call that was asked for, once it is approved."""
    warnings = client._warnings  # pyright: ignore[reportPrivateUsage]
    return gate_of(client, handle.tool_name, lambda address: request_of(handle, options, address), warnings).run(bind)


def gate_of(
    client: Client, tool_name: str, make: Callable[[str], Request], warnings: Warnings, call: Call | None = None
) -> Gate:
    """The gate for a request, which is made for the server's address. Warns of a call that cannot be found again."""
    options = client._options  # pyright: ignore[reportPrivateUsage]
    try:
        approvals = client.approvals
    except ValueError as error:
        raise closed(error, tool_name, options) from error
    client._warnings.of_event_loop()  # pyright: ignore[reportPrivateUsage]
    if call:
        warnings.of_call(call)
    return Gate(approvals, options, make(options.address))

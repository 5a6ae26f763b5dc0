"""The request of a call, ready to send."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from ._arguments import Unfit, checked
from ._call import Call, Run
from ._call_options import DEFAULT_PATIENCE, WaitOptions, check_wait_options, seconds
from ._digest import digest, stable_request_id
from ._handle import Handle
from ._options import Options
from ._structs import to_struct
from .refusals import InvalidArguments, RequestFailed, Unavailable
from .v1.approval_pb2 import Agent, Approval
from .v1.approval_service_pb2 import Person, RequestApprovalRequest, WatchApprovalRequest

MAX_BYTES = 1 << 20
"""Maximum of an encoded request; servers read no more."""


_T = TypeVar("_T")

Bind = Callable[[Run], Callable[[], _T]]
"""Binds a run's arguments to a function's parameters, and returns a function without any; raises Unfit."""


Opening = RequestApprovalRequest | WatchApprovalRequest
"""What opens a stream about an approval."""


@dataclass(frozen=True)
class Request:
    """A call to wait for: a checked call that is asked for now, or one that was asked for before."""

    tool_name: str
    address: str
    """The server's, for people to read."""
    request_id: str
    digest: str
    """Of the arguments as asked."""
    opening: Opening
    waiting: WaitOptions
    arguments: dict[str, Any] | None = None
    """A copy, read back from its canonical JSON: changes by the caller during the wait were not approved. None for a
    call that was asked for before: the server has them."""
    approval_id: str | None = None
    """Of a call that was asked for before."""

    @property
    def patience(self) -> float:
        """Seconds of retries."""
        return seconds(self.waiting.get("patience", DEFAULT_PATIENCE))

    def check(self, bind: Bind[_T]) -> None:
        """Raises InvalidArguments for arguments that the function cannot take."""
        if self.arguments is None:
            return
        try:
            bind(Run(approval_id="", arguments=self.arguments, edited=False))
        except Unfit as unfit:
            raise invalid_arguments(self.tool_name, unfit) from None

    def after(self, revision: int) -> Opening:
        """The message to open a stream with, when events up to this revision have been seen."""
        message = type(self.opening)()
        message.CopyFrom(self.opening)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        message.after_revision = revision
        return message


def handle_of(request: Request, approval: Approval) -> Handle:
    """The handle of a request that the server has recorded."""
    return Handle(approval.id, request.request_id, request.tool_name, request.digest)


def invalid_arguments(tool_name: str, unfit: Unfit) -> InvalidArguments:
    """The refusal for arguments that cannot be approved."""
    return InvalidArguments(tool_name=tool_name, path=unfit.path, problem=unfit.problem)


def closed(error: Exception, tool_name: str, options: Options) -> Unavailable:
    """The refusal for a call of a closed client; raise it from the error."""
    return Unavailable(tool_name=tool_name, address=options.address, problem=str(error))


def request_of(handle: Handle, waiting: WaitOptions, address: str) -> Request:
    """The request that resumes a call; raises TypeError or ValueError for invalid options."""
    if not isinstance(handle, Handle):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"the handle must be a Handle, not {handle!r}")
    check_wait_options(waiting)
    return Request(
        handle.tool_name,
        address,
        handle.request_id,
        handle.digest,
        WatchApprovalRequest(approval_id=handle.approval_id),
        waiting,
        approval_id=handle.approval_id,
    )


def request_for(call: Call, address: str) -> Request:
    """Checks a call and encodes it.

    Raises InvalidArguments, or RequestFailed if another part of it cannot be sent.
    """
    try:
        arguments = checked(call.arguments)
    except Unfit as unfit:
        raise invalid_arguments(call.tool_name, unfit) from None
    try:
        message = _encode(call, arguments)
        # After defaults were filled in and values written as JSON: the digest covers the arguments that the function
        # will get. Without the defaults, a changed default would reach the function without a review.
        digest_of_call = digest(call.tool_name, arguments)
    except Unfit as unfit:
        where = f"arguments_schema.{unfit.path}" if unfit.path else "arguments_schema"
        raise _invalid(call, address, f"{where} {unfit.problem}") from None
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise _invalid(call, address, str(error)) from error
    size = message.ByteSize()
    if size > MAX_BYTES:
        raise _invalid(call, address, f"the request has {size} bytes; the maximum is {MAX_BYTES}")
    waiting: WaitOptions = {
        "patience": call.patience,
        "on_progress": call.on_progress,
        "cancel_on_abandon": call.cancel_on_abandon,
        "cancel_handle": call.cancel_handle,
    }
    return Request(call.tool_name, address, message.request_id, digest_of_call, message, waiting, arguments)


def _encode(call: Call, arguments: dict[str, Any]) -> RequestApprovalRequest:
    return RequestApprovalRequest(
        request_id=_request_id(call),
        tool_name=call.tool_name,
        arguments=to_struct(arguments),
        agent=_agent(call),
        reason=call.reason or "",
        timeout=None if call.timeout is None else _duration(seconds(call.timeout)),
        labels=call.labels,
        arguments_schema=None if call.arguments_schema is None else to_struct(checked(call.arguments_schema)),
        on_behalf_of=_person(call),
    )


def _request_id(call: Call) -> str:
    if call.request_id:
        return call.request_id
    if call.run_id and call.call_id:
        return stable_request_id(call.run_id, call.call_id)
    return str(uuid.uuid4())


def _agent(call: Call) -> Agent | None:
    if not (call.agent_name or call.run_id or call.chain):
        return None
    return Agent(name=call.agent_name or "", run_id=call.run_id or "", chain=call.chain)


def _person(call: Call) -> Person | None:
    person = call.on_behalf_of
    return None if person is None else Person(issuer=person.issuer, subject=person.subject)


def _duration(time: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(time * 1e9))
    return duration


def _invalid(call: Call, address: str, message: str) -> RequestFailed:
    code = grpc.StatusCode.INVALID_ARGUMENT
    return RequestFailed(tool_name=call.tool_name, address=address, code=code, reason=code.name, message=message)

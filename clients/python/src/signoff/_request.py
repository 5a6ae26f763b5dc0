"""The request of a call, as it is sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from ._arguments import Unfit, checked
from ._call import Call, Run
from ._call_options import seconds
from ._digest import digest, stable_request_id
from ._options import Options
from ._structs import to_struct
from .refusals import InvalidArguments, RequestFailed, Unavailable
from .v1.approval_pb2 import Agent
from .v1.approval_service_pb2 import Person, RequestApprovalRequest

MAX_BYTES = 1 << 20
"""Of a request, encoded; servers read no more."""


_T = TypeVar("_T")

Bind = Callable[[Run], Callable[[], _T]]
"""Joins what may run with a function's parameters, and returns what runs it; raises Unfit if it does not fit."""


@dataclass(frozen=True)
class Request:
    """A call that was found fit to be asked for."""

    call: Call
    address: str
    """The server's, for people to read."""
    arguments: dict[str, Any]
    """A copy, as its canonical JSON reads: what the caller changes while it waits was not approved."""
    digest: str
    message: RequestApprovalRequest

    @property
    def patience(self) -> float:
        """Seconds to go on trying."""
        return seconds(self.call.patience)

    def check(self, bind: Bind[_T]) -> None:
        """Raises InvalidArguments for arguments that the function cannot take."""
        try:
            bind(Run(approval_id="", arguments=self.arguments, edited=False))
        except Unfit as unfit:
            raise invalid_arguments(self.call, unfit) from None

    def after(self, revision: int) -> RequestApprovalRequest:
        """The message to ask again with, when events up to this revision have been seen."""
        message = RequestApprovalRequest()
        message.CopyFrom(self.message)
        message.after_revision = revision
        return message


def invalid_arguments(call: Call, unfit: Unfit) -> InvalidArguments:
    """The refusal for arguments that cannot be asked for."""
    return InvalidArguments(tool_name=call.tool_name, path=unfit.path, problem=unfit.problem)


def closed(error: Exception, call: Call, options: Options) -> Unavailable:
    """The refusal for a call of a client that was closed; to be raised from the error."""
    return Unavailable(tool_name=call.tool_name, address=options.address, problem=str(error))


def request_for(call: Call, address: str) -> Request:
    """Checks a call and encodes it.

    Raises InvalidArguments, or RequestFailed when anything else of it cannot be sent.
    """
    try:
        arguments = checked(call.arguments)
    except Unfit as unfit:
        raise invalid_arguments(call, unfit) from None
    try:
        message = _encode(call, arguments)
        digest_of_call = digest(call.tool_name, arguments)
    except Unfit as unfit:
        where = f"arguments_schema.{unfit.path}" if unfit.path else "arguments_schema"
        raise _invalid(call, address, f"{where} {unfit.problem}") from None
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise _invalid(call, address, str(error)) from error
    size = message.ByteSize()
    if size > MAX_BYTES:
        raise _invalid(call, address, f"the request has {size} bytes; at most {MAX_BYTES} are allowed")
    return Request(call, address, arguments, digest_of_call, message)


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

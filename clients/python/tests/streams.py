"""Behaviours of the server that misbehaves, and the call that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

import grpc

import signoff
from fakes import APPROVED, Context, fail, update
from signoff._digest import digest
from signoff._structs import to_struct
from signoff.v1.approval_service_pb2 import RequestApprovalRequest, RequestApprovalResponse

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE

Answers = Iterable[RequestApprovalResponse]


def call(**options: Any) -> signoff.Call:
    """Some call."""
    return signoff.Call("send_email", {"to": "alice"}, **options)


def breaks(
    *messages: Callable[[RequestApprovalRequest], RequestApprovalResponse],
    code: grpc.StatusCode = UNAVAILABLE,
    **how: Any,
) -> Any:
    """A stream that breaks after these messages."""

    def stream(request: RequestApprovalRequest, context: Context) -> Answers:
        for message in messages:
            yield message(request)
        fail(context, code, **how)

    return stream


def says(*messages: Callable[[RequestApprovalRequest], RequestApprovalResponse]) -> Any:
    """A stream that ends after these messages."""

    def stream(request: RequestApprovalRequest, _: Context) -> Answers:
        return [message(request) for message in messages]

    return stream


def is_at(status: int, **fields: Any) -> Callable[[RequestApprovalRequest], RequestApprovalResponse]:
    """A message with the approval at this status."""
    return lambda request: update(request, status, **fields)


def edited(arguments: dict[str, Any]) -> Any:
    """Approves with these arguments, as a reviewer has edited them."""

    def approve(request: RequestApprovalRequest, _: Context) -> Answers:
        answer = update(request, APPROVED, revision=2)
        approval = answer.update.approval
        approval.arguments.CopyFrom(to_struct(arguments))
        approval.digest = approval.decision.digest = digest(request.tool_name, arguments)
        return [answer]

    return approve


class Reached(Event):
    """That the server has come to some point."""

    def then(self, behaviour: Callable[[Any, Context], Any]) -> Any:
        """Comes to it, and goes on."""

        def reach(request: Any, context: Context) -> Any:
            self.set()
            return behaviour(request, context)

        return reach

    def before(self, behaviour: Callable[[Any, Context], Any]) -> Any:
        """Goes on once it was reached."""

        def wait(request: Any, context: Context) -> Any:
            self.wait(30)
            return behaviour(request, context)

        return wait

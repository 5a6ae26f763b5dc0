"""Asking for an approval without waiting for its decision, for frameworks that pause."""

from __future__ import annotations

from grpc.aio import UsageError

from .._aio_client import AsyncClient
from .._aio_gate import AsyncGate
from .._call import Call
from .._client import Client
from .._gate import Gate
from .._request import closed
from .._tries import Exhausted, Tries
from .._wait import refused
from ..v1.approval_pb2 import Approval, ApprovalStatus


def pending_approval(client: Client, call: Call) -> str | None:
    """Asks, and returns the approval's id while it is pending; None once there is a decision.

    Raises a Refusal if the server cannot be asked.
    """
    options = client._options  # pyright: ignore[reportPrivateUsage]
    try:
        approvals = client.approvals
    except ValueError as error:
        raise closed(error, call, options) from error
    gate = Gate(approvals, options, call)
    try:
        gate._find(Tries(gate._request.patience))
    except Exhausted as exhausted:
        raise refused(exhausted.failure, gate._request, gate._wait.approval_id) from exhausted.failure.cause
    return _pending(gate._wait.approval)


async def pending_approval_async(client: AsyncClient, call: Call) -> str | None:
    """As `pending_approval`, for asyncio."""
    options = client._options  # pyright: ignore[reportPrivateUsage]
    try:
        approvals = client.approvals
    except UsageError as error:
        raise closed(error, call, options) from error
    gate = AsyncGate(approvals, options, call)
    try:
        await gate._find(Tries(gate._request.patience))
    except Exhausted as exhausted:
        raise refused(exhausted.failure, gate._request, gate._wait.approval_id) from exhausted.failure.cause
    return _pending(gate._wait.approval)


def _pending(approval: Approval | None) -> str | None:
    is_pending = approval is not None and approval.status == ApprovalStatus.APPROVAL_STATUS_PENDING
    return approval.id if approval and is_pending else None

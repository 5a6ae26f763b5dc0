"""Asking for an approval without waiting for its decision, for frameworks that pause."""

from __future__ import annotations

from .._aio_client import AsyncClient, gate_of_async
from .._call import Call
from .._client import Client, gate_of
from .._handle import Handle
from .._request import request_for
from .._warnings import Warnings
from ..v1.approval_pb2 import Approval, ApprovalStatus


def pending(client: Client, call: Call, warnings: Warnings) -> Handle | None:
    """Asks, and returns the handle while the approval is pending; None once there is a decision.

    Raises a Refusal if the server cannot be asked.
    """
    gate = gate_of(client, call.tool_name, lambda address: request_for(call, address), warnings, call)
    handle = gate.ask()
    return handle if _is_pending(gate._wait.approval) else None


async def pending_async(client: AsyncClient, call: Call) -> Handle | None:
    """As `pending`, for asyncio."""
    gate = gate_of_async(client, call.tool_name, lambda address: request_for(call, address))
    handle = await gate.ask()
    return handle if _is_pending(gate._wait.approval) else None


def _is_pending(approval: Approval | None) -> bool:
    return approval is not None and approval.status == ApprovalStatus.APPROVAL_STATUS_PENDING

"""What people, and other clients of the same agent, do in tests."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import signoff
from servers import Server
from signoff._structs import to_struct
from signoff.v1.admin_pb2 import FreezeScope
from signoff.v1.admin_service_pb2 import FreezeRequest, ThawRequest
from signoff.v1.approval_pb2 import Approval, VoteChoice
from signoff.v1.approval_service_pb2 import (
    CancelApprovalRequest,
    DecideRequest,
    GetApprovalRequest,
    ListApprovalsRequest,
    RevokeApprovalRequest,
    WatchPendingRequest,
)

# gRPC shares connections between channels: after a restart a new channel may still be told of the old server's end.
READY: Any = {"wait_for_ready": True}


def pending(server: Server, tool_name: str) -> Approval:
    """The tool's pending approval, once there is one."""
    with signoff.Client(server.address, token=server.reviewer) as client:
        queue = client.approvals.WatchPending(WatchPendingRequest(tool_name=tool_name), **READY)
        for change in queue:
            if change.HasField("pending"):
                queue.cancel()
                return change.pending
    raise AssertionError("the queue ended")


def decide(
    server: Server, approval: Approval, *, approve: bool, comment: str = "", edited: dict[str, Any] | None = None
) -> Approval:
    """Decides as the reviewer, and returns what became of the approval."""
    request = DecideRequest(
        approval_id=approval.id,
        request_id=str(uuid.uuid4()),
        choice=VoteChoice.VOTE_CHOICE_APPROVE if approve else VoteChoice.VOTE_CHOICE_REJECT,
        revision=approval.revision,
        comment=comment,
    )
    if edited is not None:
        request.edited_arguments.CopyFrom(to_struct(edited))
    with signoff.Client(server.address, token=server.reviewer) as client:
        return client.approvals.Decide(request, **READY).approval


def cancel(server: Server, approval: Approval) -> None:
    """Withdraws with the agent's token."""
    with signoff.Client(server.address, token=server.agent) as client:
        client.approvals.CancelApproval(CancelApprovalRequest(approval_id=approval.id), **READY)


def revoke(server: Server, approval: Approval, reason: str) -> None:
    """Revokes as the reviewer."""
    request = RevokeApprovalRequest(approval_id=approval.id, request_id=str(uuid.uuid4()), reason=reason)
    with signoff.Client(server.address, token=server.reviewer) as client:
        client.approvals.RevokeApproval(request, **READY)


@contextmanager
def frozen(server: Server, tool_name: str, reason: str) -> Generator[None]:
    """Stops the tool's calls as the operator, until the end of the `with`."""
    scope = FreezeScope(tool=tool_name)
    with signoff.Client(server.address, token=server.operator) as client:
        freeze = client.admin.Freeze(
            FreezeRequest(request_id=str(uuid.uuid4()), scope=scope, reason=reason), **READY
        ).freeze
        try:
            yield
        finally:
            client.admin.Thaw(ThawRequest(request_id=str(uuid.uuid4()), freeze_id=freeze.id), **READY)


def stored(server: Server, approval_id: str | None) -> Approval:
    """The approval as the server has it now."""
    with signoff.Client(server.address, token=server.operator) as client:
        return client.approvals.GetApproval(GetApprovalRequest(approval_id=approval_id or ""), **READY).approval


def all_of(server: Server, tool_name: str) -> list[Approval]:
    """All approvals of the tool."""
    with signoff.Client(server.address, token=server.operator) as client:
        return list(client.approvals.ListApprovals(ListApprovalsRequest(tool_name=tool_name), **READY).approvals)

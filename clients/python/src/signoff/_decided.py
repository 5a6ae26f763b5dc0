"""What a terminal approval means for its call."""

from __future__ import annotations

from ._statuses import is_approved
from .refusals import AutoRejected, Cancelled, Frozen, Refusal, Rejected, Revoked, TimedOut, UnknownStatus
from .v1.approval_pb2 import Actor, Approval, ApprovalStatus

_FREEZE = "_freeze"
"""The rule that rejects while a freeze stands. Rules of policies have no such names."""


def refusal_of(approval: Approval, tool_name: str) -> Refusal | None:
    """The refusal that a terminal approval means; None only if it was approved, and not revoked since."""
    status, decision, policy = approval.status, approval.decision, approval.policy
    if is_approved(status):
        if approval.HasField("revocation"):
            return Revoked(tool_name=tool_name, approval_id=approval.id, reason=approval.revocation.reason)
        return None
    if status == ApprovalStatus.APPROVAL_STATUS_REJECTED:
        return _rejected(approval, tool_name, decision.comment, decision.decided_by)
    if status == ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED:
        if decision.HasField("remembered_rejection"):
            remembered = decision.remembered_rejection
            return _rejected(approval, tool_name, remembered.comment, remembered.decided_by)
        if policy.rule == _FREEZE:
            return Frozen(tool_name=tool_name, approval_id=approval.id, reason=decision.comment)
        return AutoRejected(tool_name=tool_name, approval_id=approval.id, rule=policy.rule, message=policy.message)
    if status == ApprovalStatus.APPROVAL_STATUS_TIMED_OUT:
        return TimedOut(tool_name=tool_name, approval_id=approval.id)
    if status == ApprovalStatus.APPROVAL_STATUS_CANCELLED:
        return Cancelled(tool_name=tool_name, approval_id=approval.id)
    return unknown(approval, tool_name)


def _rejected(approval: Approval, tool_name: str, comment: str, by: Actor) -> Rejected:
    decided_by = f"{by.issuer}/{by.subject}"
    return Rejected(tool_name=tool_name, approval_id=approval.id, comment=comment, decided_by=decided_by)


def unknown(approval: Approval, tool_name: str) -> UnknownStatus:
    """The refusal for a status that this client does not know."""
    return UnknownStatus(tool_name=tool_name, approval_id=approval.id, status=str(int(approval.status)))

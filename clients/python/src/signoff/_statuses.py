"""What a status means. One that is not known is neither approved nor terminal."""

from __future__ import annotations

from .v1.approval_pb2 import ApprovalStatus

_APPROVED = frozenset({ApprovalStatus.APPROVAL_STATUS_APPROVED, ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED})
_TERMINAL = _APPROVED | {
    ApprovalStatus.APPROVAL_STATUS_REJECTED,
    ApprovalStatus.APPROVAL_STATUS_TIMED_OUT,
    ApprovalStatus.APPROVAL_STATUS_CANCELLED,
    ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED,
}


def is_approved(status: int) -> bool:
    """Whether the call may be claimed."""
    return status in _APPROVED


def is_terminal(status: int) -> bool:
    """Whether it is known that the status never changes any more."""
    return status in _TERMINAL


def is_known(status: int) -> bool:
    """Whether this client knows what the status means."""
    return status == ApprovalStatus.APPROVAL_STATUS_PENDING or is_terminal(status)

"""The wait for a decision, without its input and output: what each message and each failure means."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ._answers import Answers
from ._call_options import Progress
from ._decided import unknown
from ._failures import Failure, broken
from ._request import Opening, Request
from ._statuses import is_approved, is_terminal
from ._tries import LAST_TRY, Exhausted, Tries
from .refusals import Refusal, RequestFailed, Unavailable
from .v1.approval_pb2 import Approval, ApprovalStatus
from .v1.approval_pb2 import Progress as ProgressMessage
from .v1.approval_service_pb2 import ApprovalUpdate, CancelApprovalRequest

Sought = Callable[[ApprovalUpdate], "Approval | None"]
"""Takes an update; returns the approval if it is what is sought."""


class Wait:
    """One wait, over as many streams as it takes.

    For each stream: `begin`, then `decided` or `first`, `progress` or the stream's end for what it brings, and
    `silent_for` before each message as the longest time to wait for it. `rest` after each that broke.
    """

    def __init__(self, request: Request, deadline: float) -> None:
        self._request = request
        self._deadline = deadline
        self._tries = Tries(request.patience)
        self._has_spoken = False
        self.answers = Answers(request)
        self.is_approved = False
        """Whether it was approved, as far as the server has said."""

    @property
    def approval(self) -> Approval | None:
        """As last seen."""
        return self.answers.newest

    @property
    def approval_id(self) -> str | None:
        """The approval's id, once the server has said it."""
        return self.approval.id if self.approval else self._request.approval_id

    def begin(self) -> Opening:
        """What to open the next stream with."""
        self._has_spoken = False
        return self._request.after(self.approval.revision if self.approval else 0)

    def silent_for(self) -> float:
        """Seconds after which a stream that says nothing is cut."""
        if self._has_spoken:
            return max(0.0, self._tries.left()) + self._deadline
        if self.approval:
            return self._deadline
        # The last try begins when patience has ended, and is a try all the same.
        left = min(self._request.patience, LAST_TRY) if self._tries.is_last else self._tries.left()
        return max(0.0, min(left, self._deadline))

    def decided(self, update: ApprovalUpdate) -> Approval | None:
        """Takes an update; returns the approval if it is terminal. Raises InvalidAnswer."""
        approval = self.first(update)
        return approval if is_terminal(approval.status) else None

    def first(self, update: ApprovalUpdate) -> Approval:
        """Takes an update; returns the approval, whatever its status is. Raises InvalidAnswer."""
        self._heard()
        before = self.approval
        approval = self.answers.update(update)
        # An approval seen before says nothing new about how much time is left.
        if before is None or approval.revision > before.revision:
            self._tries.end_in(_seconds(approval.deadline) - _seconds(approval.update_time))
        self.is_approved = is_approved(approval.status)
        return approval

    def progress(self, message: ProgressMessage) -> Progress:
        """Takes a progress message; returns the progress for the caller."""
        self._heard()
        remaining = _seconds(message.remaining)
        if self.approval:
            self._tries.end_in(remaining)
        return Progress(
            approval_id=self.approval_id or "",
            message=message.message,
            remaining=remaining,
            approvals=message.approvals,
            quorum=message.quorum,
            reviewers=tuple(message.reviewers),
        )

    def ended(self) -> Failure:
        """The stream ended as if all were well. Returns that it broke, unless its last word was an unknown status."""
        approval = self.approval
        if self._has_spoken and approval and approval.status != ApprovalStatus.APPROVAL_STATUS_PENDING:
            raise unknown(approval, self._request.tool_name)
        return broken(ConnectionError("the stream ended without a decision"))

    def rest(self, failure: Failure) -> float:
        """Seconds to rest before the next stream; raises the refusal if there is to be none."""
        try:
            return self._tries.rest(failure)
        except Exhausted:
            raise refused(failure, self._request, self.approval_id) from failure.cause

    def left(self) -> float:
        """Seconds until the last try begins."""
        return self._tries.left()

    def _heard(self) -> None:
        self._has_spoken = True
        self._tries.succeeded()


def _seconds(time: Timestamp | Duration) -> float:
    return time.seconds + time.nanos / 1e9


def withdrawal(approval_id: str) -> CancelApprovalRequest:
    """The request to withdraw an approval after its caller stopped waiting."""
    return CancelApprovalRequest(
        approval_id=approval_id, request_id=f"cancel:{uuid.uuid4()}", reason="the caller stopped waiting"
    )


def is_decided(failure: Failure) -> bool:
    """Whether a withdrawal failed only because there is nothing to withdraw any more."""
    return failure.reason == "ALREADY_DECIDED"


def is_approved_meanwhile(failure: Failure) -> bool:
    """Whether a withdrawal failed because the approval was approved before."""
    return is_decided(failure) and failure.metadata.get("status") == "APPROVED"


def refused(failure: Failure, request: Request, approval_id: str | None, *, approved: bool = False) -> Refusal:
    """The refusal for a failure after which nothing is tried again; to be raised from the failure's cause."""
    tool_name, address = request.tool_name, request.address
    if failure.is_passing or failure.misconfiguration:
        return Unavailable(
            tool_name=tool_name, approval_id=approval_id, address=address, problem=failure.problem, approved=approved
        )
    return RequestFailed(
        tool_name=tool_name,
        approval_id=approval_id,
        address=address,
        code=failure.code,
        reason=failure.reason or failure.code.name,
        message=failure.message,
    )

"""The claim of an approved call and the report about it, without their input and output."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TypeVar

from ._answers import Answers
from ._arguments import Unfit
from ._call import Run
from ._error_texts import error_text
from ._failures import Failure
from ._request import Bind, Request
from ._structs import from_struct
from ._wait import refused
from .refusals import (
    AlreadyClaimed,
    ClaimWindowClosed,
    DigestMismatch,
    Frozen,
    InvalidArguments,
    InvalidEdit,
    Refusal,
    Revoked,
)
from .v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult
from .v1.approval_service_pb2 import (
    ClaimExecutionRequest,
    ClaimExecutionResponse,
    ReportExecutionRequest,
)

_T = TypeVar("_T")

_KNOWN = ("claimed_by", "claim_time", "result", "report_time", "message")

MESSAGE_BYTES = 4096
"""Of a report's message, at most."""


class Permit:
    """The run of an approved call, and the permission for it.

    Raises DigestMismatch if the approved call differs from the call to run.
    """

    def __init__(self, request: Request, answers: Answers, approval: Approval) -> None:
        self._request = request
        self._answers = answers
        self._approval = approval
        self.claim_id = ""
        """The id of the granted claim; empty if none was granted."""
        edited = approval.digest != request.digest
        # The policy approves what was asked for; only people edit.
        by_policy = approval.status == ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED
        if not answers.is_decided_for(approval) or (edited and by_policy):
            raise answers.mismatch()
        known = None if edited else request.arguments
        arguments = from_struct(approval.arguments) if known is None else known
        self.run = Run(approval_id=approval.id, arguments=arguments, edited=edited)
        self.claim = ClaimExecutionRequest(
            approval_id=approval.id,
            # Random for each runner, so that only one of two runners gets the claim. The same for each try of this one:
            # after a lost reply the client cannot know whether the server granted the claim. The same id asks for the
            # same claim, and the server answers as the first time, while the claim window is open and no outcome is on
            # record. A new id would get ALREADY_CLAIMED for this runner's own claim, and the call would never run.
            request_id=str(uuid.uuid4()),
            digest=approval.digest,
        )

    def bound(self, bind: Bind[_T]) -> Callable[[], _T]:
        """The function with its arguments; raises InvalidEdit if a reviewer's edit does not fit it."""
        try:
            return bind(self.run)
        except Unfit as unfit:
            kind = InvalidEdit if self.run.edited else InvalidArguments
            raise kind(
                tool_name=self._request.tool_name,
                approval_id=self._approval.id,
                path=unfit.path,
                problem=unfit.problem,
            ) from None

    def keep(self, answer: ClaimExecutionResponse) -> None:
        """Keeps the claim that the answer grants, before any check."""
        self.claim_id = answer.claim_id

    def check(self, answer: ClaimExecutionResponse) -> None:
        """Raises InvalidAnswer or DigestMismatch if the claim is not for the call to run.

        Raises Revoked if the approval was revoked: the call must not run, even with a claim.
        """
        self._answers.claim(answer, self._approval)

    def refusal(self, failure: Failure) -> Refusal:
        """The refusal for a claim that the server did not grant; raise it from the failure's cause."""
        tool_name, approval_id = self._request.tool_name, self._approval.id
        if not failure.is_servers_own:
            return refused(failure, self._request, approval_id, approved=True)
        match failure.reason:
            case "ALREADY_CLAIMED":
                known = {name: failure.metadata.get(name, "") for name in _KNOWN}
                return AlreadyClaimed(tool_name=tool_name, approval_id=approval_id, **known)
            case "CLAIM_WINDOW_CLOSED":
                return ClaimWindowClosed(tool_name=tool_name, approval_id=approval_id)
            case "DIGEST_MISMATCH":
                return DigestMismatch(tool_name=tool_name, approval_id=approval_id)
            case "APPROVAL_REVOKED":
                return Revoked(tool_name=tool_name, approval_id=approval_id, reason=failure.metadata.get("reason", ""))
            case "FROZEN":
                return Frozen(tool_name=tool_name, approval_id=approval_id, reason=failure.metadata.get("reason", ""))
            case _:
                return refused(failure, self._request, approval_id, approved=True)

    def succeeded(self) -> ReportExecutionRequest:
        """The report of a function that returned."""
        return self._report(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, "")

    def failed(self, message: str) -> ReportExecutionRequest:
        """The report of a function that raised, or did not run."""
        return self._report(ExecutionResult.EXECUTION_RESULT_FAILED, shortened(message))

    def _report(self, result: ExecutionResult.ValueType, message: str) -> ReportExecutionRequest:
        return ReportExecutionRequest(
            approval_id=self._approval.id,
            request_id=f"report:{self.claim_id}",
            claim_id=self.claim_id,
            result=result,
            message=message,
        )


def text_of(error: BaseException, has_begun: bool) -> str:
    """The text of an error in a report.

    Before the function has begun, a refusal has its own text; any other error means that the caller stopped waiting.
    """
    if not has_begun and not isinstance(error, Refusal):
        return "not run: the caller stopped waiting"
    return error_text(error)


def shortened(message: str) -> str:
    """The message, cut to a report's maximum of UTF-8 bytes."""
    return message.encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore")

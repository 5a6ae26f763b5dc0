"""The claim of an approved call and the report about it, without their input and output."""

from __future__ import annotations

import uuid
from typing import Any

from ._call import Run
from ._digest import digest
from ._failures import Failure
from ._request import Request
from ._structs import from_struct
from ._wait import refused
from .refusals import AlreadyClaimed, ClaimWindowClosed, DigestMismatch, Refusal
from .v1.approval_pb2 import Approval, ExecutionResult
from .v1.approval_service_pb2 import ClaimExecutionRequest, ClaimExecutionResponse, ReportExecutionRequest

MESSAGE_BYTES = 4096
"""Of a report's message, at most."""

_REFUSALS = {
    "ALREADY_CLAIMED": AlreadyClaimed,
    "CLAIM_WINDOW_CLOSED": ClaimWindowClosed,
    "DIGEST_MISMATCH": DigestMismatch,
}


class Permit:
    """What would be run for an approved call, and the permission to do so.

    Raises DigestMismatch if it is not what was approved.
    """

    def __init__(self, request: Request, approval: Approval) -> None:
        self._request = request
        self._approval = approval
        self.claim_id = ""
        """Of the claim that was granted; empty before, and if none was."""
        edited = approval.digest != request.digest
        arguments = from_struct(approval.arguments) if edited else request.arguments
        if _digest(request.call.tool_name, arguments) != approval.digest:
            raise self._mismatch()
        self.run = Run(approval_id=approval.id, arguments=arguments, edited=edited)
        self.claim = ClaimExecutionRequest(
            approval_id=approval.id,
            # Random for each runner, so that of two runners of one approval the server lets only one run.
            request_id=f"claim:{uuid.uuid4()}",
            digest=approval.digest,
        )

    def keep(self, answer: ClaimExecutionResponse) -> None:
        """Keeps what the server's answer grants, whatever it is for."""
        self.claim_id = answer.claim_id

    def check(self, answer: ClaimExecutionResponse) -> None:
        """Raises DigestMismatch if the answer is not a claim of what would be run."""
        approval = answer.approval
        if not answer.claim_id or approval.id != self._approval.id or approval.digest != self._approval.digest:
            raise self._mismatch()

    def refusal(self, failure: Failure) -> Refusal:
        """The refusal for a claim that the server did not grant; to be raised from the failure's cause."""
        kind = _REFUSALS.get(failure.reason) if failure.is_servers_own else None
        if kind is None:
            return refused(failure, self._request.call.tool_name, self._approval.id)
        return kind(tool_name=self._request.call.tool_name, approval_id=self._approval.id)

    def succeeded(self) -> ReportExecutionRequest:
        """The report of a function that returned."""
        return self._report(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, "")

    def failed(self, message: str) -> ReportExecutionRequest:
        """The report of a function that raised, or was not run after all."""
        return self._report(ExecutionResult.EXECUTION_RESULT_FAILED, shortened(message))

    def _report(self, result: ExecutionResult.ValueType, message: str) -> ReportExecutionRequest:
        return ReportExecutionRequest(
            approval_id=self._approval.id,
            request_id=f"report:{self.claim_id}",
            claim_id=self.claim_id,
            result=result,
            message=message,
        )

    def _mismatch(self) -> DigestMismatch:
        return DigestMismatch(tool_name=self._request.call.tool_name, approval_id=self._approval.id)


def _digest(tool_name: str, arguments: dict[str, Any]) -> str | None:
    try:
        return digest(tool_name, arguments)
    except ValueError:
        # What has no canonical form cannot have been approved.
        return None


def text_of(error: BaseException, has_begun: bool) -> str:
    """What an error says; its type's name if it says nothing, or cannot say it.

    Of what is raised before the function has begun, refusals say why; else it is that the caller gave up.
    """
    if not has_begun and not isinstance(error, Refusal):
        return "not run: the caller gave up"
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - errors come with any code of their own
        return type(error).__name__


def shortened(message: str) -> str:
    """The message, in as many bytes of UTF-8 as a report takes."""
    return message.encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore")

"""What an answer must say before anything is believed of it: docs/clients.md has the list.

A server that lies, or a proxy that mixes answers up, must not bring a tool to run. So an answer is compared with the
request, with the answers before it, and with itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import normalize

from ._decided import refusal_of
from ._digest import digest
from ._request import Request
from ._statuses import is_known, is_terminal
from ._structs import from_struct
from .refusals import DigestMismatch, InvalidAnswer
from .v1.approval_pb2 import Actor, Approval, ApprovalStatus, Event
from .v1.approval_service_pb2 import (
    ApprovalUpdate,
    ClaimExecutionResponse,
    ReportExecutionRequest,
    ReportExecutionResponse,
)


class Answers:
    """The answers to one request: `newest` is the approval as it was last seen, and found to be as it must be."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_request_shown = False
        self.newest: Approval | None = None

    def update(self, update: ApprovalUpdate) -> Approval:
        """The approval of an update of the stream; raises InvalidAnswer."""
        approval = self._approval(update.approval if update.HasField("approval") else None)
        self._is_request_shown |= any(event.HasField("requested") for event in update.events)
        # What this client asked for itself, it knows without.
        is_unknown = self._request.arguments is None and not self._is_request_shown
        self._refuse(
            [
                (self._records_other_arguments(update.events), "the request was recorded with other arguments"),
                (is_unknown, "the approval does not show the request"),
                (not _lead_to(approval, update.events), "the events contradict the approval"),
            ]
        )
        return approval

    def claim(self, answer: ClaimExecutionResponse, approved: Approval) -> None:
        """Raises InvalidAnswer or DigestMismatch if the answer is not a claim of what was approved, Revoked if it was
        revoked since: whatever was granted, the call is not to be run.
        """
        self._refuse([(not answer.claim_id, "the answer has no claim id")])
        approval = self._approval(answer.approval if answer.HasField("approval") else None)
        self._refuse([(approval.status != approved.status, "the approval's status changed")])
        refusal = refusal_of(approval, self._request.tool_name)
        if refusal:
            raise refusal
        if approval.digest != approved.digest or not self.is_decided_for(approval):
            raise self.mismatch()
        claim = approval.claim
        self._refuse(
            [
                (not approval.HasField("claim"), "the approval has no claim"),
                (claim.id != answer.claim_id, "the claim has another id"),
                (not _is_same(claim.claimed_by, approval.caller), "the claim is another caller's"),
                (claim.HasField("outcome"), "the claim has an outcome already"),
            ]
        )

    def is_decided_for(self, approval: Approval) -> bool:
        """Whether the decision is about the approval's digest, and that is the one calculated from its arguments."""
        return approval.decision.digest == approval.digest == self._digest(approval)

    def mismatch(self) -> DigestMismatch:
        """The approved call differs from the call to run."""
        return DigestMismatch(tool_name=self._request.tool_name, approval_id=self._approval_id)

    @property
    def _approval_id(self) -> str | None:
        return self.newest.id if self.newest else self._request.approval_id

    def _approval(self, approval: Approval | None) -> Approval:
        """Checks any approval against the request, the approval before it, and itself."""
        if approval is None:
            raise self._invalid("the answer has no approval")
        before = self.newest or approval
        status, decision = approval.status, approval.decision
        approval_id = self._request.approval_id or before.id
        is_decided = approval.HasField("decision")
        has_changed = (status, approval.digest) != (before.status, before.digest)
        self._refuse(
            [
                (not approval.id, "the approval has no id"),
                (approval.id != approval_id, "the approval's id changed"),
                (approval.request_id != self._request.request_id, "the approval is for another request"),
                (approval.tool_name != self._request.tool_name, "the approval is for another tool"),
                (not (approval.caller.issuer and approval.caller.subject), "the approval has no caller"),
                (not _is_same(approval.caller, before.caller), "the approval's caller changed"),
                (approval.revision == 0, "the approval has no revision"),
                (approval.revision < before.revision, "the approval's revision went back"),
                (
                    approval.revision == before.revision and has_changed,
                    "the approval changed without a new revision",
                ),
                (is_terminal(status) and not is_decided, "the approval has no decision"),
                (
                    is_known(status) and is_decided and not (decision.status == status and is_terminal(status)),
                    "the decision contradicts the status",
                ),
            ]
        )
        self.newest = approval
        return approval

    def _records_other_arguments(self, events: Iterable[Event]) -> bool:
        return any(event.HasField("requested") and event.requested.digest != self._request.digest for event in events)

    def _digest(self, approval: Approval) -> str | None:
        try:
            return digest(self._request.tool_name, from_struct(approval.arguments))
        except ValueError:
            # What has no canonical form cannot have been approved.
            return None

    def _refuse(self, problems: Iterable[tuple[bool, str]]) -> None:
        """Raises the first problem that there is. A table, so that all clients check in the same order."""
        for is_there, problem in problems:
            if is_there:
                raise self._invalid(problem)

    def _invalid(self, problem: str) -> InvalidAnswer:
        return InvalidAnswer(
            tool_name=self._request.tool_name,
            approval_id=self._approval_id,
            address=self._request.address,
            problem=problem,
        )


def is_reported(request: ReportExecutionRequest, answer: ReportExecutionResponse) -> bool:
    """Whether the answer is about the claim and the outcome that were reported."""
    claim = answer.approval.claim
    return (answer.approval.id, claim.id, claim.outcome.result) == (
        request.approval_id,
        request.claim_id,
        request.result,
    )


def _lead_to(approval: Approval, events: Sequence[Event]) -> bool:
    """Whether the events go up to the approval's revision, one by one, and to its status."""
    revisions = [event.revision for event in events]
    last = approval.revision
    # A request that waits has another status than the approval only if a decision follows.
    is_decided = any(event.HasField("decided") for event in events)
    return revisions == list(range(last - len(events) + 1, last + 1)) and all(
        _status_after(event, approval, is_decided=is_decided) == approval.status for event in events
    )


def _status_after(event: Event, approval: Approval, *, is_decided: bool) -> int:
    """The status that the event brings and the approval keeps; the approval's, if it brings none."""
    if event.HasField("decided"):
        return event.decided.status
    waits = event.requested.status == ApprovalStatus.APPROVAL_STATUS_PENDING
    if event.HasField("requested") and not (waits and is_decided):
        return event.requested.status
    return approval.status


def _is_same(one: Actor, other: Actor) -> bool:
    """The same caller, as the server tells callers apart."""
    return _is_same_name(one.issuer, other.issuer) and _is_same_name(one.subject, other.subject)


def _is_same_name(one: str, other: str) -> bool:
    """Compares names by their composed form (NFC): the server keeps old ones as they were recorded."""
    return normalize("NFC", one) == normalize("NFC", other)

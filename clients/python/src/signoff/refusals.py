"""Why a gated function did not run: one exception for each kind, all of them a Refusal.

The text of each, `str(refusal)`, is for a model. `developer_text` is for people: it may name addresses, causes and
settings. From Python 3.11 on, a traceback shows it as a note if it differs.
"""

from __future__ import annotations

from typing import Any

import grpc

_ENDED = {"SUCCEEDED": "succeeded", "FAILED": "failed"}


class Refusal(Exception):
    """A call that did not run.

    tool_name: the tool of the call.
    approval_id: the approval's id; None if there is none, or it is unknown.
    developer_text: the text for people.
    """

    tool_name: str
    approval_id: str | None
    developer_text: str

    def __init__(
        self, text: str, *, tool_name: str, approval_id: str | None = None, developer_text: str | None = None
    ) -> None:
        super().__init__(text)
        self.tool_name = tool_name
        self.approval_id = approval_id
        self.developer_text = text if developer_text is None else developer_text
        # Not in the text, which frameworks pass to the model.
        add_note = getattr(self, "add_note", None)
        if add_note and self.developer_text != text:
            add_note(self.developer_text)

    @property
    def kind(self) -> str:
        """The name of the kind, which is the same in Signoff's clients of all languages."""
        return type(self).__name__

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies it unchanged. By default, a copy calls the class with `args`, which does not fit these classes."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class StillWaiting(Refusal):
    """The caller stopped waiting, through its cancel handle. A pending approval stays open.

    approved: whether it was approved before the caller stopped.
    """

    approved: bool

    def __init__(self, *, tool_name: str, approval_id: str | None = None, approved: bool = False) -> None:
        call = f"The call to {tool_name}"
        if approved:
            text = f"{call} was approved, but the caller stopped before it ran."
            state = _approved(tool_name, approval_id)
        elif approval_id:
            text = f"{call} is still waiting for approval."
            state = f"Approval {approval_id} of the call to {tool_name} is still pending."
        else:
            text = f"{call} is not approved yet."
            state = f"The server had not answered the request for the call to {tool_name}."
        super().__init__(
            f"NOT RUN. {text} Do not work around it.",
            tool_name=tool_name,
            approval_id=approval_id,
            developer_text=f"The caller stopped waiting. {state}",
        )
        self.approved = approved


class Rejected(Refusal):
    """A person rejected the call, or the policy remembered an earlier rejection of the same call.

    comment: the reviewer's comment; may be empty.
    decided_by: the reviewer, as `ISSUER/SUBJECT`.
    """

    comment: str
    decided_by: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, comment: str, decided_by: str) -> None:
        text = f"NOT RUN. A reviewer rejected the call to {tool_name}{_said(comment)}. Do not try it again."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.comment = comment
        self.decided_by = decided_by


class AutoRejected(Refusal):
    """The policy rejected it.

    rule: the rule that rejected it.
    message: the rule's message; may be empty.
    """

    rule: str
    message: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, rule: str, message: str) -> None:
        text = f"NOT RUN. The policy does not allow the call to {tool_name}{_said(message)}. Do not try it again."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.rule = rule
        self.message = message


class TimedOut(Refusal):
    """No reviewer decided in time."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"NOT RUN. No reviewer decided on the call to {tool_name} in time. Do not work around it."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class Cancelled(Refusal):
    """The request was withdrawn."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"NOT RUN. The request to call {tool_name} was withdrawn. Do not work around it."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class Revoked(Refusal):
    """It was approved, and revoked before the claim.

    reason: why; may be empty.
    """

    reason: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, reason: str) -> None:
        text = f"NOT RUN. The approval of the call to {tool_name} was revoked{_said(reason)}. Do not try it again."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.reason = reason


class Frozen(Refusal):
    """An operator stopped such calls.

    reason: why; may be empty.
    """

    reason: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, reason: str) -> None:
        text = (
            f"NOT RUN. An operator has stopped the call to {tool_name} for now{_said(reason)}. Do not work around it."
        )
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.reason = reason


class AlreadyClaimed(Refusal):
    """Another runner has the claim, or an earlier run of this one: the call may have run.

    claimed_by: who has the claim, as `ISSUER/SUBJECT`.
    claim_time: when it was granted, such as `2027-01-15T08:00:02Z`.
    result: the reported outcome, `SUCCEEDED` or `FAILED`; empty without a report.
    report_time: the time of the report.
    message: the report's message, shortened; may be empty.
    """

    claimed_by: str
    claim_time: str
    result: str
    report_time: str
    message: str

    def __init__(
        self,
        *,
        tool_name: str,
        approval_id: str | None = None,
        claimed_by: str = "",
        claim_time: str = "",
        result: str = "",
        report_time: str = "",
        message: str = "",
    ) -> None:
        started = f"at {claim_time}" if claim_time else "before"
        text = f"NOT RUN AGAIN. The call to {tool_name} was approved and started {started}"
        if ended := _ENDED.get(result):
            at = f" at {report_time}" if report_time else ""
            text += f", and {ended}{at}{_said(message)}. Do not repeat it."
        else:
            text += ". Its outcome is unknown. Do not repeat it."
        by = f" (Claimed by {claimed_by}.)" if claimed_by else ""
        super().__init__(text, tool_name=tool_name, approval_id=approval_id, developer_text=text + by)
        self.claimed_by = claimed_by
        self.claim_time = claim_time
        self.result = result
        self.report_time = report_time
        self.message = message


class ClaimWindowClosed(Refusal):
    """It was approved, but its claim window has closed."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"NOT RUN. The approval of the call to {tool_name} has expired. Do not work around it."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class DigestMismatch(Refusal):
    """The approved call differs from the call to run."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"NOT RUN. The approved call differs from the call to {tool_name} that would run. Do not work around it."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class UnknownStatus(Refusal):
    """A newer server sent a status that this client does not know.

    status: its number.
    """

    status: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, status: str) -> None:
        super().__init__(
            f"NOT RUN. The approvals server sent an unknown status for the call to {tool_name}. Do not work around it.",
            tool_name=tool_name,
            approval_id=approval_id,
            developer_text=(
                f"The server sent the unknown status {status} for the call to {tool_name}. "
                "The call counts as not approved. Update the client."
            ),
        )
        self.status = status


class InvalidAnswer(Refusal):
    """An answer of the server contradicts the request, an earlier answer or itself.

    address: the server's.
    problem: what is wrong with the answer.
    """

    address: str
    problem: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, address: str, problem: str) -> None:
        super().__init__(
            f"NOT RUN. The approvals server sent an invalid answer for the call to {tool_name}. Do not work around it.",
            tool_name=tool_name,
            approval_id=approval_id,
            developer_text=(
                f"The server at {address} sent an invalid answer for the call to {tool_name}{_said(problem)}."
            ),
        )
        self.address = address
        self.problem = problem


class Unavailable(Refusal):
    """The server was unreachable for too long, or cannot be at this address. `__cause__` is the last failure.

    address: the server's.
    problem: why it is unreachable.
    approved: whether the call was approved: then the claim failed.
    """

    address: str
    problem: str
    approved: bool

    def __init__(
        self, *, tool_name: str, approval_id: str | None = None, address: str, problem: str, approved: bool = False
    ) -> None:
        if approved:
            state = "was approved, but the approvals server cannot be reached to start it"
        elif approval_id:
            state = "is still waiting for approval, and the approvals server cannot be reached"
        else:
            state = "could not be approved, because the approvals server cannot be reached"
        super().__init__(
            f"NOT RUN. The call to {tool_name} {state}. Do not work around it.",
            tool_name=tool_name,
            approval_id=approval_id,
            developer_text=f"Cannot reach the approvals server at {address}{_said(problem)}."
            + (f" {_approved(tool_name, approval_id)}" if approved else ""),
        )
        self.address = address
        self.problem = problem
        self.approved = approved


class RequestFailed(Refusal):
    """The server rejected the request: not authenticated, not allowed, invalid, over a limit.

    address: the server's.
    code: the gRPC code.
    reason: the ErrorReason without its prefix, such as `INVALID_REQUEST`; the code's name for errors without one.
    message: the server's message.
    """

    address: str
    code: grpc.StatusCode
    reason: str
    message: str

    def __init__(
        self,
        *,
        tool_name: str,
        approval_id: str | None = None,
        address: str,
        code: grpc.StatusCode,
        reason: str,
        message: str,
    ) -> None:
        # Other messages of the server are for people: a model would only try to follow them.
        text = (
            f"NOT RUN. The call to {tool_name} could not be approved{_said(message)}."
            if reason == "INVALID_REQUEST"
            else f"NOT RUN. The approvals server rejected the request to call {tool_name}. Do not work around it."
        )
        super().__init__(
            text,
            tool_name=tool_name,
            approval_id=approval_id,
            developer_text=f"The server at {address} rejected the request ({reason}){_said(message)}.",
        )
        self.address = address
        self.code = code
        self.reason = reason
        self.message = message


class InvalidArguments(Refusal):
    """The arguments cannot be approved as they are.

    path: where, such as `a.b[1]`; empty for all arguments.
    problem: what is wrong there.
    """

    path: str
    problem: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, path: str, problem: str) -> None:
        text = f"NOT RUN. The call to {tool_name} cannot be approved: {_where(path)} {_bare(problem)}."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.path = path
        self.problem = problem


class InvalidEdit(Refusal):
    """A reviewer's edit does not fit the function. Nothing was claimed, so the approval can still be revoked.

    path: where, such as `a.b[1]`; empty for all arguments.
    problem: what is wrong there.
    """

    path: str
    problem: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, path: str, problem: str) -> None:
        text = (
            f"NOT RUN. A reviewer's edit does not fit the call to {tool_name}: "
            f"{_where(path)} {_bare(problem)}. Ask for approval again."
        )
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.path = path
        self.problem = problem


def _approved(tool_name: str, approval_id: str | None) -> str:
    return f"Approval {approval_id} of the call to {tool_name} is approved, but the call did not run."


def _where(path: str) -> str:
    return f"argument {path}" if path else "the set of arguments"


def _said(words: str) -> str:
    words = _bare(words)
    return f": {words}" if words else ""


def _bare(words: str) -> str:
    """Without its full stop: the sentence around it has one."""
    return words.removesuffix(".")

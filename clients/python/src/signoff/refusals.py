"""Why a gated function was not run: one exception for each kind, all of them a Refusal.

The text of each, `str(refusal)`, is fit to be handed to a model.
"""

from __future__ import annotations

from typing import Any

import grpc

_ENDED = {"SUCCEEDED": "succeeded", "FAILED": "failed"}


class Refusal(Exception):
    """A call that was not run.

    tool_name: the tool of the call.
    approval_id: the approval's id; None when the server had not made one, or had not said so.
    """

    tool_name: str
    approval_id: str | None

    def __init__(self, text: str, *, tool_name: str, approval_id: str | None = None) -> None:
        super().__init__(text)
        self.tool_name = tool_name
        self.approval_id = approval_id

    @property
    def kind(self) -> str:
        """The name of the kind, which is the same in Signoff's clients of all languages."""
        return type(self).__name__

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies it as it is; exceptions are copied by calling their class with `args`, which does not fit these."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class Rejected(Refusal):
    """A person rejected it.

    comment: what the reviewer said; may be empty.
    decided_by: the reviewer, as `ISSUER/SUBJECT`.
    """

    comment: str
    decided_by: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, comment: str, decided_by: str) -> None:
        text = f"The call to {tool_name} was rejected by a reviewer{_said(comment)}. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.comment = comment
        self.decided_by = decided_by


class AutoRejected(Refusal):
    """The policy rejected it.

    rule: the rule that did.
    message: what the rule says about it; may be empty.
    """

    rule: str
    message: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, rule: str, message: str) -> None:
        text = f"The call to {tool_name} is not allowed by the policy{_said(message)}. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.rule = rule
        self.message = message


class TimedOut(Refusal):
    """Nobody decided in time."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"Nobody decided about the call to {tool_name} in time. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class Cancelled(Refusal):
    """The request was withdrawn."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"The request to call {tool_name} was withdrawn. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class AlreadyClaimed(Refusal):
    """Another runner has the claim, or an earlier run of this one: the call may have been made.

    result: what was reported of it, `SUCCEEDED` or `FAILED`; empty while there is no report.
    report_time: when that was, such as `2027-01-15T08:00:09Z`.
    message: what the report said, shortened; may be empty.
    """

    result: str
    report_time: str
    message: str

    def __init__(
        self,
        *,
        tool_name: str,
        approval_id: str | None = None,
        result: str = "",
        report_time: str = "",
        message: str = "",
    ) -> None:
        text = f"The call to {tool_name} was approved, but it has been started before"
        if ended := _ENDED.get(result):
            at = f" at {report_time}" if report_time else ""
            text += f", and {ended}{at}{_said(message)}. It was not run again."
        else:
            text += ". It was not run again; whether it has been done is not known here."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.result = result
        self.report_time = report_time
        self.message = message


class ClaimWindowClosed(Refusal):
    """It was approved, but too long ago."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"The call to {tool_name} was approved, but too long ago to be run now. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class DigestMismatch(Refusal):
    """What was approved is not what would be run."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = f"The call to {tool_name} is not the one that was approved. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class UnknownStatus(Refusal):
    """A newer server sent a status that this client does not know."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = (
            f"The answer about the call to {tool_name} is not understood, so it counts as not approved. It was not run."
        )
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class InvalidAnswer(Refusal):
    """An answer of the server contradicts the request, an earlier answer or itself.

    problem: what is wrong with it.
    """

    problem: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, problem: str) -> None:
        text = f"The approvals server gave an invalid answer about the call to {tool_name}: {problem}. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.problem = problem


class Unavailable(Refusal):
    """The server could not be reached for long enough. `__cause__` is the last failure."""

    def __init__(self, *, tool_name: str, approval_id: str | None = None) -> None:
        text = (
            f"Approval of the call to {tool_name} could not be obtained: the approvals server cannot be reached. "
            "It was not run."
        )
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)


class RequestFailed(Refusal):
    """The server refused the request: not authenticated, not allowed, invalid, over a limit.

    code: the gRPC code.
    reason: the ErrorReason without its prefix, such as `INVALID_REQUEST`; the code's name for errors without one.
    message: the server's message.
    """

    code: grpc.StatusCode
    reason: str
    message: str

    def __init__(
        self, *, tool_name: str, approval_id: str | None = None, code: grpc.StatusCode, reason: str, message: str
    ) -> None:
        text = f"Approval of the call to {tool_name} could not be obtained ({reason}){_said(message)}. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.code = code
        self.reason = reason
        self.message = message


class InvalidArguments(Refusal):
    """The arguments cannot be approved as they are, or the function cannot take those that a reviewer made of them.

    path: where, such as `a.b[1]`; empty for the whole of them.
    problem: what is wrong there.
    """

    path: str
    problem: str

    def __init__(self, *, tool_name: str, approval_id: str | None = None, path: str, problem: str) -> None:
        where = f"argument {path}" if path else "the set of arguments"
        text = f"The call to {tool_name} cannot be approved: {where} {problem}. It was not run."
        super().__init__(text, tool_name=tool_name, approval_id=approval_id)
        self.path = path
        self.problem = problem


def _said(words: str) -> str:
    words = words.removesuffix(".")
    return f": {words}" if words else ""

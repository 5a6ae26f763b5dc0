"""What statuses mean, each by itself."""

from __future__ import annotations

from typing import Any

import pytest

import signoff
from conformance import vectors
from signoff._decided import refusal_of
from signoff._statuses import is_approved, is_terminal
from signoff.v1.approval_pb2 import (
    Actor,
    Approval,
    ApprovalStatus,
    Decision,
    PolicyEvaluation,
    RememberedRejection,
    Revocation,
)


@pytest.mark.parametrize("status", vectors("statuses")["statuses"], ids=lambda status: status["name"])
def test_known(status: dict[str, Any]) -> None:
    number = status["number"]
    assert is_terminal(number) == status["terminal"]
    assert is_approved(number) == status["approved"]
    assert (refusal_of(Approval(status=number), "t") is None) == status["approved"]


def test_revoked_since() -> None:
    for status in (ApprovalStatus.APPROVAL_STATUS_APPROVED, ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED):
        revoked = refusal_of(Approval(status=status, revocation=Revocation(reason="Wrong customer.")), "t")
        assert isinstance(revoked, signoff.Revoked)
        assert revoked.reason == "Wrong customer."
        assert isinstance(refusal_of(Approval(status=status, revocation=Revocation()), "t"), signoff.Revoked)


def auto_rejected(rule: str, **decision: Any) -> signoff.Refusal | None:
    approval = Approval(
        status=ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED,
        decision=Decision(comment="Incident 12.", **decision),
        policy=PolicyEvaluation(rule=rule, message="The message."),
    )
    return refusal_of(approval, "t")


def test_what_the_policy_rejects() -> None:
    by = Actor(issuer="dev", subject="reviewer")
    remembered = auto_rejected(
        "_remembered_rejection", remembered_rejection=RememberedRejection(comment="Use staging.", decided_by=by)
    )
    assert isinstance(remembered, signoff.Rejected)
    assert (remembered.comment, remembered.decided_by) == ("Use staging.", "dev/reviewer")
    frozen = auto_rejected("_freeze")
    assert isinstance(frozen, signoff.Frozen)
    assert frozen.reason == "Incident 12."
    rejected = auto_rejected("no-drop")
    assert isinstance(rejected, signoff.AutoRejected)
    assert (rejected.rule, rejected.message) == ("no-drop", "The message.")


@pytest.mark.parametrize("number", vectors("statuses")["unknown"])
def test_unknown(number: Any) -> None:
    assert not is_terminal(number)
    assert not is_approved(number)
    assert isinstance(refusal_of(Approval(status=number), "t"), signoff.UnknownStatus)

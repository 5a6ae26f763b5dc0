"""How the gate claims and reports when the server, or the way to it, misbehaves; with both kinds of clients."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest

import signoff
from client_kinds import KINDS, Asyncio, Blocking
from conftest import Recorder
from fakes import Context, Fake, fail
from signoff import _tries
from signoff.v1.approval_pb2 import ExecutionResult, Revocation
from signoff.v1.approval_service_pb2 import ClaimExecutionRequest, ClaimExecutionResponse
from streams import UNAVAILABLE, call

AnyAgent = Blocking | Asyncio
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


def test_claims_that_hang_end(
    kind: type[Blocking] | type[Asyncio], fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tries, "LAST_TRY", 0.5)
    fake.on_claim = [fake.hang]
    with pytest.raises(signoff.Unavailable):
        kind(fake.address, deadline=600).run(call(patience=0.5), function)
    assert not function.runs


def test_reports_that_hang_end(
    kind: type[Blocking] | type[Asyncio],
    fake: Fake,
    function: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(_tries, "LAST_TRY", 0.5)
    fake.on_report = [fake.hang]
    assert kind(fake.address, deadline=600).run(call(patience=0.5), function) == "done"
    assert "Cannot report the outcome" in caplog.text


def test_claims_have_one_more_try(kind: type[Blocking] | type[Asyncio], fake: Fake, function: Recorder) -> None:
    fake.on_claim = [fake.hang, fake.grant]
    assert kind(fake.address, deadline=0.5).run(call(patience=0.4), function) == "done"
    assert len(fake.claims) == 2


def test_two_runners_claim_under_different_ids(
    kind: type[Blocking] | type[Asyncio], fake: Fake, function: Recorder
) -> None:
    for _ in range(2):
        assert kind(fake.address).run(call(request_id="shared"), function) == "done"
    assert [ask.request_id for ask in fake.asks] == ["shared"] * 2
    assert {claim.approval_id for claim in fake.claims} == {"approval-1"}
    ids = {uuid.UUID(claim.request_id) for claim in fake.claims}
    assert len(ids) == 2
    assert all(each.version == 4 for each in ids)


def test_claims_are_repeated_as_they_are(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE), fake.grant]
    agent.run(call(), function)
    agent.run(call(), function)
    first, second, other = (claim.request_id for claim in fake.claims)
    assert first == second != other
    assert len(function.runs) == 2


def test_claims_fail_for_good(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE)]
    with pytest.raises(signoff.Unavailable) as refused:
        agent.run(call(patience=1), function)
    assert (refused.value.approval_id, refused.value.approved) == ("approval-1", True)
    assert len(fake.claims) > 1
    assert not function.runs


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("ALREADY_CLAIMED", signoff.AlreadyClaimed),
        ("CLAIM_WINDOW_CLOSED", signoff.ClaimWindowClosed),
        ("DIGEST_MISMATCH", signoff.DigestMismatch),
        ("APPROVAL_REVOKED", signoff.Revoked),
        ("FROZEN", signoff.Frozen),
        ("NOT_APPROVED", signoff.RequestFailed),
    ],
)
def test_claims_are_refused(
    agent: AnyAgent, fake: Fake, function: Recorder, reason: str, kind: type[signoff.Refusal]
) -> None:
    fake.on_claim = [lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own=reason)]
    with pytest.raises(kind) as refused:
        agent.run(call(), function)
    assert refused.value.approval_id == "approval-1"
    assert not fake.reports
    assert not function.runs


def test_what_is_known_of_an_earlier_claim_is_told(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    known = {
        "claimed_by": "local/mail-bot",
        "claim_time": "2027-01-15T08:00:02Z",
        "result": "FAILED",
        "report_time": "2027-01-15T08:00:09Z",
        "message": "No such list.",
    }
    fake.on_claim = [
        lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own="ALREADY_CLAIMED", metadata=known)
    ]
    text = r"at 2027-01-15T08:00:02Z, and failed at 2027-01-15T08:00:09Z: No such list\. Do not repeat it"
    with pytest.raises(signoff.AlreadyClaimed, match=text) as refused:
        agent.run(call(), function)
    assert {name: getattr(refused.value, name) for name in known} == known
    assert not function.runs


@pytest.mark.parametrize(("reason", "kind"), [("APPROVAL_REVOKED", signoff.Revoked), ("FROZEN", signoff.Frozen)])
def test_why_it_was_stopped_is_told(
    agent: AnyAgent, fake: Fake, function: Recorder, reason: str, kind: type[signoff.Revoked] | type[signoff.Frozen]
) -> None:
    known = {"reason": "Wrong customer."}
    fake.on_claim = [lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own=reason, metadata=known)]
    refused: Any
    with pytest.raises(kind, match=r": Wrong customer\. Do not") as refused:
        agent.run(call(), function)
    assert refused.value.reason == "Wrong customer."
    assert not function.runs


def test_a_grant_of_what_was_revoked(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def grant(request: ClaimExecutionRequest, context: Context) -> ClaimExecutionResponse:
        answer = fake.grant(request, context)
        answer.approval.revocation.CopyFrom(Revocation(reason="Wrong customer."))
        return answer

    fake.on_claim = [grant]
    with pytest.raises(signoff.Revoked):
        agent.run(call(), function)
    assert [report.result for report in fake.reports] == [FAILED]
    assert not function.runs


def test_reports_that_fail_change_nothing(
    agent: AnyAgent, fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on_report = [lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, "no", own="NOT_CLAIMED")]
    assert agent.run(call(), function) == "done"
    assert "Cannot report the outcome of the call to send_email: no" in caplog.text


def test_reports_are_repeated_as_they_are(agent: AnyAgent, fake: Fake) -> None:
    fake.on_report = [lambda _, context: fail(context, UNAVAILABLE), fake.on_report[0]]

    def run(_: signoff.Run) -> None:
        raise ValueError("é" * 4096)

    with pytest.raises(ValueError, match="é"):
        agent.run(call(), run)
    first, second = fake.reports
    assert first == second
    assert first.result == FAILED
    assert first.message == "é" * 2048

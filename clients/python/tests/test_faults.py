"""What the gate does when the server, or the way to it, misbehaves; with both kinds of clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any

import grpc
import pytest

import signoff
from agents import KINDS, Asyncio, Blocking
from conformance import vectors
from conftest import Recorder
from fakes import APPROVED, PENDING, Context, Fake, approve, fail, fake_server, progress, update
from signoff.v1.approval_pb2 import Approval, ExecutionResult
from signoff.v1.approval_service_pb2 import (
    ClaimExecutionRequest,
    ClaimExecutionResponse,
    RequestApprovalRequest,
    RequestApprovalResponse,
)

AnyAgent = Blocking | Asyncio
Answers = Iterable[RequestApprovalResponse]
STATUSES = vectors("statuses")
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_server() as fake:
        yield fake


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


def call(**options: Any) -> signoff.Call:
    return signoff.Call("send_email", {"to": "alice"}, **options)


def breaks(
    *messages: Callable[[RequestApprovalRequest], RequestApprovalResponse],
    code: grpc.StatusCode = UNAVAILABLE,
    **how: Any,
) -> Any:
    """A stream that breaks after these messages."""

    def stream(request: RequestApprovalRequest, context: Context) -> Answers:
        for message in messages:
            yield message(request)
        fail(context, code, **how)

    return stream


def says(*messages: Callable[[RequestApprovalRequest], RequestApprovalResponse]) -> Any:
    """A stream that ends after these messages."""

    def stream(request: RequestApprovalRequest, _: Context) -> Answers:
        return [message(request) for message in messages]

    return stream


def is_at(status: int, **fields: Any) -> Callable[[RequestApprovalRequest], RequestApprovalResponse]:
    return lambda request: update(request, status, **fields)


@pytest.mark.parametrize("status", STATUSES["unknown"])
def test_14_unknown_status(agent: AnyAgent, fake: Fake, function: Recorder, status: int) -> None:
    fake.on_ask = [says(is_at(status))]
    with pytest.raises(signoff.UnknownStatus) as refused:
        agent.run(call(), function)
    assert refused.value.approval_id == "approval-1"
    assert not fake.claims
    assert not function.runs


@pytest.mark.parametrize("status", STATUSES["statuses"], ids=lambda status: status["name"])
def test_known_status(agent: AnyAgent, fake: Fake, function: Recorder, status: dict[str, Any]) -> None:
    # Of a status that is not terminal the next stream says more.
    fake.on_ask = [says(is_at(status["number"])), says(is_at(STATUSES["statuses"][2]["number"], revision=2))]
    if status["approved"]:
        agent.run(call(), function)
    else:
        with pytest.raises(signoff.Refusal) as refused:
            agent.run(call(), function)
        assert refused.value.kind.upper() == status["name"].replace("_", "") or not status["terminal"]
    assert len(fake.asks) == (1 if status["terminal"] else 2)
    assert len(function.runs) == len(fake.claims) == (1 if status["approved"] else 0)


def test_unknown_status_is_not_the_end_while_the_stream_goes_on(
    agent: AnyAgent, fake: Fake, function: Recorder
) -> None:
    fake.on_ask = [breaks(is_at(99)), says(is_at(99), is_at(APPROVED, revision=2))]
    agent.run(call(), function)
    assert len(function.runs) == 1


def test_asks_again_after_what_it_has_seen(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [says(is_at(PENDING, revision=3)), breaks(is_at(PENDING, revision=5)), breaks(), approve]
    agent.run(call(), function)
    assert [ask.after_revision for ask in fake.asks] == [0, 3, 5, 5]
    assert len({ask.request_id for ask in fake.asks}) == 1


def test_own_errors_end_the_wait(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [breaks(is_at(PENDING), code=grpc.StatusCode.INTERNAL, message="A defect.", own="INTERNAL")]
    with pytest.raises(signoff.RequestFailed) as refused:
        agent.run(call(), function)
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert refused.value.message == "A defect."
    assert refused.value.approval_id == "approval-1"
    assert isinstance(refused.value.__cause__, grpc.RpcError)
    assert len(fake.asks) == 1
    assert not function.runs


def test_errors_on_the_way_do_not(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [
        breaks(code=grpc.StatusCode.INTERNAL),
        breaks(code=grpc.StatusCode.RESOURCE_EXHAUSTED, own="RATE_LIMITED", retry_after=0.01),
        approve,
    ]
    agent.run(call(), function)
    assert len(function.runs) == 1


def test_patience_ends_a_rest_that_the_server_asks_for(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [breaks(retry_after=60)]
    with pytest.raises(signoff.Unavailable):
        agent.run(call(patience=1), function)
    # One more try after the rest, and no other.
    assert len(fake.asks) == 2
    assert not function.runs


def test_the_approvals_deadline_ends_the_tries(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [breaks(is_at(PENDING, seconds=0.2), retry_after=60), breaks(retry_after=60)]
    with pytest.raises(signoff.Unavailable) as refused:
        agent.run(call(patience=600), function)
    assert refused.value.approval_id == "approval-1"
    assert len(fake.asks) == 2


def test_progress_says_how_much_time_is_left(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    told: list[signoff.Progress] = []

    def tell(progress: signoff.Progress) -> None:
        told.append(progress)
        raise RuntimeError("which says nothing about the approval")

    fake.on_ask = [breaks(is_at(PENDING, seconds=900), lambda _: progress(0.25), retry_after=60), breaks()]
    with pytest.raises(signoff.Unavailable):
        agent.run(call(patience=600, on_progress=tell), function)
    assert told == [signoff.Progress("approval-1", "Waiting", 0.25, 1, 2, ("group:legal",))]
    assert len(fake.asks) == 2


def test_silence_before_the_first_message_is_cut(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [fake.hang]
    with pytest.raises(signoff.Unavailable) as refused:
        agent.run(call(patience=0.2), function)
    assert isinstance(refused.value.__cause__, TimeoutError)
    assert not function.runs


@pytest.mark.parametrize("kind", KINDS)
def test_silence_after_the_approvals_deadline_is_cut(kind: str, fake: Fake, function: Recorder) -> None:
    def silent(request: RequestApprovalRequest, context: Context) -> Answers:
        yield update(request, PENDING, seconds=0.1)
        fake.hang(request, context)

    fake.on_ask = [silent]
    with pytest.raises(signoff.Unavailable) as refused:
        KINDS[kind](fake.address, deadline=0.1).run(call(), function)
    assert isinstance(refused.value.__cause__, TimeoutError)


def test_17_wrong_digest_in_the_claim(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def lie(_: ClaimExecutionRequest, __: Context) -> ClaimExecutionResponse:
        return ClaimExecutionResponse(approval=Approval(id="approval-1", digest="sha256:00"), claim_id="claim-1")

    fake.on_claim = [lie]
    with pytest.raises(signoff.DigestMismatch):
        agent.run(call(), function)
    [report] = fake.reports
    assert (report.claim_id, report.result) == ("claim-1", FAILED)
    assert not function.runs


def test_wrong_digest_before_the_claim(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [says(is_at(APPROVED, digest="sha256:00"))]
    with pytest.raises(signoff.DigestMismatch):
        agent.run(call(), function)
    assert not fake.claims
    assert not function.runs


def test_answers_without_a_claim_are_none(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_claim = [
        lambda claim, _: ClaimExecutionResponse(approval=Approval(id="approval-1", digest=claim.digest)),
    ]
    with pytest.raises(signoff.DigestMismatch):
        agent.run(call(), function)
    assert not function.runs


def test_claims_are_repeated_as_they_are(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE), fake.grant]
    agent.run(call(), function)
    agent.run(call(), function)
    first, second, other = (claim.request_id for claim in fake.claims)
    assert first == second != other
    assert len(function.runs) == 2


def test_claims_fail_for_good(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE)]
    with pytest.raises(signoff.Unavailable):
        agent.run(call(patience=1), function)
    assert len(fake.claims) > 1
    assert not function.runs


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("ALREADY_CLAIMED", signoff.AlreadyClaimed),
        ("CLAIM_WINDOW_CLOSED", signoff.ClaimWindowClosed),
        ("DIGEST_MISMATCH", signoff.DigestMismatch),
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


def test_reports_that_fail_change_nothing(
    agent: AnyAgent, fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on_report = [lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, "no", own="NOT_CLAIMED")]
    assert agent.run(call(), function) == "done"
    assert "was not reported: no" in caplog.text


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


def test_giving_up_before_the_first_answer(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def give_up(abandon: Callable[[], None]) -> None:
        reached.wait(30)
        abandon()

    reached = Reached()
    fake.on_ask = [reached.then(fake.hang), says(is_at(PENDING))]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(cancel_on_abandon=True), function, give_up)
    assert len({ask.request_id for ask in fake.asks}) == 1
    assert [cancel.approval_id for cancel in fake.cancels] == ["approval-1"]
    assert not function.runs


def test_giving_up_while_it_rests(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def give_up(abandon: Callable[[], None]) -> None:
        reached.wait(30)
        abandon()

    reached = Reached()
    fake.on_ask = [reached.then(breaks(is_at(PENDING), retry_after=60))]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, give_up)
    assert len(fake.asks) == 1
    assert not fake.cancels


def test_giving_up_while_it_claims(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def give_up(abandon: Callable[[], None]) -> None:
        reached.wait(30)
        abandon()

    reached = Reached()
    fake.on_claim = [reached.then(fake.hang), fake.grant]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, give_up)
    first, second = fake.claims
    assert first == second
    assert [(report.claim_id, report.result) for report in fake.reports] == [("claim-1", FAILED)]
    assert not function.runs


def test_giving_up_while_it_runs(agent: AnyAgent, fake: Fake) -> None:
    def run(_: signoff.Run) -> None:
        raise agent.gives_up_with

    with pytest.raises(agent.gives_up_with):
        agent.run(call(), run)
    [report] = fake.reports
    assert (report.result, report.message) == (FAILED, agent.gives_up_with.__name__)


def test_giving_up_while_it_reports(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    def give_up(abandon: Callable[[], None]) -> None:
        reached.wait(30)
        abandon()

    reached = Reached()
    fake.on_report = [reached.then(fake.hang), fake.on_report[0]]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, give_up)
    first, second = fake.reports
    assert first == second
    assert len(function.runs) == 1


class Reached(Event):
    """That the server has come to some point."""

    def then(self, behaviour: Callable[[Any, Context], Any]) -> Any:
        """Comes to it, and goes on."""

        def reach(request: Any, context: Context) -> Any:
            self.set()
            return behaviour(request, context)

        return reach

"""How the gate waits when the server, or the way to it, misbehaves; with both kinds of clients."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

import signoff
from client_kinds import KINDS, Asyncio, Blocking
from conformance import vectors
from conftest import Recorder
from fakes import APPROVED, PENDING, Context, Fake, approve, progress, update
from signoff.v1.approval_pb2 import ExecutionResult
from signoff.v1.approval_service_pb2 import RequestApprovalRequest
from streams import Answers, breaks, call, is_at, says

AnyAgent = Blocking | Asyncio
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
STATUSES = vectors("statuses")


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


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


def test_patience_that_ends_in_silence_has_one_more_try(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [fake.hang, approve]
    agent.run(call(patience=2), function)
    assert len(fake.asks) == 2
    assert len(function.runs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_silence_before_any_answer_is_cut_at_the_deadline(kind: str, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [fake.hang, approve]
    KINDS[kind](fake.address, deadline=0.2).run(call(patience=600), function)
    assert len(fake.asks) == 2
    assert len(function.runs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_silence_of_a_later_stream_is_cut(kind: str, fake: Fake, function: Recorder) -> None:
    fake.on_ask = [breaks(is_at(PENDING, seconds=900)), fake.hang, approve]
    KINDS[kind](fake.address, deadline=0.3).run(call(patience=1), function)
    assert len(fake.asks) == 3
    assert len(function.runs) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_silence_after_the_approvals_deadline_is_cut(kind: str, fake: Fake, function: Recorder) -> None:
    def silent(request: RequestApprovalRequest, context: Context) -> Answers:
        yield update(request, PENDING, seconds=0.1)
        fake.hang(request, context)

    fake.on_ask = [silent]
    with pytest.raises(signoff.Unavailable) as refused:
        KINDS[kind](fake.address, deadline=0.1).run(call(), function)
    assert isinstance(refused.value.__cause__, TimeoutError)

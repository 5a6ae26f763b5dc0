"""What is left at the server when the caller gives up; with both kinds of clients."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import signoff
from agents import KINDS, Asyncio, Blocking
from conftest import Recorder
from fakes import PENDING, Fake
from signoff.v1.approval_pb2 import ExecutionResult
from streams import Reached, breaks, call, is_at, says

AnyAgent = Blocking | Asyncio
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


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

"""What is left at the server when the caller gives up; with both kinds of clients."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest

import signoff
from client_kinds import KINDS, Asyncio, Blocking, Meanwhile
from conftest import Recorder
from fakes import PENDING, Fake, fail
from signoff._aio_gate import AsyncGate
from signoff._failures import Failure
from signoff._gate import Gate
from signoff._tries import HurriedTries, Tries
from signoff.v1.approval_pb2 import ExecutionResult
from streams import UNAVAILABLE, Reached, breaks, call, is_at, says

AnyAgent = Blocking | Asyncio
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
NOT_RUN = "not run: the caller stopped waiting"


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> Reached:
    """That the client has read a failure, and is about to rest."""

    def rest(tries: Tries, failure: Failure) -> float:
        seconds = own(tries, failure)
        reached.set()
        return seconds

    reached, own = Reached(), Tries.rest
    monkeypatch.setattr(Tries, "rest", rest)
    return reached


def gives_up_at(reached: Reached, then: Reached | None = None) -> Meanwhile:
    def give_up(abandon: Callable[[], None]) -> None:
        assert reached.wait(30)
        abandon()
        if then:
            then.set()

    return give_up


def test_before_the_first_answer(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    reached = Reached()
    fake.on_ask = [reached.then(fake.hang), breaks(), says(), says(is_at(PENDING))]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(cancel_on_abandon=True), function, gives_up_at(reached))
    assert len({ask.request_id for ask in fake.asks}) == 1
    [cancel] = fake.cancels
    assert (cancel.approval_id, cancel.reason) == ("approval-1", "the caller stopped waiting")
    assert not function.runs


def test_when_nothing_is_found(
    agent: AnyAgent, fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    reached = Reached()
    fake.on_ask = [reached.then(fake.hang), breaks(retry_after=60)]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(cancel_on_abandon=True), function, gives_up_at(reached))
    assert not fake.cancels
    assert "Cannot withdraw the request" in caplog.text


def test_when_it_was_decided(
    agent: AnyAgent, fake: Fake, function: Recorder, rests: Reached, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on_ask = [breaks(is_at(PENDING), retry_after=60)]
    fake.on_cancel = [
        lambda _, context: fail(context, UNAVAILABLE),
        lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own="ALREADY_DECIDED"),
    ]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(cancel_on_abandon=True), function, gives_up_at(rests))
    first, second = fake.cancels
    assert first == second
    assert "Cannot withdraw the request" not in caplog.text


def test_while_it_rests(agent: AnyAgent, fake: Fake, function: Recorder, rests: Reached) -> None:
    fake.on_ask = [breaks(is_at(PENDING), retry_after=60)]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, gives_up_at(rests))
    assert len(fake.asks) == 1
    assert not fake.cancels


def test_while_it_claims(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    reached, gone = Reached(), Reached()
    fake.on_claim = [reached.then(gone.before(fake.grant))]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, gives_up_at(reached, gone))
    assert len(fake.claims) == 1
    assert [(report.claim_id, report.result, report.message) for report in fake.reports] == [
        ("claim-1", FAILED, NOT_RUN)
    ]
    assert not function.runs


@pytest.mark.parametrize("fails", [False, True])
def test_while_it_claims_in_vain(
    agent: AnyAgent, fake: Fake, function: Recorder, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HurriedTries, "SECONDS", 0.2)
    reached, gone = Reached(), Reached()
    ends: Any = gone.before(lambda _, context: fail(context, UNAVAILABLE)) if fails else fake.hang
    fake.on_claim = [reached.then(ends), fake.grant]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, gives_up_at(reached, gone))
    assert len(fake.claims) == 1
    assert not fake.reports
    assert not function.runs


def test_between_claims(agent: AnyAgent, fake: Fake, function: Recorder, rests: Reached) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE, retry_after=60), fake.grant]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(patience=600), function, gives_up_at(rests))
    assert len(fake.claims) == 1
    assert not function.runs


def test_as_the_claim_returns(agent: AnyAgent, fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    blocking, asynchronous = Gate._claim, AsyncGate._claim  # pyright: ignore[reportPrivateUsage]

    def claim(gate: Gate, *rest: Any) -> None:
        blocking(gate, *rest)
        raise KeyboardInterrupt

    async def async_claim(gate: AsyncGate, *rest: Any) -> None:
        await asynchronous(gate, *rest)
        raise asyncio.CancelledError

    monkeypatch.setattr(Gate, "_claim", claim)
    monkeypatch.setattr(AsyncGate, "_claim", async_claim)
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function)
    assert [(report.claim_id, report.result, report.message) for report in fake.reports] == [
        ("claim-1", FAILED, NOT_RUN)
    ]
    assert not function.runs


def test_while_it_runs(agent: AnyAgent, fake: Fake) -> None:
    def run(_: signoff.Run) -> None:
        raise agent.gives_up_with

    with pytest.raises(agent.gives_up_with):
        agent.run(call(), run)
    [report] = fake.reports
    assert (report.result, report.message) == (FAILED, agent.gives_up_with.__name__)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="nobody says that a task was cancelled")
@pytest.mark.parametrize(("raises", "result"), [(True, FAILED), (False, SUCCEEDED)])
def test_while_it_runs_and_ends_as_if_not(fake: Fake, raises: bool, result: ExecutionResult.ValueType) -> None:
    async def function(_: signoff.Run) -> str:
        task = asyncio.current_task()
        assert task
        task.cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if raises:
                raise LookupError from None
        return "done"

    async def run() -> str:
        async with signoff.AsyncClient(fake.address) as client:
            return await client.run(call(patience=10), function)

    # What comes back after so long is nothing for a caller that gave up.
    fake.on_report = [lambda _, context: fail(context, UNAVAILABLE, retry_after=6)]
    if raises:
        with pytest.raises(LookupError):
            asyncio.run(run())
    else:
        assert asyncio.run(run()) == "done"
    [report] = fake.reports
    assert report.result == result


def test_while_it_reports(agent: AnyAgent, fake: Fake, function: Recorder) -> None:
    reached = Reached()
    fake.on_report = [reached.then(fake.hang), fake.on_report[0]]
    with pytest.raises(agent.gives_up_with):
        agent.run(call(), function, gives_up_at(reached))
    first, second = fake.reports
    assert first == second
    assert len(function.runs) == 1

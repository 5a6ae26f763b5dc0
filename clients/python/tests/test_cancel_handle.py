"""Blocking calls that are stopped from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

import signoff
from conftest import Recorder
from fakes import PENDING, Fake, fail
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff._failures import Failure
from signoff._tries import HurriedTries, Tries
from signoff._wait import Wait
from signoff.v1.approval_pb2 import ApprovalStatus, ExecutionResult
from streams import UNAVAILABLE, Reached, breaks, call, is_at, says

FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def run(
    address: str,
    function: Callable[[signoff.Run], Any],
    stop: Callable[[signoff.CancelHandle], object],
    token: str | None = None,
    **options: Any,
) -> Any:
    """Runs a call, which `stop` stops from another thread."""
    handle = signoff.CancelHandle()
    stopping = threading.Thread(target=stop, args=[handle])
    stopping.start()
    try:
        with signoff.Client(address, token=token) as client:
            return client.run(call(cancel_handle=handle, **options), function)
    finally:
        stopping.join()


def at(reached: Reached, then: Reached | None = None) -> Callable[[signoff.CancelHandle], None]:
    def stop(handle: signoff.CancelHandle) -> None:
        assert reached.wait(30)
        handle.cancel()
        if then:
            then.set()

    return stop


def test_while_it_waits(server: Server, tool: str, function: Recorder) -> None:
    handle = signoff.CancelHandle()
    with signoff.Client(server.address, token=server.agent) as client:
        gated = signoff.Call(tool, {}, request_id=tool, cancel_handle=handle, on_progress=lambda _: handle.cancel())
        with pytest.raises(signoff.StillWaiting) as refused:
            client.run(gated, function)
        [approval] = all_of(server, tool)
        assert refused.value.approval_id == approval.id
        assert approval.status == ApprovalStatus.APPROVAL_STATUS_PENDING
        # What was stopped can be taken up again.
        decide(server, approval, approve=True)
        assert not function.runs
        assert client.run(signoff.Call(tool, {}, request_id=tool), function) == "done"


def test_while_it_waits_and_withdraws(server: Server, tool: str, function: Recorder) -> None:
    handle = signoff.CancelHandle()
    with signoff.Client(server.address, token=server.agent) as client:
        gated = signoff.Call(tool, {}, cancel_handle=handle, cancel_on_abandon=True)

        def stop() -> None:
            pending(server, tool)
            handle.cancel()

        stopping = threading.Thread(target=stop)
        stopping.start()
        with pytest.raises(signoff.Cancelled) as refused:
            client.run(gated, function)
        stopping.join()
    assert stored(server, refused.value.approval_id).status == ApprovalStatus.APPROVAL_STATUS_CANCELLED
    assert not function.runs


def test_wait_for(server: Server, tool: str, function: Recorder) -> None:
    """The recipe of README: neither retries nor threads that are left behind make a call of their own."""

    async def wait(client: signoff.Client) -> None:
        @signoff.requires_approval(client, tool, run_id="run-1", cancel_on_abandon=True)
        def send(to: str) -> None:
            function(signoff.Run("", {"to": to}, edited=False))

        handle = signoff.CancelHandle()
        with signoff.call_options(call_id=tool, cancel_handle=handle):
            sending = asyncio.create_task(asyncio.to_thread(send, "alice"))
        await asyncio.to_thread(pending, server, tool)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(sending), 0)
        handle.cancel()
        with pytest.raises(signoff.Cancelled):
            await sending

    with signoff.Client(server.address, token=server.agent) as client:
        asyncio.run(wait(client))
    assert [each.status for each in all_of(server, tool)] == [ApprovalStatus.APPROVAL_STATUS_CANCELLED]
    assert not function.runs


def test_before_the_first_answer(fake: Fake, function: Recorder) -> None:
    reached = Reached()
    fake.on_ask = [reached.then(fake.hang)]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached))
    assert refused.value.approval_id is None
    assert not function.runs


def test_before_the_first_answer_and_withdraws(fake: Fake, function: Recorder) -> None:
    reached = Reached()
    fake.on_ask = [reached.then(fake.hang), says(is_at(PENDING))]
    with pytest.raises(signoff.Cancelled):
        run(fake.address, function, at(reached), cancel_on_abandon=True)
    assert [cancel.approval_id for cancel in fake.cancels] == ["approval-1"]
    assert not function.runs


def test_what_is_not_withdrawn_still_waits(fake: Fake, function: Recorder) -> None:
    reached = Reached()
    fake.on_ask = [reached.then(fake.hang), says(is_at(PENDING))]
    fake.on_cancel = [lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own="ALREADY_DECIDED")]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached), cancel_on_abandon=True)
    assert refused.value.approved is False
    assert not fake.claims


def test_what_was_approved_before_it_is_withdrawn(fake: Fake, function: Recorder) -> None:
    reached = Reached()
    winner = {"status": "APPROVED"}
    fake.on_ask = [reached.then(fake.hang), says(is_at(PENDING))]
    fake.on_cancel = [
        lambda _, context: fail(context, grpc.StatusCode.FAILED_PRECONDITION, own="ALREADY_DECIDED", metadata=winner)
    ]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached), cancel_on_abandon=True)
    assert refused.value.approved is True
    assert not fake.claims


def test_before_it_begins(fake: Fake, function: Recorder) -> None:
    handle = signoff.CancelHandle()
    handle.cancel()
    handle.cancel()
    with signoff.Client(fake.address) as client, pytest.raises(signoff.Cancelled):
        client.run(call(cancel_handle=handle), function)
    assert not fake.asks
    assert not function.runs


def test_while_it_rests(fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def rest(tries: Tries, failure: Failure) -> float:
        seconds = own(tries, failure)
        reached.set()
        return seconds

    reached, own = Reached(), Tries.rest
    monkeypatch.setattr(Tries, "rest", rest)
    fake.on_ask = [breaks(is_at(PENDING), retry_after=60)]
    with pytest.raises(signoff.StillWaiting):
        run(fake.address, function, at(reached))
    assert len(fake.asks) == 1


def test_as_it_is_approved(fake: Fake, function: Recorder) -> None:
    """Nothing is claimed for a caller that is gone."""
    handle = signoff.CancelHandle()

    def approve(request: Any, context: Any) -> Any:
        handle.cancel()
        return own(request, context)

    [own] = fake.on_ask
    fake.on_ask = [approve]
    with signoff.Client(fake.address) as client, pytest.raises(signoff.StillWaiting):
        client.run(call(cancel_handle=handle), function)
    assert not fake.claims
    assert not function.runs


def test_before_it_claims(fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    handle, own = signoff.CancelHandle(), Wait.decided

    def update(wait: Wait, message: Any) -> Any:
        approval = own(wait, message)
        handle.cancel()
        return approval

    monkeypatch.setattr(Wait, "decided", update)
    with signoff.Client(fake.address) as client, pytest.raises(signoff.StillWaiting) as refused:
        client.run(call(cancel_handle=handle), function)
    assert refused.value.approved is True
    assert not fake.claims
    assert not function.runs


def test_while_it_claims(fake: Fake, function: Recorder) -> None:
    reached, gone = Reached(), Reached()
    fake.on_claim = [reached.then(gone.before(fake.grant))]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached, gone))
    assert refused.value.approved is True
    assert [(report.result, report.message) for report in fake.reports] == [
        (FAILED, "not run: the caller stopped waiting")
    ]
    assert not function.runs


def test_while_it_claims_in_vain(fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HurriedTries, "SECONDS", 0.2)
    reached = Reached()
    fake.on_claim = [reached.then(fake.hang), fake.grant]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached))
    assert refused.value.approved is True
    assert len(fake.claims) == 1
    assert not fake.reports
    assert not function.runs


def test_between_claims(fake: Fake, function: Recorder) -> None:
    reached = Reached()

    def refuse(_: object, context: Any) -> Any:
        fail(context, UNAVAILABLE, retry_after=60)

    fake.on_claim = [reached.then(refuse), fake.grant]
    with pytest.raises(signoff.StillWaiting) as refused:
        run(fake.address, function, at(reached), patience=600)
    assert refused.value.approved is True
    assert len(fake.claims) == 1
    assert not function.runs


def test_while_it_runs(fake: Fake) -> None:
    """A function that has begun goes on; its report is not for long."""
    handle = signoff.CancelHandle()
    fake.on_report = [lambda _, context: fail(context, UNAVAILABLE, retry_after=6)]

    def function(_: signoff.Run) -> str:
        handle.cancel()
        return "done"

    with signoff.Client(fake.address) as client:
        assert client.run(call(cancel_handle=handle, patience=600), function) == "done"
    assert [report.result for report in fake.reports] == [SUCCEEDED]


def test_one_handle_for_many_calls(fake: Fake, function: Recorder) -> None:
    handle = signoff.CancelHandle()
    both = threading.Barrier(3)

    def hang(request: Any, context: Any) -> Any:
        both.wait(30)
        return fake.hang(request, context)

    def wait() -> None:
        with signoff.Client(fake.address) as client, pytest.raises(signoff.StillWaiting):
            client.run(call(cancel_handle=handle), function)

    fake.on_ask = [hang]
    waiting = [threading.Thread(target=wait) for _ in range(2)]
    for thread in waiting:
        thread.start()
    both.wait(30)
    handle.cancel()
    for thread in waiting:
        thread.join(30)
        assert not thread.is_alive()
    assert handle.is_cancelled


def test_calls_of_asyncio_have_none(fake: Fake) -> None:
    async def function(_: signoff.Run) -> None: ...

    async def gated() -> None:
        async with signoff.AsyncClient(fake.address) as client:
            await client.run(call(cancel_handle=signoff.CancelHandle()), function)

    with pytest.raises(TypeError, match="cancel_handle is for a Client"):
        asyncio.run(gated())
    assert not fake.asks

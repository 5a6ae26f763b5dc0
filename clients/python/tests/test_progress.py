"""What on_progress does to a wait of asyncio: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import signoff
from fakes import APPROVED, PENDING, Context, Fake, progress, update
from signoff.v1.approval_service_pb2 import RequestApprovalRequest, RequestApprovalResponse
from streams import Reached, call


async def function(_: signoff.Run) -> str:
    await asyncio.sleep(0)
    return "done"


def run(fake: Fake, on_progress: Any) -> str:
    async def gated() -> str:
        async with signoff.AsyncClient(fake.address) as client:
            return await client.run(call(on_progress=on_progress), function)

    return asyncio.run(gated())


def tells(*remaining: float, then: Reached) -> Any:
    """A stream with these progress messages, which approves when it is told to."""

    def stream(request: RequestApprovalRequest, _: Context) -> Iterator[RequestApprovalResponse]:
        yield update(request, PENDING)
        for seconds in remaining:
            yield progress(seconds)
        then.wait(30)
        yield update(request, APPROVED, revision=2)

    return stream


def test_cancellations_in_it_are_not_the_callers(fake: Fake) -> None:
    told = Reached()

    async def cancelled(_: signoff.Progress) -> None:
        told.set()
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    def blocking(_: signoff.Progress) -> None:
        told.set()
        raise asyncio.CancelledError

    fake.on_ask = [tells(60, then=told)]
    assert run(fake, cancelled) == "done"
    assert run(fake, blocking) == "done"


def test_it_holds_nothing_up(fake: Fake) -> None:
    told, ended = Reached(), Reached()

    async def hang(_: signoff.Progress) -> None:
        told.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    fake.on_ask = [tells(60, then=told)]
    assert run(fake, hang) == "done"
    assert ended.is_set()


def test_each_is_told_one_after_the_other(fake: Fake) -> None:
    told = Reached()
    events: list[str] = []

    async def tell(progress: signoff.Progress) -> None:
        events.append(f"begins {progress.remaining}")
        await asyncio.sleep(0.01)
        events.append(f"ends {progress.remaining}")
        if progress.remaining == 58:
            told.set()
        raise LookupError("which is ignored")

    fake.on_ask = [tells(60, 59, 58, then=told)]
    assert run(fake, tell) == "done"
    assert events == [f"{what} {seconds}.0" for seconds in (60, 59, 58) for what in ("begins", "ends")]

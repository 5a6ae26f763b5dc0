"""What becomes of gated calls when their client is closed, and of clients that are closed out of turn."""

from __future__ import annotations

import asyncio
import threading

import grpc
import pytest

import signoff
from conftest import Recorder
from fakes import Fake
from servers import Server
from signoff.v1.access_service_pb2 import GetCallerRequest
from streams import Reached, call


def test_closed_while_it_waits(server: Server, tool: str, function: Recorder) -> None:
    with signoff.Client(server.address, token=server.agent) as client:
        closing = threading.Thread(target=client.close)
        call = signoff.Call(tool, {}, on_progress=lambda _: closing.start())
        with pytest.raises(signoff.Unavailable):
            client.run(call, function)
        closing.join()
    assert not function.runs


def test_closed_while_it_waits_in_asyncio(server: Server, tool: str) -> None:
    async def function(_: signoff.Run) -> None:
        raise AssertionError

    async def run() -> None:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:
            closing: list[asyncio.Task[None]] = []

            async def close(_: signoff.Progress) -> None:
                closing.append(asyncio.create_task(client.close()))

            with pytest.raises(signoff.Unavailable):
                await client.run(signoff.Call(tool, {}, on_progress=close), function)
            await closing[0]

    asyncio.run(run())


def close_while(fake: Fake, reached: Reached) -> str:
    """Runs a call that is approved, and closes its client at some point."""

    async def function(_: signoff.Run) -> str:
        await asyncio.sleep(0)
        return "done"

    async def run() -> str:
        client = signoff.AsyncClient(fake.address)
        running = asyncio.ensure_future(client.run(call(), function))
        await asyncio.to_thread(reached.wait, 30)
        await client.close()
        return await running

    return asyncio.run(run())


def test_closed_while_it_claims_in_asyncio(fake: Fake) -> None:
    reached = Reached()
    fake.on_claim = [reached.then(fake.hang)]
    with pytest.raises(signoff.Unavailable):
        close_while(fake, reached)


def test_closed_while_it_reports_in_asyncio(fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    reached = Reached()
    fake.on_report = [reached.then(fake.hang)]
    assert close_while(fake, reached) == "done"
    assert "Cannot report the outcome" in caplog.text


def test_closed_while_it_reports(fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    reached = Reached()
    fake.on_report = [reached.then(fake.hang)]
    with signoff.Client(fake.address) as client:

        def close() -> None:
            reached.wait(30)
            client.close()

        closing = threading.Thread(target=close)
        closing.start()
        assert client.run(call(), function) == "done"
        closing.join()
    assert "Cannot report the outcome" in caplog.text


def test_closed_before_it_is_used() -> None:
    async def function(_: signoff.Run) -> None:
        raise AssertionError

    async def run() -> None:
        client = signoff.AsyncClient()
        await client.close()
        with pytest.raises(signoff.Unavailable):
            await client.run(call(), function)
        with pytest.raises(grpc.aio.UsageError):
            await client.access.GetCaller(GetCallerRequest())

    asyncio.run(run())


def test_closed_in_another_loop(fake: Fake) -> None:
    client = signoff.AsyncClient(fake.address)

    async def first() -> None:
        assert client.approvals

    async def second() -> None:
        async with client:
            raise LookupError("of the body")

    asyncio.run(first())
    with pytest.raises(LookupError, match="of the body"):
        asyncio.run(second())

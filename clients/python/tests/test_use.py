"""How gates are used: without a client, in threads and processes, and with options that must not be lost."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import signoff
from fakes import Fake
from signoff._structs import from_struct
from streams import call

ONCE = "A retry asks for a second approval"


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


@pytest.fixture
def environment(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose own client is one of the fake server."""
    monkeypatch.setenv("SIGNOFF_ADDRESS", fake.address)
    monkeypatch.setattr("signoff._default_clients._of_processes", {})


def test_without_parentheses(fake: Fake, environment: None) -> None:
    @signoff.requires_approval
    def send(to: str) -> str:
        return to

    @signoff.requires_approval()
    def send_again(to: str) -> str:
        return to

    @signoff.requires_approval(tool_name="mail.send", labels={"team": "sales"})
    async def send_later(to: str) -> str:
        await asyncio.sleep(0)
        return to

    assert send("alice") == "alice"
    assert send_again("bob") == "bob"
    assert asyncio.run(send_later("carol")) == "carol"
    assert asyncio.run(send_later("dave")) == "dave"
    assert [(ask.tool_name, from_struct(ask.arguments)["to"]) for ask in fake.asks] == [
        ("send", "alice"),
        ("send_again", "bob"),
        ("mail.send", "carol"),
        ("mail.send", "dave"),
    ]


def test_what_is_no_client() -> None:
    unfits: list[Any] = ["http://127.0.0.1:7766", 7, signoff.Client, {}]
    for unfit in unfits:
        with pytest.raises(TypeError, match="only functions"):
            signoff.requires_approval(unfit)


def test_the_client_must_fit_the_function() -> None:
    async def asynchronous() -> None: ...

    client: Any = signoff.Client()
    with pytest.raises(TypeError, match="needs an AsyncClient"):
        signoff.requires_approval(client)(asynchronous)


def gated(client: signoff.Client) -> Any:
    @signoff.requires_approval(client, required_options=["labels", "run_id"])
    def send(to: str) -> str:
        return to

    return send


LABELS: dict[str, Any] = {"labels": {"env": "prod"}, "run_id": "run-1"}


def test_options_follow_the_call(client: signoff.Client, fake: Fake) -> None:
    send = gated(client)

    async def run() -> None:
        with signoff.call_options(**LABELS):
            await asyncio.to_thread(send, "alice")
            await asyncio.gather(asyncio.to_thread(send, "bob"))
            loop = asyncio.get_running_loop()
            context = contextvars.copy_context()
            await loop.run_in_executor(None, lambda: context.run(send, "carol"))

    asyncio.run(run())
    with ThreadPoolExecutor(1) as executor, signoff.call_options(**LABELS):
        # The recipe of README.
        executor.submit(contextvars.copy_context().run, send, "dave").result()
    assert [dict(ask.labels) for ask in fake.asks] == [LABELS["labels"]] * 4
    assert {ask.agent.run_id for ask in fake.asks} == {"run-1"}


def test_a_call_that_lost_its_options_is_not_asked_for(client: signoff.Client, fake: Fake) -> None:
    send = gated(client)
    with ThreadPoolExecutor(1) as executor, signoff.call_options(**LABELS):
        with pytest.raises(TypeError, match="labels is required for calls to"):
            executor.submit(send, "alice").result()

        async def run() -> None:
            await asyncio.get_running_loop().run_in_executor(None, send, "alice")

        with pytest.raises(TypeError, match="labels is required"):
            asyncio.run(run())
    losses: list[Any] = [
        {"labels": {}, "run_id": "run-1"},
        {"labels": {"a": "b"}},
        {"labels": {"a": "b"}, "run_id": ""},
    ]
    for lost in losses:
        with pytest.raises(TypeError, match="is required for calls to"), signoff.call_options(**lost):
            send("alice")
    assert not fake.asks


def test_an_id_that_another_call_took_is_lost(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, required_options=["call_id"])
    def send(to: str) -> str:
        return to

    with signoff.call_options(run_id="run-1", call_id="call-1"):
        send("alice")
        with pytest.raises(TypeError, match="a call_id that an earlier call took"):
            send("alice")
    assert len(fake.asks) == 1


def test_required_options_exist(client: signoff.Client) -> None:
    with pytest.raises(TypeError, match=r"required_options: unknown option 'label'; allowed are agent_name, run_id"):
        signoff.requires_approval(client, required_options=["label"])
    with pytest.raises(TypeError, match="required_options must be a list of texts"):
        signoff.requires_approval(client, required_options="labels")


def test_calls_that_are_not_found_again_are_warned_of_once(
    client: signoff.Client, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    def send(to: str) -> str:
        return to

    enough: list[Any] = [
        {"request_id": "r"},
        {"run_id": "run-1", "call_id": "call-1"},
        {"cancel_handle": signoff.CancelHandle()},
    ]
    for options in enough:
        with signoff.call_options(**options):
            signoff.requires_approval(client)(send)("alice")
    assert ONCE not in caplog.text
    for gate in (signoff.requires_approval(client)(send), signoff.requires_approval(client)(send)):
        gate("alice")
        gate("alice")
    assert caplog.text.count(ONCE) == 2
    client.run(call(), str)
    client.run(call(), str)
    assert caplog.text.count(ONCE) == 3
    assert "The call to send has no request_id, no run_id with call_id, and no cancel_handle." in caplog.text


def test_tasks_can_be_cancelled(fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async def function(_: signoff.Run) -> None: ...

        async with signoff.AsyncClient(fake.address) as client:
            await client.run(call(), function)

    asyncio.run(run())
    assert not caplog.messages


def test_blocking_an_event_loop_is_warned_of_once(client: signoff.Client, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        for _ in range(2):
            assert client.run(call(request_id="r"), lambda _: "done") == "done"

    assert client.run(call(request_id="r"), lambda _: "done") == "done"
    assert not caplog.messages
    asyncio.run(run())
    assert caplog.messages == [
        "A Client blocks the event loop that it is used in while it waits. Use an AsyncClient, or asyncio.to_thread."
    ]


FORK = """
import os, signoff, sys
client = signoff.Client(sys.argv[1])
is_used, makes_another = sys.argv[2] == "used", sys.argv[3] == "another"
if is_used:
    client.run(signoff.Call("t", {}, request_id="parent"), str)
child = os.fork()
if child == 0:
    if makes_another:
        client = signoff.Client(sys.argv[1])
    try:
        print(client.run(signoff.Call("t", {}, request_id="child", patience=10), lambda _: "done"), flush=True)
        client.close()
    except RuntimeError as error:
        print(error, flush=True)
        client.close()
    os._exit(0)
os.waitpid(child, 0)
print(client.run(signoff.Call("t", {}, request_id="parent again"), lambda _: "and the parent"))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(
    ("is_used", "which", "says"),
    [
        ("unused", "same", "done"),
        ("used", "another", "done"),
        ("used", "same", "the Client was used before the process forked: make one in each process, after the fork"),
    ],
)
def test_after_a_fork(fake: Fake, tmp_path: Path, is_used: str, which: str, says: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(FORK)
    command: list[str | Path] = [sys.executable, program, fake.address, is_used, which]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120)
    assert ran.stdout.splitlines() == [says, "and the parent"]

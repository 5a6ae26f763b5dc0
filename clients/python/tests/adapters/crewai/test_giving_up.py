"""Calls of CrewAI that nobody waits for any more are not run, whatever is decided."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import threading
from typing import Any

import pytest
from crewai.tools import BaseTool
from reviewing import approve, beside, reviewing
from runs import MODES, Mail, Runner, Scripted, call, crew_of, delegating, mailer

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.crewai import gate
from signoff.v1.approval_pb2 import ApprovalStatus


@pytest.mark.parametrize("kind", ["crew native", "crew text", "acrew native", "acrew text"])
def test_hook_timing_out(server: Server, mail: Mail, tool: str, kind: str) -> None:
    """CrewAI's time limit of an agent ends the wait, and a decision that comes too late runs nothing."""
    runner = Runner(server, kind)
    # The gate's limit begins before CrewAI's, and the model may be faster than that.
    with contextlib.suppress(TimeoutError):
        runner.run([mail.tool], [call(tool)], agent={"max_execution_time": 1}, timeout=20)
    check_given_up(server, mail, tool)


def check_given_up(server: Server, mail: Mail, tool: str) -> None:
    [waiting] = all_of(server, tool)
    approved = decide(server, waiting, approve=True)
    assert approved.status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs
    [approval] = all_of(server, tool)
    assert not approval.HasField("claim")


@pytest.mark.parametrize("kind", ["acrew native", "acrew text", "aagent native", "tcrew native", "tcrew text"])
def test_cancelled(server: Server, mail: Mail, tool: str, kind: str) -> None:
    """A run that is cancelled while it waits; CrewAI's threads go on."""
    runner = Runner(server, kind)
    model = Scripted([[call(tool)]], native=runner.is_native)

    async def main() -> None:
        with signoff.Client(server.address, token=server.agent) as client:
            worker = mailer(model, [mail.tool])
            target: Any = gate(worker if runner.kind == "aagent" else crew_of(worker), client, timeout=20)
            # A crew's kickoff_async is its kickoff in a thread.
            begun = {"acrew": "akickoff", "aagent": "kickoff_async", "tcrew": "kickoff_async"}[runner.kind]
            begun = getattr(target, begun)(*(["go"] if runner.kind == "aagent" else []))
            running = asyncio.ensure_future(begun)
            await beside(lambda: pending(server, tool))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await asyncio.get_running_loop().shutdown_default_executor()

    asyncio.run(main())
    check_given_up(server, mail, tool)


@pytest.mark.parametrize("form", ["akickoff", "kickoff_async", "kickoff_for_each_async", "akickoff_for_each"])
@MODES
def test_a_stream_that_is_closed(
    client: Any, server: Server, mail: Mail, tool: str, is_native: bool, form: str
) -> None:
    """Its reader is cancelled while the crew waits, which may be in a thread that goes on."""
    worker = mailer(Scripted([[call(tool)]], native=is_native), [mail.tool])
    crew = gate(crew_of(worker, stream=True), client, timeout=20)

    async def read(streaming: Any) -> None:
        async for _ in streaming:
            pass

    async def main() -> None:
        streaming = await getattr(crew, form)(*([[{"day": 1}]] if "each" in form else []))
        reading = asyncio.ensure_future(read(streaming))
        await beside(lambda: pending(server, tool))
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await streaming.aclose()
        await asyncio.get_running_loop().shutdown_default_executor()

    asyncio.run(main())
    check_given_up(server, mail, tool)


@pytest.mark.parametrize("kind", ["crew native", "crew text", "agent native"])
def test_interrupted(server: Server, mail: Mail, tool: str, kind: str) -> None:
    """By Ctrl-C, after which CrewAI waits for its threads."""
    # A program that is started in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        pending(server, tool)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            Runner(server, kind).run([mail.tool], [call(tool)], timeout=20)
    finally:
        signal.signal(signal.SIGINT, before)
    check_given_up(server, mail, tool)


@MODES
def test_delegation_that_takes_too_long(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """The time of the agent that delegates ends the wait of the other one."""
    handed_on = {"task": "Write to Alice.", "context": "Now.", "coworker": "Mailer"}
    lead = Scripted([[("delegate_work_to_coworker", handed_on)]], native=is_native)
    worker = Scripted([[call(tool)]], native=is_native)
    crew = delegating(lead, mailer(worker, [mail.tool]))
    crew.agents[0].max_execution_time = 1
    with contextlib.suppress(TimeoutError):
        gate(crew, client, timeout=20).kickoff()
    [waiting] = all_of(server, tool)
    assert decide(server, waiting, approve=True).status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs


def test_a_thread_that_outlives_its_agent(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """What it waits for is given up when the agent has ended."""
    gated = gate(mail.tool, client, timeout=20)
    threads: list[threading.Thread] = []

    class Starting(BaseTool):
        name: str = f"starts_{tool}"
        description: str = "Starts a thread."

        def _run(self) -> str:
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=lambda: context.run(gated.run, to="alice")))
            threads[0].start()
            pending(server, tool)
            return "started"

    model = Scripted([[(f"starts_{tool}", {})]], native=True)
    with reviewing(server, f"starts_{tool}", approve):
        gate(crew_of(mailer(model, [Starting()])), client).kickoff()
    threads[0].join()
    [waiting] = all_of(server, tool)
    assert decide(server, waiting, approve=True).status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs

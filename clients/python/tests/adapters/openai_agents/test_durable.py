"""Runs of the OpenAI Agents SDK that pause for approval, and go on in another process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, Runner, RunState, function_tool
from models import calls, outputs, says, scripted
from reviewing import before_its_end

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters.openai_agents import decisions, gate
from signoff.v1.approval_pb2 import Approval, ApprovalStatus

PROGRAM = Path(__file__).parent / "paused_run.py"


def start(server: Server, name: str, directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, PROGRAM, server.address, server.agent, name, directory]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def waiting(server: Server, name: str, count: int) -> list[Approval]:
    """The tool's approvals, once there are so many."""
    pending(server, name)
    while len(found := all_of(server, name)) < count:
        pass
    return sorted(found, key=lambda each: str(each.arguments["to"]))


def test_killed_while_it_waits(desk: Server, name: str, tmp_path: Path) -> None:
    """Another process goes on after the decisions; each call that was approved runs once, in whatever process."""
    first = start(desk, name, tmp_path)
    alice, bob = waiting(desk, name, 2)
    assert list(alice.agent.chain) == ["Triage"]
    first.kill()
    assert first.communicate()[0] == "paused\n"
    decide(desk, alice, approve=True)
    # This one runs the first call, pauses again for the second, and is killed too.
    second = start(desk, name, tmp_path)
    assert second.stdout
    assert second.stdout.readline() == "paused\n"
    second.kill()
    second.communicate()
    assert (tmp_path / "sent").read_text() == "alice\n"
    decide(desk, bob, approve=False, comment="Not Bob.")
    third = start(desk, name, tmp_path)
    assert third.communicate()[0].splitlines() == [
        "call-1 sent to alice",
        f"call-2 NOT RUN. A reviewer rejected the call to {name}: Not Bob. Do not try it again.",
    ]
    assert (tmp_path / "sent").read_text() == "alice\n"
    assert len(all_of(desk, name)) == 2
    # The stored run once more: what has run does not run again.
    fourth = start(desk, name, tmp_path)
    fourth.communicate()
    assert (tmp_path / "sent").read_text() == "alice\n"
    assert len(all_of(desk, name)) == 2


def test_a_stored_run_that_goes_on_twice(desk: Server, name: str) -> None:
    """Of two processes with one state, one runs the tool."""
    runs: list[str] = []

    async def send(to: str) -> str:
        runs.append(to)
        return "sent"

    def mailer(*steps: Any) -> Agent[Any]:
        tool = function_tool(name_override=name)(send)
        return Agent(name="Mailer", model=scripted(*steps, says("end")), tools=[tool])

    def edit() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"to": "carol"})

    async def main() -> list[Any]:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            options: dict[str, Any] = {"run_id": name, "durable": True}
            result = await Runner.run(gate(mailer(calls(("call-1", name, {"to": "alice"}))), client, **options), "go")
            text = result.to_state().to_string()
            results: list[Any] = []
            for _ in range(2):
                agent = gate(mailer(), client, **options)
                state = await RunState.from_string(agent, text)
                waits = asyncio.ensure_future(decisions(state))
                if not results:
                    await before_its_end(waits, edit)
                await waits
                results.append(await Runner.run(agent, state))
            return results

    first, second = (outputs(each)["call-1"] for each in asyncio.run(main()))
    assert first == "sent"
    assert second.startswith("NOT RUN AGAIN. ")
    assert runs == ["carol"]


def test_agent_as_tool_that_pauses(desk: Server, name: str) -> None:
    """The run of an agent that is used as a tool pauses the whole, and both go on."""
    runs: list[str] = []

    async def send(to: str) -> str:
        runs.append(to)
        return "sent"

    async def main() -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            mailer = Agent[Any](
                name="Mailer",
                model=scripted(calls(("call-1", name, {"to": "alice"})), says("mailed")),
                tools=[function_tool(name_override=name)(send)],
            )
            boss = Agent[Any](
                name="Boss",
                model=scripted(calls(("call-0", "ask_mailer", {"input": "go"})), says("end")),
                tools=[mailer.as_tool("ask_mailer", "Asks it.")],
            )
            result = await Runner.run(gate(boss, client, run_id=name, durable=True), "go")
            state = result.to_state()
            waits = asyncio.ensure_future(decisions(state))
            await before_its_end(waits, lambda: decide(desk, pending(desk, name), approve=True))
            await waits
            return await Runner.run(boss, state)

    assert outputs(asyncio.run(main())) == {"call-0": "mailed"}
    assert runs == ["alice"]
    assert [list(each.agent.chain) for each in all_of(desk, name)] == [["Boss"]]


def test_unreachable_while_it_waits(desk: Server, name: str) -> None:
    """The run stays paused, to go on later."""
    runs: list[str] = []

    async def send(to: str) -> str:
        runs.append(to)
        return "sent"

    async def main() -> None:
        async with signoff.AsyncClient("http://127.0.0.1:1") as client:
            agent = Agent(
                name="Mailer",
                model=scripted(calls(("call-1", name, {"to": "alice"})), says("end")),
                tools=[function_tool(name_override=name)(send)],
            )
            gate(agent, client, run_id=name, durable=True, patience=0.1)
            state = (await Runner.run(agent, "go")).to_state()
            with pytest.raises(signoff.Unavailable):
                await decisions(state)
            assert (await Runner.run(agent, state)).interruptions

    asyncio.run(main())
    assert runs == []


def test_a_wait_that_is_given_up_withdraws_nothing(desk: Server, name: str) -> None:
    async def send(to: str) -> str:
        return "sent"

    async def main() -> Approval:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = Agent(
                name="Mailer",
                model=scripted(calls(("call-1", name, {"to": "alice"}))),
                tools=[function_tool(name_override=name)(send)],
            )
            gate(agent, client, run_id=name, durable=True, cancel_on_abandon=True)
            waits = asyncio.ensure_future(decisions((await Runner.run(agent, "go")).to_state()))
            approval = await before_its_end(waits, lambda: pending(desk, name))
            waits.cancel()
            await asyncio.wait({waits})
            return approval

    assert stored(desk, asyncio.run(main()).id).status == ApprovalStatus.APPROVAL_STATUS_PENDING


def test_a_run_that_no_gate_paused(name: str) -> None:
    async def send(to: str) -> str:
        raise AssertionError("it ran")

    async def main() -> None:
        agent = Agent(
            name="Mailer",
            model=scripted(calls(("call-1", name, {"to": "alice"}))),
            tools=[function_tool(name_override=name, needs_approval=True)(send)],
        )
        with pytest.raises(TypeError, match="durable"):
            await decisions((await Runner.run(agent, "go")).to_state())

    asyncio.run(main())

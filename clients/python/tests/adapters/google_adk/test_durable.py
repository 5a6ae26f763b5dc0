"""Runs that pause, and go on when there is a decision."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agents_at_work import (
    USER,
    Body,
    a_runner,
    an_agent,
    an_app,
    calls,
    events_of,
    one_call,
    results,
    run,
)
from google.adk.apps.app import ResumabilityConfig
from google.adk.events.event import Event
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types
from reviewing import approve, before_its_end, beside, reviewing

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin, decisions
from signoff.v1.approval_pb2 import ExecutionResult

PROGRAM = Path(__file__).parent / "durable_program.py"


class Durable:
    """An app whose runs pause."""

    def __init__(self, client: Any, agent: Any, **options: Any) -> None:
        self.client = client
        self.sessions = InMemorySessionService()
        self.plugin = ApprovalPlugin(client, durable=True)
        self.runner = a_runner(an_app(agent, self.plugin, **options), self.sessions)

    async def begin(self) -> list[Event]:
        return await events_of(self.runner)

    async def session(self) -> Any:
        return await self.sessions.get_session(app_name="mail", **USER)

    async def go_on(self) -> list[Event]:
        message = await decisions(await self.session(), self.client)
        assert message
        return await events_of(self.runner, message)


RESUMABLE = [{}, {"resumability_config": ResumabilityConfig(is_resumable=True)}]


class Program:
    """durable_program.py with one session."""

    def __init__(self, server: Server, directory: Path, name: str) -> None:
        paths = [str(Path(__file__).parent), *map(str, Path(__file__).parents[1:3])]
        self._command = [sys.executable, PROGRAM, directory, name]
        self._environment = {
            **os.environ,
            "SIGNOFF_ADDRESS": server.address,
            "SIGNOFF_TOKEN": server.agent,
            "PYTHONPATH": os.pathsep.join(paths),
        }

    def begin(self, step: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self._command, step], env=self._environment, stdout=subprocess.PIPE, text=True)

    def run(self, step: str) -> str:
        process = self.begin(step)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return said


def test_killed_while_paused(desk: Server, name: str, tmp_path: Path) -> None:
    """Another process goes on after the decision; the tool runs once, however often that is done."""
    program = Program(desk, tmp_path, name)
    process = program.begin("begin")
    try:
        assert process.stdout
        assert process.stdout.readline() == "paused\n"
        waiting = pending(desk, name)
    finally:
        process.kill()
        process.communicate()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "sessions.db").write_bytes((tmp_path / "sessions.db").read_bytes())
    decide(desk, waiting, approve=True)
    assert program.run("go-on") == "paused\nsent to alice\n"
    # Once more from where it paused, as if the first had been lost.
    assert Program(desk, copy, name).run("go-on").startswith("paused\nNOT RUN AGAIN.")
    assert (tmp_path / "sent").read_text() == "alice\n"
    assert not (copy / "sent").exists()
    assert [each.id for each in all_of(desk, name)] == [waiting.id]


def test_killed_while_it_waits_within_the_run(desk: Server, name: str, tmp_path: Path) -> None:
    """ADK makes the call again when the invocation is resumed; it is not asked for again."""
    program = Program(desk, tmp_path, name)
    process = program.begin("wait")
    try:
        waiting = pending(desk, name)
    finally:
        process.kill()
        process.communicate()
    decide(desk, waiting, approve=True)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "sessions.db").write_bytes((tmp_path / "sessions.db").read_bytes())
    assert program.run("again") == "sent to alice\n"
    assert Program(desk, copy, name).run("again").startswith("NOT RUN AGAIN.")
    assert (tmp_path / "sent").read_text() == "alice\n"
    assert [each.id for each in all_of(desk, name)] == [waiting.id]


@pytest.mark.parametrize("options", RESUMABLE, ids=["plain", "resumable"])
def test_three_calls(desk: Server, name: str, options: Any) -> None:
    body = Body(name)
    turn = calls(*((f"call-{to}", name, {"to": to, "amount": 1}) for to in ("alice", "bob", "carol")))

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = an_agent(body.tool, steps=[turn])
            app = Durable(client, agent, **options)
            await app.begin()
            assert len(agent.model.read) == 1  # type: ignore[union-attr]
            assert body.runs == []
            by_to = {str(each.arguments["to"]): each for each in all_of(desk, name)}
            assert len(by_to) == 3
            decide(desk, by_to["bob"], approve=False, comment="Not Bob.")
            decide(desk, by_to["carol"], approve=True, edited={"to": "dave", "amount": 3})
            going_on = asyncio.ensure_future(app.go_on())
            await before_its_end(going_on, lambda: decide(desk, by_to["alice"], approve=True))
            told = results(await going_on)
            assert told["call-alice"] == "done for alice"
            assert "Not Bob." in told["call-bob"]
            assert told["call-carol"] == "done for dave"
            assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]
            assert len(all_of(desk, name)) == 3
            assert await decisions(await app.session(), client) is None
            # One turn for all three.
            assert len(agent.model.read) == 2  # type: ignore[union-attr]

    asyncio.run(main())


def confirmations(events: Sequence[Event], confirmed: bool) -> types.Content:
    """Answers as an application may send them."""
    asked = [call for event in events for call in event.get_function_calls() if call.name == "adk_request_confirmation"]
    parts = [
        types.Part(
            function_response=types.FunctionResponse(id=each.id, name=each.name, response={"confirmed": confirmed})
        )
        for each in asked
    ]
    return types.Content(role="user", parts=parts)


def test_an_answer_is_no_approval(desk: Server, name: str) -> None:
    """A yes of the application goes on with the run, which then waits; the reviewer's no is what counts."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, an_agent(body.tool, steps=[one_call(name)]))
            paused = await app.begin()
            going_on = asyncio.ensure_future(events_of(app.runner, confirmations(paused, True)))
            waiting = await before_its_end(going_on, lambda: pending(desk, name))
            assert not going_on.done()
            await beside(lambda: decide(desk, waiting, approve=False, comment="Not today."))
            assert "Not today." in results(await going_on)["call-1"]

    asyncio.run(main())
    assert body.runs == []
    assert len(all_of(desk, name)) == 1


def test_a_no_of_the_application(desk: Server, name: str) -> None:
    """It keeps the call from running, approved or not."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, an_agent(body.tool, steps=[one_call(name)]))
            paused = await app.begin()
            await beside(lambda: decide(desk, pending(desk, name), approve=True))
            told = results(await events_of(app.runner, confirmations(paused, False)))
            assert told == {"call-1": "This tool call is rejected."}

    asyncio.run(main())
    assert body.runs == []
    assert not all_of(desk, name)[0].HasField("claim")


def test_tool_that_asks_the_user_itself(desk: Server, name: str) -> None:
    """The yes that goes on with the run is not the user's yes to the tool's own question, which ADK does not ask."""
    runs: list[bool] = []

    def send(to: str, tool_context: ToolContext) -> Any:
        runs.append(bool(tool_context.tool_confirmation))
        if not tool_context.tool_confirmation:
            tool_context.request_confirmation(hint="Really?")
            return {"status": "waits for the user"}
        return f"sent to {to}"

    send.__name__ = name

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, an_agent(send, steps=[one_call(name, to="alice")]))
            await app.begin()
            with reviewing(desk, name, approve), pytest.raises(TypeError, match=r"asks the user.*not durable"):
                await app.go_on()

    asyncio.run(main())
    assert runs == [False]
    [approval] = all_of(desk, name)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED


def test_only_what_waits_pauses(desk: Server, name: str) -> None:
    """A call that the policy approves runs at once, beside one that pauses; it does not run again."""
    asked, at_once = Body(name), Body(f"auto_{name}")
    turn = calls(("call-1", name, {"to": "alice"}), ("call-2", f"auto_{name}", {"to": "bob"}))

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = an_agent(asked.tool, at_once.tool, steps=[turn])
            app = Durable(client, agent)
            told = results(await app.begin())
            assert told["call-2"] == "done for bob"
            assert len(agent.model.read) == 1  # type: ignore[union-attr]
            with reviewing(desk, name, approve):
                assert results(await app.go_on()) == {"call-1": "done for alice"}
            # The model has read both.
            assert "done for alice" in str(agent.model.read[-1])  # type: ignore[union-attr]
            assert "done for bob" in str(agent.model.read[-1])  # type: ignore[union-attr]

    asyncio.run(main())
    assert len(asked.runs) == len(at_once.runs) == 1


def test_handed_on(desk: Server, name: str) -> None:
    """The call of a sub-agent pauses, and goes on there."""
    body = Body(name)
    helper = an_agent(body.tool, name="helper", steps=[one_call(name)])
    triage = an_agent(
        name="triage", sub_agents=[helper], steps=[calls(("t-1", "transfer_to_agent", {"agent_name": "helper"}))]
    )

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, triage)
            await app.begin()
            with reviewing(desk, name, approve) as seen:
                assert results(await app.go_on())["call-1"] == "done for alice"
            assert (seen[0].agent.name, list(seen[0].agent.chain)) == ("helper", ["triage"])

    asyncio.run(main())
    assert len(body.runs) == len(all_of(desk, name)) == 1


def test_within_an_agent_that_is_a_tool(desk: Server, name: str) -> None:
    """ADK cannot go on within one: the call waits there, and does not pause."""
    body = Body(name)
    helper = an_agent(body.tool, name="helper", steps=[one_call(name)])
    triage = an_agent(AgentTool(helper), name="triage", steps=[calls(("t-1", "helper", {"request": "go"}))])

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, triage)
            with reviewing(desk, name, approve):
                assert results(await app.begin()) == {"t-1": "done"}
            assert await decisions(await app.session(), client) is None

    asyncio.run(main())
    assert len(body.runs) == len(all_of(desk, name)) == 1


def test_server_unreachable(desk: Server, name: str) -> None:
    body = Body(name)
    told = results(
        run(
            desk,
            an_agent(body.tool, steps=[one_call(name)]),
            address="http://127.0.0.1:1",
            durable=True,
            patience=0.5,
        )
    )
    assert "the approvals server cannot be reached" in told["call-1"]
    assert body.runs == []


def test_decisions_without_a_server(desk: Server, name: str) -> None:
    """The session stays as it is, and another try goes on."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, an_agent(body.tool, steps=[one_call(name)]))
            await app.begin()
            with reviewing(desk, name, approve):
                async with signoff.AsyncClient("http://127.0.0.1:1") as other:
                    with pytest.raises(signoff.Unavailable):
                        await decisions(await app.session(), other, patience=0.5)
                with signoff.Client("http://127.0.0.1:1") as blocking, pytest.raises(signoff.Unavailable):
                    await decisions(await app.session(), blocking, patience=0.5)
                assert results(await app.go_on()) == {"call-1": "done for alice"}

    asyncio.run(main())


def test_model_that_makes_up_a_pause(desk: Server, name: str) -> None:
    """Only ADK's own requests are waited for."""
    made_up = {"toolConfirmation": {"payload": {"signoff": {"approval_id": "x"}}}}
    body = Body(name)
    agent = an_agent(body.tool, steps=[calls(("fake", "adk_request_confirmation", made_up))])

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = Durable(client, agent)
            await app.begin()
            assert await decisions(await app.session(), client) is None

    asyncio.run(main())

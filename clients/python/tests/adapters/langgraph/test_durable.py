"""Runs that pause, or are killed, and go on in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphs import BUILDERS, Agent, Mail, call
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from reviewing import approve, reject, reviewing

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.v1.approval_pb2 import Approval

PROGRAM = Path(__file__).parent / "durable_program.py"


@pytest.fixture(params=["agent", "tasks"])
def agent(request: pytest.FixtureRequest, server: Server, is_async: bool) -> Agent:
    """An agent in each form that runs each call in a task of its own."""
    return Agent(server, BUILDERS[request.param], is_async=is_async)


@pytest.mark.parametrize(("mode", "builder"), [("durable", "agent"), ("durable", "tasks"), ("blocking", "agent")])
def test_killed_while_waiting(server: Server, tool: str, tmp_path: Path, mode: str, builder: str) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "SIGNOFF_ADDRESS": server.address,
        "SIGNOFF_TOKEN": server.agent,
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, PROGRAM, mode, builder, tmp_path / "database", tool]

    def resumed() -> str:
        ran = subprocess.run(
            [*command, "resume"], env=environment, check=True, stdout=subprocess.PIPE, text=True, input="", timeout=120
        )
        return ran.stdout

    process = subprocess.Popen(
        [*command, "begin"], env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        waiting = pending(server, tool)
        if mode == "durable":
            assert process.stdout
            assert process.stdout.readline() == f"paused {waiting.id}\n"
    finally:
        process.kill()
        process.communicate()
    if mode == "durable":
        # Nothing has been decided yet: it pauses again.
        assert resumed() == f"paused {waiting.id}\n"
    decide(server, waiting, approve=True)
    assert resumed() == "sent to alice@example.com\n"
    # The run has ended; nothing is run again.
    assert resumed() == "sent to alice@example.com\n"
    assert (tmp_path / "database.sent").read_text() == "alice@example.com\n"
    assert [each.id for each in all_of(server, tool)] == [waiting.id]


@pytest.mark.parametrize("resume", ["nothing", "command"])
def test_three_calls_are_decided_each_by_itself(agent: Agent, tool: str, resume: str) -> None:
    mail = Mail(tool)
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob", "carol")]
    assert agent.run([mail.tool], calls, config=config, checkpointer=saver, durable=True) == []
    pauses = agent.interrupts
    assert len({each.id for each in pauses}) == 3
    assert {each.value["tool_call_id"] for each in pauses} == {"call-alice", "call-bob", "call-carol"}
    by_call = {str(each.arguments["to"]): each for each in all_of(agent.server, tool)}
    # One that is decided runs; the others go on waiting.
    decide(agent.server, by_call["bob"], approve=False, comment="Not Bob.")
    decide(agent.server, by_call["carol"], approve=True, edited={"to": "carol", "count": 3})
    # The answers are the other way round: they decide nothing.
    answers = Command(resume={each.id: False for each in reversed(pauses)}) if resume == "command" else None
    agent.resume([mail.tool], config, saver, given=answers, durable=True)
    assert [each.value["tool_call_id"] for each in agent.interrupts] == ["call-alice"]
    assert mail.runs == [{"to": "carol", "count": 3}]
    decide(agent.server, by_call["alice"], approve=True)
    results = agent.resume([mail.tool], config, saver, durable=True)
    by_id = {result.tool_call_id: result.text for result in results}
    assert by_id["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in by_id["call-bob"]
    assert by_id["call-carol"] == "sent 3 to carol"
    assert [run["to"] for run in mail.runs] == ["carol", "alice"]
    assert len(all_of(agent.server, tool)) == 3


def test_the_pause_has_a_handle_to_wait_with(agent: Agent, tool: str) -> None:
    """For who is to resume the run when there is a decision."""
    mail = Mail(tool)
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver, durable=True)
    [pause] = agent.interrupts
    handle = signoff.Handle.from_json(pause.value["handle"])
    with reviewing(agent.server, tool, approve), signoff.Client(agent.address, token=agent.server.agent) as client:
        client.wait(handle)
    [result] = agent.resume([mail.tool], config, saver, durable=True)
    assert result.content == "sent 1 to alice@example.com"


def test_an_answer_is_no_approval(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver, durable=True)
    for answer in ("yes", {"decisions": [{"type": "approve"}]}, True):
        agent.resume([mail.tool], config, saver, given=Command(resume=answer), durable=True)
        assert len(agent.interrupts) == 1
    assert not mail.runs
    assert len(all_of(agent.server, tool)) == 1


def test_what_needs_no_person_does_not_pause(agent: Agent, tool: str) -> None:
    mail, config = Mail(f"auto.{tool}"), {"configurable": {"thread_id": tool}}
    [result] = agent.run([mail.tool], [call(mail.tool.name)], config=config, checkpointer=InMemorySaver(), durable=True)
    assert result.content == "sent 1 to alice@example.com"


@pytest.mark.parametrize("decision", [approve, reject])
def test_decided_before_it_resumes(agent: Agent, tool: str, decision: Any) -> None:
    mail = Mail(tool)
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    with reviewing(agent.server, tool, decision):
        agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver, durable=True)
        while agent.interrupts:
            results = agent.resume([mail.tool], config, saver, durable=True)
    assert len(mail.runs) == (decision is approve)
    assert decision is approve or "Use the staging list." in results[0].text


def test_server_unreachable(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    agent.address = "http://127.0.0.1:1"
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    [result] = agent.run(
        [mail.tool], [call(tool)], config=config, checkpointer=InMemorySaver(), durable=True, patience=0.5
    )
    assert "the approvals server cannot be reached" in result.text
    assert not mail.runs


def test_without_a_thread(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    with pytest.raises(TypeError, match="durable needs a checkpointer"):
        agent.run([mail.tool], [call(tool)], durable=True)
    assert not all_of(agent.server, tool)


def test_several_calls_in_one_task(server: Server, is_async: bool, tool: str) -> None:
    """What has run would be lost when the task runs again."""
    mail, config = Mail(tool), {"configurable": {"thread_id": tool}}
    agent = Agent(server, BUILDERS["graph"], is_async=is_async)
    calls = [call(tool, "a"), call(tool, "b")]
    with pytest.raises(TypeError, match="durable needs a task for each tool call"):
        agent.run([mail.tool], calls, config=config, checkpointer=InMemorySaver(), durable=True)
    assert not all_of(server, tool)


def test_one_call_in_one_task(server: Server, is_async: bool, tool: str) -> None:
    mail = Mail(tool)
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    agent = Agent(server, BUILDERS["graph"], is_async=is_async)
    agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver, durable=True)
    waiting: Approval = pending(server, tool)
    decide(server, waiting, approve=True)
    [result] = agent.resume([mail.tool], config, saver, durable=True)
    assert result.content == "sent 1 to alice@example.com"

"""Runs that end with deferred calls, and go on in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import DeferredToolRequests
from pydantic_ai.tools import ToolApproved
from reviewing import approve, reviewing
from runs import Mail, Runner, call

import signoff
from reviewers import all_of, decide, pending
from servers import Server

PROGRAM = Path(__file__).parent / "durable_program.py"


def going_on(agent: Runner, answer: Any = True) -> dict[str, Any]:
    """What a run that goes on is given."""
    assert isinstance(agent.output, DeferredToolRequests)
    answers = {each.tool_call_id: answer for each in agent.output.approvals}
    return {
        "message_history": agent.messages,
        "deferred_tool_results": agent.output.build_results(approvals=answers),
    }


@pytest.mark.parametrize("kind", ["capability", "toolset"])
def test_killed_while_waiting(server: Server, tool: str, tmp_path: Path, kind: str) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "SIGNOFF_ADDRESS": server.address,
        "SIGNOFF_TOKEN": server.agent,
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, PROGRAM, kind, tmp_path / "messages", tool]

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
        assert process.stdout
        assert process.stdout.readline() == f"paused {waiting.id}\n"
    finally:
        process.kill()
        process.communicate()
    # Nothing has been decided yet: it pauses again.
    assert resumed() == f"paused {waiting.id}\n"
    decide(server, waiting, approve=True)
    assert resumed() == "sent to alice@example.com\n"
    # Once more from where it paused.
    assert resumed().startswith("NOT RUN AGAIN.")
    assert (tmp_path / "messages.sent").read_text() == "alice@example.com\n"
    assert [each.id for each in all_of(server, tool)] == [waiting.id]


def test_three_calls_are_decided_each_by_itself(agent: Runner, tool: str) -> None:
    mail = Mail(tool)
    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob", "carol")]
    assert agent.run([mail.tool], calls, durable=True) == {}
    by_call = {str(each.arguments["to"]): each for each in all_of(agent.server, tool)}
    assert {each.tool_call_id for each in agent.output.approvals} == {"call-alice", "call-bob", "call-carol"}
    handle = signoff.Handle.from_json(json.dumps(agent.output.metadata["call-bob"]))
    assert handle.approval_id == by_call["bob"].id
    # One that is decided runs; the others go on waiting.
    decide(agent.server, by_call["bob"], approve=False, comment="Not Bob.")
    decide(agent.server, by_call["carol"], approve=True, edited={"to": "carol", "count": 3})
    agent.run([mail.tool], calls, run_options=going_on(agent), durable=True)
    assert [each.tool_call_id for each in agent.output.approvals] == ["call-alice"]
    assert mail.runs == [{"to": "carol", "count": 3}]
    decide(agent.server, by_call["alice"], approve=True)
    results = agent.run([mail.tool], calls, run_options=going_on(agent), durable=True)
    assert results["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in results["call-bob"]
    assert results["call-carol"] == "sent 3 to carol"
    assert [run["to"] for run in mail.runs] == ["carol", "alice"]
    assert len(all_of(agent.server, tool)) == 3


def test_an_answer_is_no_approval(agent: Runner, tool: str) -> None:
    mail = Mail(tool)
    agent.run([mail.tool], [call(tool)], durable=True)
    for answer in (True, ToolApproved()):
        agent.run([mail.tool], [call(tool)], run_options=going_on(agent, answer), durable=True)
        assert len(agent.output.approvals) == 1
    paused = going_on(agent, ToolApproved(override_args={"to": "eve@example.com"}))
    decide(agent.server, pending(agent.server, tool), approve=True)
    [result] = agent.run([mail.tool], [call(tool)], run_options=paused, durable=True).values()
    assert result == f"NOT RUN. The approvals server rejected the request to call {tool}. Do not work around it."
    assert not mail.runs
    assert len(all_of(agent.server, tool)) == 1


def test_what_needs_no_person_does_not_pause(agent: Runner, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    assert agent.run([mail.tool], [call(mail.tool.name)], durable=True) == {"call-1": "sent 1 to alice@example.com"}


def test_server_unreachable(agent: Runner, tool: str) -> None:
    mail = Mail(tool)
    agent.address = "http://127.0.0.1:1"
    [result] = agent.run([mail.tool], [call(tool)], durable=True, patience=0.5).values()
    assert "the approvals server cannot be reached" in result
    assert not mail.runs


def test_waiting_needs_no_pause(agent: Runner, tool: str) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)])
    assert len(mail.runs) == 1

"""Runs that pause for approval, and go on in another process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from agent_framework import Agent, AgentSession, Content, ToolApprovalMiddleware
from runs import Mail, Runner, Scripted, call, run_as

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.agent_framework import decisions, gate
from signoff.v1.approval_pb2 import Approval

PROGRAM = Path(__file__).parent / "durable_program.py"


def both(server: Server, tool: str) -> list[Approval]:
    """The approvals of the program's two calls."""
    pending(server, tool)
    while len(found := all_of(server, tool)) < 2:
        pass
    return sorted(found, key=lambda each: str(each.arguments["to"]))


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_killed_while_waiting(server: Server, tool: str, tmp_path: Path, kind: str) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "SIGNOFF_ADDRESS": server.address,
        "SIGNOFF_TOKEN": server.agent,
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, PROGRAM, kind, tmp_path / "run", tool]

    def resumed() -> str:
        ran = subprocess.run(
            [*command, "resume"], env=environment, check=True, stdout=subprocess.PIPE, text=True, input="", timeout=120
        )
        return ran.stdout

    process = subprocess.Popen(
        [*command, "begin"], env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        alice, bob = both(server, tool)
        assert process.stdout
        assert process.stdout.readline() == "paused call-1 call-2\n"
    finally:
        process.kill()
        process.communicate()
    shutil.copy(tmp_path / "run", tmp_path / "before")
    # One is decided: it runs, and the run pauses again for the other.
    decide(server, alice, approve=True)
    assert resumed() == "paused call-2\n"
    assert (tmp_path / "run.sent").read_text() == "alice@example.com\n"
    decide(server, bob, approve=False, comment="Not Bob.")
    results = json.loads(resumed())
    assert results["call-1"] == "sent to alice@example.com"
    assert "Not Bob." in results["call-2"]
    # Once more from where it first paused.
    shutil.copy(tmp_path / "before", tmp_path / "run")
    assert json.loads(resumed())["call-1"].startswith("NOT RUN AGAIN.")
    assert (tmp_path / "run.sent").read_text() == "alice@example.com\n"
    assert {each.id for each in all_of(server, tool)} == {alice.id, bob.id}


def answers(agent: Runner) -> list[Content]:
    """What `decisions` says of the requests of the run that paused."""

    async def main() -> list[Content]:
        async with signoff.AsyncClient(agent.address, token=agent.server.agent) as client:
            return await decisions(client, agent.response.user_input_requests)

    return asyncio.run(main())


def stored(session: AgentSession) -> AgentSession:
    """As another process has it."""
    return AgentSession.from_dict(json.loads(json.dumps(session.to_dict())))


def test_three_calls_are_decided_each_by_itself(agent: Runner, mail: Mail, tool: str) -> None:
    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob", "carol")]
    session = AgentSession()
    agent.run([mail.tool], calls, session=session, durable=True)
    by_call = {str(each.arguments["to"]): each for each in all_of(agent.server, tool)}
    asked = {each.function_call.call_id: each for each in agent.response.user_input_requests}
    assert set(asked) == {"call-alice", "call-bob", "call-carol"}
    handle = signoff.Handle.from_json(asked["call-bob"].additional_properties["signoff"])
    assert handle.approval_id == by_call["bob"].id
    assert not mail.runs
    decide(agent.server, by_call["carol"], approve=True, edited={"to": "carol", "count": 3})
    session = stored(session)
    agent.run([mail.tool], given=answers(agent), session=session, durable=True)
    left = {each.function_call.call_id for each in agent.response.user_input_requests}
    assert left == {"call-alice", "call-bob"}
    assert mail.runs == [{"to": "carol", "count": 3}]
    decide(agent.server, by_call["alice"], approve=True)
    decide(agent.server, by_call["bob"], approve=False, comment="Not Bob.")
    while agent.response.user_input_requests:
        session = stored(session)
        agent.run([mail.tool], given=answers(agent), session=session, durable=True)
    results = agent.model.read[-1]
    assert results["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in results["call-bob"]
    assert results["call-carol"] == "sent 3 to carol"
    assert [run["to"] for run in mail.runs] == ["carol", "alice"]
    assert len(all_of(agent.server, tool)) == 3


def test_what_needs_no_person_does_not_pause(agent: Runner, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    results = agent.run([mail.tool], [call(mail.tool.name)], session=AgentSession(), durable=True)
    assert results == {"call-1": "sent 1 to alice@example.com"}


def test_some_run_and_some_pause(agent: Runner, mail: Mail, tool: str) -> None:
    auto = Mail(f"auto.{tool}")
    session = AgentSession()
    calls = [call(tool), call(auto.tool.name, "call-2")]
    agent.run([mail.tool, auto.tool], calls, session=session, durable=True)
    assert [each.function_call.call_id for each in agent.response.user_input_requests] == ["call-1"]
    assert len(auto.runs) == 1
    decide(agent.server, pending(agent.server, tool), approve=True)
    session = stored(session)
    agent.run([mail.tool, auto.tool], given=answers(agent), session=session, durable=True)
    assert agent.model.read[-1] == {"call-1": "sent 1 to alice@example.com", "call-2": "sent 1 to alice@example.com"}
    assert len(auto.runs) == len(mail.runs) == 1


def test_an_answer_is_no_approval(agent: Runner, mail: Mail, tool: str) -> None:
    """While nobody has decided, the run pauses again."""
    session = AgentSession()
    agent.run([mail.tool], [call(tool)], session=session, durable=True)
    for _ in range(2):
        [request] = agent.response.user_input_requests
        session = stored(session)
        agent.run([mail.tool], given=[request.to_function_approval_response(True)], session=session, durable=True)
    decide(agent.server, pending(agent.server, tool), approve=False, comment="No.")
    session = stored(session)
    agent.run([mail.tool], given=answers(agent), session=session, durable=True)
    assert "No." in agent.model.read[-1]["call-1"]
    assert not mail.runs


def test_an_answer_for_another_call(agent: Runner, mail: Mail, tool: str) -> None:
    session = AgentSession()
    agent.run([mail.tool], [call(tool)], session=session, durable=True)
    [request] = agent.response.user_input_requests
    decide(agent.server, pending(agent.server, tool), approve=True)
    other = Content.from_dict(request.to_dict())
    assert other.function_call
    other.function_call.arguments = json.dumps({"to": "eve@example.com", "count": 9})
    agent.run([mail.tool], given=[other.to_function_approval_response(True)], session=session, durable=True)
    assert all(run["to"] == "alice@example.com" for run in mail.runs)
    assert len(all_of(agent.server, tool)) == 1


def test_a_stored_session_that_was_changed(agent: Runner, mail: Mail, tool: str) -> None:
    """The request in it has other arguments: that is another call than the approved one."""
    session = AgentSession()
    agent.run([mail.tool], [call(tool)], session=session, durable=True)
    decide(agent.server, pending(agent.server, tool), approve=True)
    given = json.loads(json.dumps([each.to_dict() for each in answers(agent)]).replace("alice@", "eve@"))
    changed = AgentSession.from_dict(json.loads(json.dumps(session.to_dict()).replace("alice@", "eve@")))
    agent.run([mail.tool], given=[Content.from_dict(each) for each in given], session=changed, durable=True)
    assert agent.model.read[-1] == {
        "call-1": f"NOT RUN. The approvals server rejected the request to call {tool}. Do not work around it."
    }
    assert not mail.runs


def test_an_answer_of_no(agent: Runner, mail: Mail, tool: str) -> None:
    """The framework does not run it; the approval stays open."""
    session = AgentSession()
    agent.run([mail.tool], [call(tool)], session=session, durable=True)
    [request] = agent.response.user_input_requests
    agent.run([mail.tool], given=[request.to_function_approval_response(False)], session=session, durable=True)
    assert agent.model.read[-1] == {"call-1": "Error: Tool call invocation was rejected by user."}
    assert pending(agent.server, tool)
    assert not mail.runs


def test_server_unreachable(agent: Runner, mail: Mail, tool: str) -> None:
    agent.address = "http://127.0.0.1:1"
    [result] = agent.run([mail.tool], [call(tool)], session=AgentSession(), durable=True, patience=0.5).values()
    assert "the approvals server cannot be reached" in result
    assert not mail.runs


def test_an_agent_as_a_tool_waits(agent: Runner, mail: Mail, tool: str) -> None:
    inner = Agent(Scripted([call(tool)]), name="inner", tools=[mail.tool])

    def approve() -> None:
        decide(agent.server, pending(agent.server, tool), approve=True)

    tools = [inner.as_tool()]
    agent.run(tools, [call("inner", task="mail")], session=AgentSession(), durable=True, meanwhile=approve)
    assert agent.response.text == "done"
    assert len(mail.runs) == 1


def test_what_durable_needs(agent: Runner, tool: str) -> None:
    mail = Mail(tool, approval_mode="always_require")
    client = signoff.AsyncClient(agent.address)
    with pytest.raises(TypeError, match="has approval_mode='always_require'"):
        gate(Agent(Scripted(), tools=[mail.tool]), client, durable=True)
    with pytest.raises(TypeError, match="durable needs a session"):
        agent.run([], durable=True)
    answering = Agent(Scripted(), middleware=[ToolApprovalMiddleware()])
    with pytest.raises(TypeError, match="ToolApprovalMiddleware answers the requests"):
        gate(answering, client, durable=True)
    later = gate(Agent(Scripted()), client, durable=True)
    later.middleware = [*(later.middleware or ()), ToolApprovalMiddleware()]
    with pytest.raises(TypeError, match="ToolApprovalMiddleware answers the requests"):
        asyncio.run(run_as(agent.kind, later, session=AgentSession()))


def test_requests_of_others(agent: Runner, tool: str) -> None:
    mail = Mail(tool, approval_mode="always_require")
    agent.run([mail.tool], [call(tool)], session=AgentSession())
    with pytest.raises(TypeError, match="none of these requests was made by a gate with durable=True"):
        answers(agent)

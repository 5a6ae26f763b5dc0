"""Tools of MCP servers, and agents that hand a conversation on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agent_framework import Agent, Content, MCPStdioTool, Workflow
from reviewing import approve, before_its_end, reject, reviewing
from runs import Mail, Runner, Scripted, call, results_in, run_as

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct
from signoff.adapters.agent_framework import decisions, gate
from signoff.v1.approval_pb2 import Approval

PROGRAM = Path(__file__).parent / "mcp_program.py"


def run_with_mcp(agent: Runner, tool: str, file: Path, **arguments: Any) -> dict[str, str]:
    async def main() -> Any:
        mail = MCPStdioTool(name="mail", command=sys.executable, args=[str(PROGRAM), tool, str(file)])
        async with signoff.AsyncClient(agent.address, token=agent.server.agent) as client, mail:
            gated = gate(Agent(Scripted([call(tool, **arguments)]), tools=[mail]), client)
            return await run_as(agent.kind, gated, function_invocation_kwargs={"key": "hunter2-secret"})

    return results_in(asyncio.run(main()).messages)


def test_a_tool_of_an_mcp_server(agent: Runner, tool: str, tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    file = tmp_path / "sent"

    def edit(approval: Approval) -> dict[str, Any]:
        assert from_struct(approval.arguments) == {"to": "alice", "count": 1}
        return {"approve": True, "edited": {"to": "bob", "count": 2}}

    with reviewing(agent.server, tool, reject):
        assert "Use the staging list." in run_with_mcp(agent, tool, file, to="alice")["call-1"]
    assert not file.exists()
    with reviewing(agent.server, tool, edit):
        run_with_mcp(agent, tool, file, to="alice")
    assert file.read_text() == "2 bob\n"
    # What the server does not take, and what only the framework may say to it.
    for name in ("_meta", "key"):
        results = run_with_mcp(agent, tool, file, to="alice", **{name: "mine"})
        assert f"argument {name} is not a parameter of the tool" in results["call-1"]
    assert len(all_of(agent.server, tool)) == 2
    assert "hunter2-secret" not in str(all_of(agent.server, tool))


def handing_on(client: signoff.AsyncClient, mail: Mail, steps: Sequence[Sequence[Content]], **options: Any) -> Workflow:
    """A workflow in which one agent hands on to another, whose tool is gated."""
    from agent_framework_orchestrations import HandoffBuilder

    first, second = steps
    to_mailer = Scripted(*([first] if first else []))
    mailer = Scripted(*([second] if second else []))
    kept: Any = {"require_per_service_call_history_persistence": True}
    agents = [
        gate(Agent(to_mailer, name="triage", **kept), client, **options),
        gate(Agent(mailer, name="mailer", tools=[mail.tool], **kept), client, **options),
    ]
    return HandoffBuilder(participants=agents).with_start_agent(agents[0]).build()


def test_a_hand_off(server: Server, mail: Mail, tool: str) -> None:
    """It asks for nothing; the calls of the agent that has the conversation do."""
    pytest.importorskip("agent_framework_orchestrations")

    async def main() -> Any:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:
            steps = [[call("handoff_to_mailer", "call-0")], [call(tool)]]
            return await handing_on(client, mail, steps).run("go")

    with reviewing(server, tool, approve) as seen:
        asyncio.run(main())
    assert [each.agent.name for each in seen] == ["mailer"]
    assert len(mail.runs) == 1
    assert not all_of(server, "handoff_to_mailer")


def test_a_hand_off_that_pauses(server: Server, mail: Mail, tool: str) -> None:
    """The workflow asks for the answer, as it does for the framework's own approvals."""
    pytest.importorskip("agent_framework_orchestrations")

    async def main() -> Any:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:
            steps = [[call("handoff_to_mailer", "call-0")], [call(tool)]]
            workflow = handing_on(client, mail, steps, durable=True)
            events = (await workflow.run("go")).get_request_info_events()
            [event] = [each for each in events if isinstance(each.data, Content)]
            assert not mail.runs
            running = asyncio.ensure_future(decisions(client, [event.data]))
            await before_its_end(running, lambda: decide(server, pending(server, tool), approve=True))
            [answer] = await running
            await workflow.run(responses={event.request_id: answer})

    asyncio.run(main())
    assert len(mail.runs) == len(all_of(server, tool)) == 1

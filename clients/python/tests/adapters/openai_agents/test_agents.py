"""Which tools of which agents are gated, however an agent gets them, and who is recorded to call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import Agent, RunContextWrapper, Runner, handoff
from agents.mcp import MCPServer
from agents.tool import tool_namespace
from at_work import REJECTED, Body, an_agent, approve, one_call, run
from mcp.types import CallToolResult, TextContent
from mcp.types import Tool as McpTool
from models import calls, outputs, says, scripted
from reviewing import beside

import signoff
from reviewers import decide, pending
from servers import Server
from signoff.adapters.openai_agents import gate
from signoff.v1.approval_pb2 import Approval


def test_handoff(desk: Server, name: str) -> None:
    """The agent that calls is named, with those that handed on to it; the first agent's policy does not count."""
    body = Body(name)
    billing = Agent(name="Billing", model=scripted(one_call(name), says("paid")), tools=[body.tool])
    support = Agent(
        name="Support",
        model=scripted(calls(("call-0", "transfer_to_billing", {}))),
        handoffs=[handoff(billing)],
    )
    triage = Agent(name="Triage", model=scripted(calls(("call-h", "transfer_to_support", {}))), handoffs=[support])
    billing.handoffs.append(triage)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        decide(desk, asked[0], approve=False, comment="Use the staging list.")

    result = run(desk, triage, review)
    assert result.final_output == "paid"
    assert result.last_agent is billing
    assert outputs(result) == {"call-1": REJECTED.format(name)}
    assert asked[0].agent.name == "Billing"
    assert list(asked[0].agent.chain) == ["Triage", "Support"]
    assert body.runs == []


def test_shared_list_of_handoffs(desk: Server, name: str) -> None:
    """Who hands on is named, although agents share their list."""
    body = Body(name)
    shared: list[Any] = [an_agent(body, one_call(name))]
    second = Agent[Any](name="Second", model=scripted(calls(("call-h", "transfer_to_mailer", {}))), handoffs=shared)
    first = Agent[Any](name="First", model=scripted(calls(("call-0", "transfer_to_second", {}))), handoffs=shared)
    shared.append(second)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        decide(desk, asked[0], approve=True)

    run(desk, first, review)
    assert list(asked[0].agent.chain) == ["First", "Second"]


class Mcp(MCPServer):
    """A server of one tool, in this process."""

    def __init__(self, tool: str) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self._tool = tool

    @property
    def name(self) -> str:
        return "mcp"

    async def connect(self) -> None:
        return None

    async def cleanup(self) -> None:
        return None

    async def list_tools(self, *_: Any, **__: Any) -> list[McpTool]:
        schema = {
            "type": "object",
            "properties": {"to": {"type": "string"}, "copies": {"type": "integer", "default": 2}},
            "required": ["to"],
        }
        return [McpTool.model_validate({"name": self._tool, "inputSchema": schema})]

    async def call_tool(self, tool_name: str, arguments: Any, *_: Any, **__: Any) -> CallToolResult:
        assert tool_name == self._tool
        self.calls.append(arguments)
        return CallToolResult(content=[TextContent(type="text", text="sent")])

    async def list_prompts(self) -> Any:
        raise NotImplementedError

    async def get_prompt(self, name: str, arguments: Any = None) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("approved", [True, False])
def test_tools_of_an_mcp_server(desk: Server, name: str, approved: bool) -> None:
    mcp = Mcp(name)
    model = scripted(one_call(name, {"to": "alice"}), says("end"))
    agent = Agent[Any](name="Mailer", model=model, mcp_servers=[mcp])
    result = run(desk, agent, lambda: decide(desk, pending(desk, name), approve=approved, comment="No."))
    assert mcp.calls == ([{"to": "alice", "copies": 2}] if approved else [])
    assert ("sent" in str(outputs(result)["call-1"])) == approved
    assert ("A reviewer rejected" in str(outputs(result)["call-1"])) != approved


def test_namespace_of_a_tool(desk: Server, name: str) -> None:
    """It is part of the tool's name: tools of two namespaces are two."""
    body = Body(name)
    [tool] = tool_namespace(name="crm", description="Customers.", tools=[body.tool])
    turn = one_call(name)
    turn[0].namespace = "crm"
    agent = Agent[Any](name="Mailer", model=scripted(turn, says("end")), tools=[tool])
    run(desk, agent, lambda: approve(desk, f"crm.{name}"))
    assert len(body.runs) == 1


def test_agent_as_tool(desk: Server, name: str) -> None:
    """Its tools are gated, and say who called it; its own call is not one of a tool."""
    body = Body(name)
    mailer = an_agent(body, one_call(name))
    tool = mailer.as_tool("ask_mailer", "Asks it.")
    boss = Agent(
        name="Boss", model=scripted(calls(("call-0", "ask_mailer", {"input": "go"})), says("end")), tools=[tool]
    )
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        decide(desk, asked[0], approve=False, comment="No.")

    run(desk, boss, review)
    assert (asked[0].agent.name, list(asked[0].agent.chain)) == ("Mailer", ["Boss"])
    assert body.runs == []


def test_tools_that_come_later(desk: Server, name: str) -> None:
    """Tools and hand-offs that an agent gets after it was gated are gated too."""
    body = Body(name)
    late = an_agent(body, one_call(name))
    agent = Agent(name="Early", model=scripted(calls(("call-0", "transfer_to_mailer", {}))))
    other = Body("never_late")

    async def main() -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            gate(agent, client, timeout=1)
            agent.handoffs.append(late)
            late.tools.append(other.tool)
            return await Runner.run(agent, "go")

    assert outputs(asyncio.run(main()))["call-1"].startswith("NOT RUN. ")
    assert body.runs == []


def test_dynamic_handoff(desk: Server, name: str) -> None:
    """An agent that is chosen when it is handed to is gated then."""
    body = Body(name)
    chosen = an_agent(body, one_call(name))
    named = handoff(Agent(name="Somebody"))

    async def choose(_: RunContextWrapper[Any], __: str) -> Agent[Any]:
        return chosen

    named.on_invoke_handoff = choose
    agent = Agent(name="Early", model=scripted(calls(("call-0", "transfer_to_somebody", {}))), handoffs=[named])
    result = run(desk, agent, timeout=1)
    assert outputs(result)["call-1"].startswith("NOT RUN. ")
    assert body.runs == []


def test_copies_of_agents_are_gated(desk: Server, name: str) -> None:
    body = Body(name)

    async def main() -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = gate(an_agent(body, one_call(name)), client, timeout=1).clone(tools=[body.tool])
            return await Runner.run(agent, "go")

    assert outputs(asyncio.run(main()))["call-1"].startswith("NOT RUN. ")
    assert body.runs == []


def test_streamed(desk: Server, name: str) -> None:
    """Progress comes while the stream of the run stands still."""
    body = Body(name)
    seen: list[str] = []

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            told = asyncio.Event()

            def progress(each: signoff.Progress) -> None:
                seen.append(each.message)
                told.set()

            result = Runner.run_streamed(gate(an_agent(body, one_call(name)), client, on_progress=progress), "go")

            async def review() -> None:
                await told.wait()
                await beside(lambda: approve(desk, name))

            reviewing = asyncio.create_task(review())
            async for event in result.stream_events():
                if event.type == "run_item_stream_event":
                    seen.append(event.name)
            await reviewing

    asyncio.run(main())
    assert seen[0] == "tool_called"
    assert any("aiting for approval" in each for each in seen)
    assert seen[-1] == "message_output_created"
    assert len(body.runs) == 1

"""The adapter for the OpenAI Agents SDK, with scripted models and the real server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from agents import Agent, FunctionTool, RunConfig, RunContextWrapper, Runner, WebSearchTool, function_tool, handoff
from agents.exceptions import UserError
from agents.mcp import MCPServer
from agents.tool import tool_namespace
from agents.tool_context import ToolContext
from mcp.types import CallToolResult, TextContent
from mcp.types import Tool as McpTool
from models import calls, outputs, says, scripted
from reviewing import before_its_end, beside

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters.openai_agents import gate, refusal_text
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult

REJECTED = "NOT RUN. A reviewer rejected the call to {}: Use the staging list. Do not try it again."


class Body:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, **options: Any) -> None:
        self.runs: list[dict[str, Any]] = []
        self.contexts: list[ToolContext[Any]] = []

        async def body(context: ToolContext[Any], to: str, amount: float = 1.5) -> str:
            """Does nothing.

            Args:
                context: Of the SDK.
                to: Whom.
                amount: How much.
            """
            self.runs.append({"to": to, "amount": amount})
            self.contexts.append(context)
            return f"done for {to}"

        self.tool: FunctionTool = function_tool(name_override=name, **options)(body)


def run(
    server: Server,
    agent: Agent[Any],
    meanwhile: Callable[[], None] | None = None,
    *,
    address: str | None = None,
    config: RunConfig | None = None,
    context: Any = None,
    **options: Any,
) -> Any:
    """Gates the agent and runs it; `meanwhile` runs beside it."""

    async def main() -> Any:
        async with signoff.AsyncClient(address or server.address, token=server.agent) as client:
            gated = gate(agent, client, **options)
            running = asyncio.ensure_future(Runner.run(gated, "go", run_config=config, context=context))
            if meanwhile:
                await before_its_end(running, meanwhile)
            return await running

    return asyncio.run(main())


def an_agent(body: Body, *steps: Any, **options: Any) -> Agent[Any]:
    return Agent(name="Mailer", model=scripted(*steps, says("end")), tools=[body.tool], **options)


def one_call(name: str, arguments: Any = None) -> Any:
    return calls(("call-1", name, {"to": "alice", "amount": 2} if arguments is None else arguments))


def test_approved(desk: Server, name: str) -> None:
    body = Body(name)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        assert body.runs == []
        decide(desk, asked[0], approve=True)

    result = run(desk, an_agent(body, one_call(name)), review, reason="Welcome", labels={"team": "mail"}, timeout=60)
    assert outputs(result) == {"call-1": "done for alice"}
    assert result.final_output == "end"
    assert body.runs == [{"to": "alice", "amount": 2.0}]
    assert asked[0].agent.name == "Mailer"
    assert asked[0].agent.run_id
    assert (asked[0].reason, asked[0].labels["team"]) == ("Welcome", "mail")
    assert stored(desk, asked[0].id).claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def test_defaults_are_shown(desk: Server, name: str) -> None:
    body = Body(name, strict_mode=False)

    def review() -> None:
        approval = pending(desk, name)
        assert dict(approval.arguments.items()) == {"to": "alice", "amount": 1.5}
        decide(desk, approval, approve=True)

    run(desk, an_agent(body, one_call(name, {"to": "alice"})), review)
    assert body.runs == [{"to": "alice", "amount": 1.5}]


def test_edited(desk: Server, name: str) -> None:
    """The tool, and what its context says, are as edited."""
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"to": "bob", "amount": 3})

    result = run(desk, an_agent(body, one_call(name)), review)
    assert outputs(result) == {"call-1": "done for bob"}
    assert body.runs == [{"to": "bob", "amount": 3.0}]
    assert "alice" not in body.contexts[0].tool_arguments
    assert body.contexts[0].tool_call
    assert "alice" not in body.contexts[0].tool_call.arguments


def test_unfit_edit_is_refused_while_it_can_be_mended(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        approval = pending(desk, name)
        with pytest.raises(Exception, match="amount"):
            decide(desk, approval, approve=True, edited={"to": "bob", "amount": "much"})
        decide(desk, approval, approve=True)

    run(desk, an_agent(body, one_call(name)), review)
    assert body.runs == [{"to": "alice", "amount": 2.0}]


def test_rejected(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    result = run(desk, an_agent(body, one_call(name)), review)
    assert outputs(result) == {"call-1": REJECTED.format(name)}
    assert result.final_output == "end"
    assert body.runs == []


def test_raised_if_told_to(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    with pytest.raises(UserError, match="Use the staging list"):
        run(desk, an_agent(body, one_call(name)), review, on_refusal="raise")
    assert body.runs == []


def test_timeout(desk: Server, name: str) -> None:
    body = Body(name)
    result = run(desk, an_agent(body, one_call(name)), timeout=1)
    expected = f"NOT RUN. Nobody decided on the call to {name} in time. Do not work around it."
    assert outputs(result) == {"call-1": expected}
    assert body.runs == []


def test_auto_approved(desk: Server) -> None:
    body = Body("auto_search")
    assert outputs(run(desk, an_agent(body, one_call("auto_search")))) == {"call-1": "done for alice"}
    assert len(body.runs) == 1


def test_auto_rejected(desk: Server) -> None:
    body = Body("never_drop")
    result = run(desk, an_agent(body, one_call("never_drop")))
    assert "Dropping tables is not allowed." in outputs(result)["call-1"]
    assert body.runs == []


def test_server_unreachable(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The model learns that it was not run; people learn why."""
    body = Body(name)
    with caplog.at_level(logging.WARNING, "signoff"):
        result = run(desk, an_agent(body, one_call(name)), address="http://127.0.0.1:1", patience=0.2)
    assert outputs(result)["call-1"].startswith("NOT RUN. ")
    assert "127.0.0.1" not in outputs(result)["call-1"]
    assert "Cannot reach the approvals server at http://127.0.0.1:1" in caplog.messages[-1]
    assert body.runs == []


def test_crash_of_what_the_gate_calls(desk: Server, name: str) -> None:
    body = Body(name)

    def crashes(_: RunContextWrapper[Any]) -> Any:
        raise RuntimeError("no such run")

    for options in ({"run_id": crashes}, {"per_call": crashes}):
        with pytest.raises(UserError, match="no such run"):
            run(desk, an_agent(body, one_call(name)), **options)
    assert body.runs == []
    assert all_of(desk, name) == []


def test_run_that_times_out(desk: Server, name: str) -> None:
    """A run that is cancelled while it waits runs nothing later."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = gate(an_agent(body, one_call(name)), client)
            running = asyncio.create_task(Runner.run(agent, "go"))
            approval = await before_its_end(running, lambda: pending(desk, name))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(running, 0.01)
            await beside(lambda: decide(desk, approval, approve=True))

    asyncio.run(main())
    assert body.runs == []
    assert not all_of(desk, name)[0].HasField("claim")


def test_timeout_of_a_tool_is_of_its_work(desk: Server, name: str) -> None:
    """It does not end the wait, and ends the work, which is reported as failed."""
    waited: list[bool] = []

    async def slow(to: str, amount: float) -> str:
        waited.append(True)
        await asyncio.sleep(3600)
        return "never"

    tool = function_tool(name_override=name, timeout=0.2)(slow)
    agent = Agent(name="Mailer", model=scripted(one_call(name), says("end")), tools=[tool])
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        # Longer than the tool may take, as the server's own heartbeats count.
        with signoff.Client(desk.address, token=desk.agent) as client:
            from signoff.v1.approval_service_pb2 import WatchApprovalRequest

            watch = client.approvals.WatchApproval(WatchApprovalRequest(approval_id=asked[0].id))
            beats = 0
            for message in watch:
                beats += message.HasField("progress")
                if beats == 8:
                    watch.cancel()
                    break
        decide(desk, asked[0], approve=True)

    result = run(desk, agent, review)
    assert waited == [True]
    assert outputs(result) == {"call-1": f"Tool '{name}' timed out after 0.2 seconds."}
    assert stored(desk, asked[0].id).claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED


def test_failed_tool(desk: Server) -> None:
    """It is reported as failed, and the model is told what the tool's own `failure_error_function` says."""

    async def failing(to: str, amount: float) -> str:
        raise RuntimeError("mailbox full")

    def explain(_: RunContextWrapper[Any], error: Exception) -> str:
        return f"sorry: {error}"

    tool = function_tool(name_override="auto_failing", failure_error_function=explain)(failing)
    agent = Agent(name="Mailer", model=scripted(one_call("auto_failing"), says("end")), tools=[tool])
    result = run(desk, agent)
    assert outputs(result) == {"call-1": "sorry: mailbox full"}
    outcome = all_of(desk, "auto_failing")[0].claim.outcome
    assert outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert "mailbox full" in outcome.message

    tool = function_tool(name_override="auto_failing", failure_error_function=None)(failing)
    agent = Agent(name="Mailer", model=scripted(one_call("auto_failing"), says("end")), tools=[tool])
    with pytest.raises(UserError, match="mailbox full"):
        run(desk, agent)


@pytest.mark.parametrize("arguments", ["{", "[]", '{"to": "alice", "amount": 1e999}', '{"to": 1, "amount": 2}'])
def test_arguments_that_cannot_be_approved(desk: Server, name: str, arguments: str) -> None:
    body = Body(name)
    result = run(desk, an_agent(body, one_call(name, arguments)))
    assert outputs(result)["call-1"].startswith(f"NOT RUN. The call to {name} c")
    assert body.runs == []
    assert all_of(desk, name) == []


def test_three_parallel_calls(desk: Server, name: str) -> None:
    """Three approvals; each decision, and each result, is that of its own call."""
    body = Body(name)
    turn = calls(
        ("call-a", name, {"to": "alice", "amount": 1}),
        ("call-b", name, {"to": "bob", "amount": 2}),
        ("call-c", name, {"to": "carol", "amount": 3}),
    )

    def review() -> None:
        decided: set[str] = set()
        while len(decided) < 3:
            for approval in all_of(desk, name):
                to = approval.arguments["to"]
                if to in decided or approval.status != ApprovalStatus.APPROVAL_STATUS_PENDING:
                    continue
                decided.add(str(to))
                if to == "alice":
                    decide(desk, approval, approve=True)
                elif to == "bob":
                    decide(desk, approval, approve=False, comment="Use the staging list.")
                else:
                    decide(desk, approval, approve=True, edited={"to": "dave", "amount": 3})

    result = run(desk, an_agent(body, turn), review)
    assert outputs(result) == {
        "call-a": "done for alice",
        "call-b": REJECTED.format(name),
        "call-c": "done for dave",
    }
    assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]


def test_a_second_run_does_not_ask_twice(desk: Server, name: str) -> None:
    """With the run's name it finds the approval; what was done is not done again."""
    body = Body(name)
    config = RunConfig(group_id=f"conversation-{name}")
    run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name), config=config)
    result = run(desk, an_agent(body, one_call(name)), config=config)
    assert outputs(result)["call-1"].startswith("NOT RUN AGAIN. ")
    assert len(all_of(desk, name)) == len(body.runs) == 1
    # Models that are not real use the same ids in each run.
    other = RunConfig(group_id=f"other-{name}")
    run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name), config=other)
    assert len(all_of(desk, name)) == len(body.runs) == 2


def test_a_second_run_after_the_first_gave_up(desk: Server, name: str) -> None:
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            running = asyncio.create_task(Runner.run(gate(an_agent(body, one_call(name)), client, run_id=name), "go"))
            approval = await before_its_end(running, lambda: pending(desk, name))
            running.cancel()
            await asyncio.wait({running})
            await beside(lambda: decide(desk, approval, approve=True))
            await Runner.run(gate(an_agent(body, one_call(name)), client, run_id=name), "go")

    asyncio.run(main())
    assert len(all_of(desk, name)) == len(body.runs) == 1


def approve(server: Server, name: str) -> None:
    decide(server, pending(server, name), approve=True)


def test_secrets_of_the_context_stay(own_server: Server, name: str, tmp_path: Any) -> None:
    """What the SDK injects is in no approval, no log and no message."""
    secret = "sk-4fd1c3a90b"
    body = Body(name)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(own_server, name))
        decide(own_server, asked[0], approve=True)

    result = run(own_server, an_agent(body, one_call(name)), review, context={"key": secret})
    assert body.contexts[0].context == {"key": secret}
    assert secret not in str(stored(own_server, asked[0].id)) + str(asked) + str(result.new_items)
    own_server.drain()
    for file in (tmp_path / "own").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


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


def test_schema_that_cannot_be_sent(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, with one warning, and the call is approved without."""
    body = Body(name)
    body.tool.params_json_schema["description"] = "x" * 20_000
    with caplog.at_level(logging.WARNING, "signoff"):
        run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name))
    [warning] = [text for text in caplog.messages if "schema" in text]
    assert warning.startswith(f"The schema of {name} is not sent")
    assert len(body.runs) == 1


def test_patterns_that_servers_do_not_take(desk: Server, name: str) -> None:
    """Pydantic writes decimals with look-ahead."""
    runs: list[Decimal] = []

    async def pay(amount: Decimal) -> str:
        runs.append(amount)
        return "paid"

    tool = function_tool(name_override=name)(pay)
    agent = Agent[Any](name="Payer", model=scripted(one_call(name, {"amount": "10.00"}), says("end")), tools=[tool])
    assert outputs(run(desk, agent, lambda: approve(desk, name))) == {"call-1": "paid"}
    assert runs == [Decimal("10.00")]


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


def test_options_of_each_run(desk: Server, name: str) -> None:
    body = Body(name)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        decide(desk, asked[0], approve=True)

    def per_call(context: RunContextWrapper[Any]) -> signoff.CallOptions:
        return {"labels": {"user": context.context["user"]}}

    agent = an_agent(body, one_call(name))
    run(desk, agent, review, context={"user": "carol"}, per_call=per_call, labels={"user": "all"}, reason="Mail")
    assert (dict(asked[0].labels), asked[0].reason) == ({"user": "carol"}, "Mail")


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


async def plain(to: str) -> str:
    return to


def test_what_cannot_be_gated(desk: Server) -> None:
    client = signoff.AsyncClient(desk.address)
    body = Body("send")

    def refused(kind: type[Exception], match: str, agent: Any, *args: Any, **options: Any) -> None:
        with pytest.raises(kind, match=match):
            gate(agent, *(args or (client,)), **options)
        assert body.tool.on_invoke_tool is agent.tools[0].on_invoke_tool

    agent = Agent(name="A", tools=[body.tool, WebSearchTool()])
    refused(TypeError, "web_search.*ungated", agent)
    refused(TypeError, "AsyncClient", agent, signoff.Client(desk.address))
    refused(TypeError, "request_id", agent, request_id="one")
    refused(TypeError, "agent_name", agent, agent_name="one")
    refused(ValueError, "on_refusal", agent, on_refusal="ignore")
    refused(TypeError, "unknown option 'lable'", agent, lable={})
    refused(TypeError, "run_id", agent, run_id=7)
    refused(TypeError, "durable needs run_id", agent, durable=True)
    gate(agent, client, ungated=["web_search", "web_search_preview"])
    with pytest.raises(TypeError, match="gated already"):
        gate(agent, client)
    theirs = function_tool(signoff.requires_approval(client, "send")(plain))
    if hasattr(theirs, "__wrapped__"):
        with pytest.raises(TypeError, match="ask twice"):
            gate(Agent(name="C", tools=[theirs]), client)
    paused = Body("send", needs_approval=True)
    with pytest.raises(TypeError, match="needs_approval"):
        gate(Agent(name="B", tools=[paused.tool]), client, durable=True, run_id="run")


def test_a_standing_approval_of_the_sdk(desk: Server, name: str) -> None:
    """The SDK's own approvals come before the gate; one for all calls of a gated tool ends the run."""
    body = Body(name, needs_approval=True)
    steps = one_call(name), calls(("call-2", name, {"to": "bob", "amount": 1}))

    async def main(always: bool) -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = gate(an_agent(body, *steps), client, timeout=1)
            result = await Runner.run(agent, "go")
            assert body.runs == []
            while result.interruptions:
                state = result.to_state()
                state.approve(result.interruptions[0], always_approve=always)
                result = await Runner.run(agent, state)
            return result

    told = outputs(asyncio.run(main(False)))
    assert set(told) == {"call-1", "call-2"}
    assert all(text.startswith("NOT RUN. ") for text in told.values())
    with pytest.raises(UserError, match="always_approve"):
        asyncio.run(main(True))
    assert body.runs == []


def test_refusal_text(desk: Server, name: str) -> None:
    """A tool that is gated by hand tells the model of the refusal as well."""

    async def main() -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:

            @signoff.requires_approval(client, name, timeout=1)
            async def send(to: str, amount: float) -> str:
                raise AssertionError("it ran")

            tool = function_tool(name_override=name, failure_error_function=refusal_text)(send)
            agent = Agent(name="Mailer", model=scripted(one_call(name), says("end")), tools=[tool])
            return await Runner.run(agent, "go")

    expected = f"NOT RUN. Nobody decided on the call to {name} in time. Do not work around it."
    assert outputs(asyncio.run(main())) == {"call-1": expected}

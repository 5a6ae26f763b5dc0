"""What calls ask for, and how the gate is used."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest
from agents import Agent, FunctionTool, RunContextWrapper, Runner, StopAtTools, WebSearchTool, function_tool
from agents.exceptions import UserError
from at_work import Body, an_agent, approve, one_call, run
from models import calls, outputs, says, scripted

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.openai_agents import gate, refusal_text
from signoff.v1.approval_pb2 import Approval


def test_defaults_are_shown(desk: Server, name: str) -> None:
    body = Body(name, strict_mode=False)

    def review() -> None:
        approval = pending(desk, name)
        assert dict(approval.arguments.items()) == {"to": "alice", "amount": 1.5}
        decide(desk, approval, approve=True)

    run(desk, an_agent(body, one_call(name, {"to": "alice"})), review)
    assert body.runs == [{"to": "alice", "amount": 1.5}]


@pytest.mark.parametrize("arguments", ["{", "[]", '{"to": "alice", "amount": 1e999}', '{"to": 1, "amount": 2}'])
def test_arguments_that_cannot_be_approved(desk: Server, name: str, arguments: str) -> None:
    body = Body(name)
    result = run(desk, an_agent(body, one_call(name, arguments)))
    assert outputs(result)["call-1"].startswith(f"NOT RUN. The call to {name} c")
    assert body.runs == []
    assert all_of(desk, name) == []


def test_schema_that_cannot_be_sent(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, with one warning, and the call is approved without."""
    body = Body(name)
    body.tool.params_json_schema["description"] = "x" * 20_000
    with caplog.at_level(logging.WARNING, "signoff"):
        run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name))
    [warning] = [text for text in caplog.messages if "schema" in text]
    assert warning.startswith(f"No schema is sent with calls to {name}")
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


@pytest.mark.parametrize("behavior", ["stop_on_first_tool", StopAtTools(stop_at_tool_names=["never_refund"])])
def test_run_that_ends_with_a_tool(desk: Server, behavior: Any) -> None:
    """A refusal ends it, and its text is not the result. Else the agent is not gated, nor runs if it is set later."""
    body = Body("never_refund")
    client = signoff.AsyncClient(desk.address)
    before = body.tool.on_invoke_tool
    stopping = Agent[Any](name="Refunds", tools=[body.tool], tool_use_behavior=behavior)
    with pytest.raises(TypeError, match=r"Refunds ends with a tool's result.*on_refusal='raise'"):
        gate(stopping, client)
    assert stopping.tools[0].on_invoke_tool is before  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="Refunds ends"):
        gate(Agent[Any](name="Triage", handoffs=[stopping]), client)
    steps = one_call("never_refund")
    with pytest.raises(Exception, match="Dropping tables is not allowed"):
        run(desk, an_agent(body, steps, tool_use_behavior=behavior), on_refusal="raise")

    async def later() -> Any:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = gate(an_agent(Body("never_refund"), steps), client)
            agent.tool_use_behavior = behavior
            return await Runner.run(agent, "go")

    with pytest.raises(TypeError, match="Mailer ends"):
        asyncio.run(later())
    assert body.runs == []


@pytest.mark.skipif("output_json_schema" not in FunctionTool.__dataclass_fields__, reason="this version has none")
def test_tool_with_an_output_schema(desk: Server, name: str) -> None:
    """A refusal's text is not such an output: the run ends with the refusal, or the tool is not gated."""
    body = Body(name)
    body.tool.output_json_schema = {"type": "object", "properties": {}, "additionalProperties": False}
    client = signoff.AsyncClient(desk.address)
    with pytest.raises(TypeError, match="on_refusal='raise'"):
        gate(Agent(name="A", tools=[body.tool]), client)
    gate(Agent(name="B", tools=[body.tool]), client, on_refusal="raise")


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

    expected = f"NOT RUN. No reviewer decided on the call to {name} in time. Do not work around it."
    assert outputs(asyncio.run(main())) == {"call-1": expected}

"""Contexts of Pydantic AI, Google ADK and Microsoft Agent Framework. Each is imported in its test alone."""

import asyncio
from typing import Any

import pytest

import signoff
from fakes import Fake
from signoff._digest import stable_request_id
from signoff._structs import from_struct


def test_pydantic_ai(fake: Fake) -> None:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai import Agent, RunContext
    from pydantic_ai.models.test import TestModel

    async def run() -> Any:
        async with signoff.AsyncClient(fake.address) as client:
            agent = Agent(TestModel(), deps_type=str, name="mailer")

            @agent.tool
            @signoff.requires_approval(client)
            async def send(ctx: RunContext[str], to: str) -> str:
                """Sends."""
                assert ctx.deps == "hush"
                return f"{ctx.run_id}/{ctx.tool_call_id}"

            results = [await agent.run("Write", deps="hush") for _ in range(2)]
            return [result.output for result in results]

    outputs = asyncio.run(run())
    assert len(fake.asks) == 2
    ids = {ask.request_id for ask in fake.asks}
    # Its model names the calls of each run alike.
    assert len(ids) == 2
    for ask, output in zip(fake.asks, outputs, strict=True):
        run_id, _, call_id = output.split('"')[3].partition("/")
        assert (ask.agent.name, ask.agent.run_id) == ("mailer", run_id)
        assert ask.request_id == stable_request_id(run_id, call_id)
        assert list(from_struct(ask.arguments)) == ["to"]
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)


def test_google_adk(fake: Fake) -> None:
    pytest.importorskip("google.adk")
    from google.adk.agents import LlmAgent
    from google.adk.models import BaseLlm, LlmResponse
    from google.adk.runners import InMemoryRunner
    from google.adk.tools import FunctionTool, ToolContext
    from google.genai import types

    class Scripted(BaseLlm):
        async def generate_content_async(self, llm_request: Any, **_: Any) -> Any:
            last = llm_request.contents[-1].parts[-1]
            if last.function_response:
                part = types.Part(text=str(last.function_response.response))
            else:
                part = types.Part(function_call=types.FunctionCall(id="call-1", name="send", args={"to": "alice"}))
            yield LlmResponse(content=types.Content(role="model", parts=[part]))

    async def run() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client)
            async def send(to: str, tool_context: ToolContext) -> dict[str, str]:
                """Sends."""
                tool_context.state["hush"] = to
                return {"sent": to}

            tool = FunctionTool(send)
            agent = LlmAgent(name="mailer", model=Scripted(model="scripted"), tools=[tool])
            runner = InMemoryRunner(agent, app_name="app")
            session = await runner.session_service.create_session(app_name="app", user_id="u")
            message = types.Content(role="user", parts=[types.Part(text="Write")])
            async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=message):
                pass

    asyncio.run(run())
    [ask] = fake.asks
    assert from_struct(ask.arguments) == {"to": "alice"}
    assert ask.agent.name == "mailer"
    assert ask.agent.run_id
    assert ask.request_id == stable_request_id(ask.agent.run_id, "call-1")


def test_agent_framework(fake: Fake) -> None:
    pytest.importorskip("agent_framework")
    from agent_framework import AgentSession, FunctionInvocationContext, tool

    async def run() -> Any:
        async with signoff.AsyncClient(fake.address) as client:

            @tool(approval_mode="never_require")
            @signoff.requires_approval(client)
            async def send(to: str, ctx: FunctionInvocationContext) -> str:
                """Sends."""
                return f"{ctx.kwargs['secret']} {to}"

            assert list(send.parameters()["properties"]) == ["to"]
            session = AgentSession(session_id="session-1")
            context = FunctionInvocationContext(send, {"to": "alice"}, session=session, kwargs={"secret": "hush"})
            return await send.invoke(arguments={"to": "alice"}, context=context)

    assert "hush alice" in str(asyncio.run(run())[0].text)
    [ask] = fake.asks
    assert from_struct(ask.arguments) == {"to": "alice"}
    assert ask.agent.run_id == "session-1"
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)

"""The decorator below `@function_tool` of openai-agents, with a scripted model and the real server."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct

agents = pytest.importorskip("agents")

from agents import Agent, ModelResponse, RunContextWrapper, Runner, Usage, function_tool  # noqa: E402
from agents.models.interface import Model  # noqa: E402
from agents.tool_context import ToolContext  # noqa: E402
from openai.types.responses import (  # noqa: E402
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)


class Secrets:
    key = "hush-hush"


class Scripted(Model):
    """Calls the tools that it is told to, all in one turn, and then repeats what they have answered."""

    def __init__(self, *calls: tuple[str, str, dict[str, Any]]) -> None:
        self._calls = [
            ResponseFunctionToolCall(type="function_call", call_id=call_id, name=name, arguments=json.dumps(arguments))
            for call_id, name, arguments in calls
        ]

    async def get_response(self, input: Any, **_: Any) -> ModelResponse:  # noqa: A002
        results = [each["output"] for each in input if each.get("type") == "function_call_output"]
        if self._calls and not results:
            return ModelResponse(output=list(self._calls), usage=Usage(), response_id=None)
        text = ResponseOutputText(type="output_text", text=" | ".join(results), annotations=[])
        message = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def decided(server: Server, tool: str, run: Any, **decision: Any) -> Any:
    with ThreadPoolExecutor(1) as executor:
        deciding = executor.submit(lambda: decide(server, pending(server, tool), **decision))
        result = run()
        deciding.result()
    return result


def test_as_the_article_prints_it(server: Server, tool: str) -> None:
    sent: list[Any] = []

    async def run() -> str:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:

            @function_tool
            @signoff.requires_approval(client, tool, timeout=120)
            async def send_email(ctx: RunContextWrapper, to: str, subject: str, body: str = "") -> str:
                """Sends an email.

                Args:
                    to: The address.
                    subject: The subject.
                    body: The text.
                """
                sent.append((ctx.context.key, to, subject, body))
                return f"sent to {to}"

            schema = send_email.params_json_schema
            assert list(schema["properties"]) == ["to", "subject", "body"]
            assert schema["properties"]["to"]["description"] == "The address."
            assert send_email.description == "Sends an email."
            model = Scripted(("call_1", "send_email", {"to": "a@x.com", "subject": "Hi", "body": ""}))
            agent = Agent(name="Mailer", model=model, tools=[send_email])
            result = await Runner.run(agent, "Write", context=Secrets())
            return str(result.final_output)

    assert decided(server, tool, lambda: asyncio.run(run()), approve=True) == "sent to a@x.com"
    assert sent == [("hush-hush", "a@x.com", "Hi", "")]
    [approval] = all_of(server, tool)
    assert approval.agent.name == "Mailer"
    assert uuid.UUID(approval.agent.run_id)
    assert from_struct(approval.arguments) == {"to": "a@x.com", "subject": "Hi", "body": ""}
    assert "hush-hush" not in str(approval)


def test_readme() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    [snippet] = re.findall(r"```python\n(from agents import .*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"signoff": signoff, "client": signoff.AsyncClient()}
    exec(snippet, names)
    assert list(names["send_email"].params_json_schema["properties"]) == ["to", "subject"]


def test_ids(server: Server, tool: str) -> None:
    """With a run_id of the caller, a run that is made again finds its approvals; without, runs are told apart."""

    async def run(run_id: str | None) -> str:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:

            @function_tool
            @signoff.requires_approval(client, f"auto.{tool}")
            async def note(ctx: ToolContext[Secrets], text: str) -> str:
                return text

            calls = [("call_1", "note", {"text": "a"})]
            agent = Agent(name="Writer", model=Scripted(*calls, ("call_2", "note", {"text": "b"})), tools=[note])

            async def go() -> Any:
                return await Runner.run(agent, "Write", context=Secrets())

            result = await _with_run_id(run_id, go())
            return str(result.final_output)

    assert asyncio.run(run(None)) == "a | b"
    assert asyncio.run(run(None)) == "a | b"
    approvals = all_of(server, f"auto.{tool}")
    assert len(approvals) == 4
    # The calls of one run have the same.
    assert len({each.agent.run_id for each in approvals}) == 2
    assert asyncio.run(run(tool)) == "a | b"
    asyncio.run(run(tool))
    approvals = all_of(server, f"auto.{tool}")
    assert len([each for each in approvals if each.agent.run_id == tool]) == 2


async def _with_run_id(run_id: str | None, running: Awaitable[Any]) -> Any:
    with signoff.call_options(**({"run_id": run_id} if run_id else {})):
        return await running


def test_blocking_tools(server: Server, tool: str) -> None:
    with signoff.Client(server.address, token=server.agent) as client:

        @function_tool
        @signoff.requires_approval(client, f"auto.{tool}")
        def note(ctx: RunContextWrapper[Secrets], text: str) -> str:
            return f"{text} by {ctx.context.key}"

        assert list(note.params_json_schema["properties"]) == ["text"]
        agent = Agent(name="Writer", model=Scripted(("call_1", "note", {"text": "a"})), tools=[note])
        result = asyncio.run(Runner.run(agent, "Write", context=Secrets()))
    assert result.final_output == "a by hush-hush"
    [approval] = all_of(server, f"auto.{tool}")
    assert "hush" not in str(approval)
    assert approval.agent.name == "Writer"

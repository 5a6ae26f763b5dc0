"""An agent with a scripted model, in each form that Pydantic AI has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, Tool
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import FunctionToolset

import signoff
from reviewers import pending
from servers import Server
from signoff.adapters.pydantic_ai import Approval as ApprovalCapability
from signoff.adapters.pydantic_ai import ApprovalToolset

KINDS = ["capability", "toolset"]


def built(kind: str, model: Any, tools: Sequence[Tool[Any]], client: Any, **options: Any) -> Agent[Any, Any]:
    """An agent whose tools are all behind the gate."""
    around: dict[str, Any] = {
        "name": "mailer",
        "deps_type": str,
        "output_type": [str, DeferredToolRequests],
    }
    if kind == "capability":
        return Agent(model, tools=tools, capabilities=[ApprovalCapability(client, **options)], **around)
    return Agent(model, toolsets=[ApprovalToolset(FunctionToolset(list(tools)), client, **options)], **around)


def scripted(calls: Sequence[ToolCallPart], read: list[Any]) -> FunctionModel:
    """A model that makes its calls in its first turn, and says "done" when it has read the results."""

    def turn(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        results = results_in(messages[-1:])
        read.extend(results.values())
        return ModelResponse([TextPart("done")]) if results else ModelResponse(list(calls))

    return FunctionModel(turn)


def results_in(messages: Sequence[ModelMessage]) -> dict[str, Any]:
    """Tool results as the model reads them, by call id."""
    parts = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
    return {part.tool_call_id: part.content for part in parts if part.part_kind in ("tool-return", "retry-prompt")}


class Runner:
    """Runs agents."""

    def __init__(self, server: Server, kind: str) -> None:
        self.server = server
        self.kind = kind
        self.address = server.address
        self.read: list[Any] = []
        self.output: Any = None
        self.messages: list[ModelMessage] = []

    def run(
        self,
        tools: Sequence[Tool[Any]],
        calls: Sequence[ToolCallPart],
        *,
        model: Any = None,
        secret: str = "none",
        run_options: Any = None,
        gives_up: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """The results that the model gets for its calls, by their ids."""
        self.read = []

        async def main() -> Any:
            async with signoff.AsyncClient(self.address, token=self.server.agent) as client:
                agent = built(self.kind, model or scripted(calls, self.read), tools, client, **options)
                given = {"user_prompt": "go"} if run_options is None else run_options
                running = asyncio.ensure_future(agent.run(**given, deps=secret))
                if gives_up:
                    await asyncio.to_thread(pending, self.server, tools[0].name)
                    running.cancel()
                return await running

        result = asyncio.run(main())
        self.output = result.output
        self.messages = result.all_messages()
        return results_in(self.messages)


class Mail:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, result: Any = None) -> None:
        self.runs: list[dict[str, Any]] = []

        def send(to: str, count: int = 1) -> str:
            self.runs.append({"to": to, "count": count})
            if isinstance(result, Exception):
                raise result
            return f"sent {count} to {to}"

        self.tool: Tool[Any] = Tool(send, name=name, takes_ctx=False)


def call(name: str, call_id: str = "call-1", /, **arguments: Any) -> ToolCallPart:
    """What a model asks for."""
    return ToolCallPart(name, arguments or {"to": "alice@example.com"}, tool_call_id=call_id)

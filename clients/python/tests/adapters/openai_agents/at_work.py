"""An agent at work with one tool, behind the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from agents import Agent, FunctionTool, RunConfig, Runner, function_tool
from agents.tool_context import ToolContext
from models import calls, says, scripted
from reviewing import before_its_end

import signoff
from reviewers import decide, pending
from servers import Server
from signoff.adapters.openai_agents import gate

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


def approve(server: Server, name: str) -> None:
    decide(server, pending(server, name), approve=True)

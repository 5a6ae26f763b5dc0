"""Sessions of the SDK's own program with a scripted model, and a tool that remembers what it ran with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, create_sdk_mcp_server, tool
from model_server import Model, model
from reviewing import before_its_end, beside

import signoff
from reviewers import decide, pending
from servers import Server
from signoff.adapters.claude_agent_sdk import gate

NAME = "mcp__desk__{}"


class Desk:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, error: str = "") -> None:
        self.runs: list[dict[str, Any]] = []

        @tool(name, "Sends.", {"to": str})
        async def send(arguments: dict[str, Any]) -> dict[str, Any]:
            self.runs.append(arguments)
            if error:
                raise RuntimeError(error)
            return {"content": [{"type": "text", "text": f"sent to {arguments['to']}"}]}

        self.server = create_sdk_mcp_server("desk", tools=[send])


def options(body: Desk, scripted: Model, **more: Any) -> ClaudeAgentOptions:
    env = {"ANTHROPIC_BASE_URL": scripted.address, **more.pop("env", {})}
    return ClaudeAgentOptions(mcp_servers={"desk": body.server}, setting_sources=[], env=env, **more)


def run(
    server: Server,
    body: Desk,
    *turns: Any,
    meanwhile: Callable[[], Any] | None = None,
    address: str | None = None,
    env: dict[str, str] | None = None,
    of_sdk: dict[str, Any] | None = None,
    then: Callable[[], Any] | None = None,
    until: Callable[[], Any] | None = None,
    **of_gate: Any,
) -> dict[str, str]:
    """Tool results as the model read them, by call id.

    `then` runs between the gate and the start of the program. The session stays open until `until` has run.
    """

    async def main() -> dict[str, str]:
        async with signoff.AsyncClient(address or server.address, token=server.agent) as client:
            with model(*turns) as scripted:
                gated = gate(options(body, scripted, env=env or {}, **(of_sdk or {})), client, **of_gate)
                if then:
                    then()

                async def talk() -> None:
                    async with ClaudeSDKClient(gated) as claude:
                        await claude.query("go")
                        async for _ in claude.receive_response():
                            pass
                        if until:
                            await asyncio.wait_for(beside(until), 30)

                running = asyncio.ensure_future(talk())
                if meanwhile:
                    await before_its_end(running, meanwhile)
                await running
                return scripted.results

    return asyncio.run(main())


def one(name: str) -> Any:
    return [("call-1", NAME.format(name), {"to": "alice"})]


def approve(server: Server, name: str, **more: Any) -> Any:
    approval = pending(server, NAME.format(name))
    decide(server, approval, approve=True, **more)
    return approval

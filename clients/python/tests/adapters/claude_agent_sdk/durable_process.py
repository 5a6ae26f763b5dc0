"""A process of its own, which a test can kill: python durable_process.py JSON.

It begins a session, or waits for a decision and resumes the session; it prints what it is told, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool

import signoff
from signoff.adapters.claude_agent_sdk import gate

TASK = json.loads(sys.argv[1])


@tool(TASK["tool"], "Sends.", {"to": str})
async def send(arguments: dict[str, Any]) -> dict[str, Any]:
    with (Path(TASK["cwd"]) / "runs").open("a") as runs:
        runs.write(f"{arguments['to']}\n")
    return {"content": [{"type": "text", "text": f"sent to {arguments['to']}"}]}


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    resume = TASK.get("resume")
    waits: list[signoff.Handle] = []

    def on_deferred(handle: signoff.Handle, _: Any) -> None:
        waits.append(handle)

    async with signoff.AsyncClient(TASK["address"], token=TASK["token"]) as client:
        if resume:
            tell(waits=True)
            await client.wait(signoff.Handle.from_json(resume["handle"]))
        given = ClaudeAgentOptions(
            mcp_servers={"desk": create_sdk_mcp_server("desk", tools=[send])},
            setting_sources=[],
            cwd=TASK["cwd"],
            resume=resume["session_id"] if resume else None,
        )
        options = gate(given, client, durable=True, on_deferred=on_deferred, timeout=3600)
        async for message in query(prompt="Go on." if resume else "Send the mail.", options=options):
            if isinstance(message, ResultMessage) and message.deferred_tool_use and waits:
                tell(session_id=message.session_id, handle=waits[0].to_json())
        # Until it is killed.
        for handle in waits:
            await client.wait(handle)


asyncio.run(main())

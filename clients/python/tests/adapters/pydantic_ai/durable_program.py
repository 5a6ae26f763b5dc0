"""A run in a process of its own: durable_program.py KIND FILE TOOL begin|resume. Prints what came of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pydantic_ai import DeferredToolRequests, Tool
from pydantic_ai.messages import ModelMessagesTypeAdapter
from runs import built, call, results_in, scripted

import signoff


def main(kind: str, file: str, name: str, step: str) -> None:
    def send(to: str) -> str:
        with Path(f"{file}.sent").open("a") as sent:
            sent.write(f"{to}\n")
        return f"sent to {to}"

    given: dict[str, Any] = {"user_prompt": "go"}
    if step == "resume":
        messages = ModelMessagesTypeAdapter.validate_json(Path(file).read_bytes())
        results = DeferredToolRequests(approvals=[call(name)]).build_results(approve_all=True)
        given = {"message_history": messages, "deferred_tool_results": results}

    async def run() -> Any:
        async with signoff.AsyncClient() as client:
            agent = built(kind, scripted([call(name)], []), [Tool(send, name=name)], client, durable=True)
            return await agent.run(**given, deps="")

    result = asyncio.run(run())
    if isinstance(result.output, DeferredToolRequests):
        Path(file).write_bytes(result.all_messages_json())
        print("paused", *(each["approval_id"] for each in result.output.metadata.values()), flush=True)
        # Until it is killed.
        sys.stdin.read()
    else:
        print(*results_in(result.all_messages()).values())


main(*sys.argv[1:])

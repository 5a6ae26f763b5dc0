"""A run in a process of its own: durable_program.py KIND FILE TOOL begin|resume. Prints what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from agent_framework import Agent, AgentSession, Content, FunctionTool
from runs import GO, Scripted, call, run_as

import signoff
from signoff.adapters.agent_framework import decisions, gate


def main(kind: str, file: str, name: str, step: str) -> None:
    stored = Path(file)

    def send(to: str) -> str:
        with Path(f"{file}.sent").open("a") as sent:
            sent.write(f"{to}\n")
        return f"sent to {to}"

    kept: Any = json.loads(stored.read_text()) if step == "resume" else None

    async def run() -> Any:
        model = Scripted(*([[call(name), call(name, "call-2", to="bob@example.com")]] if step == "begin" else []))
        async with signoff.AsyncClient() as client:
            agent = gate(Agent(model, tools=[FunctionTool(name=name, func=send)]), client, durable=True)
            session: Any = agent.create_session()
            given: Any = GO
            if step == "resume":
                session = AgentSession.from_dict(kept["session"])
                given = await decisions(client, [Content.from_dict(each) for each in kept["requests"]])
            response = await run_as(kind, agent, given, session=session)
        if requests := response.user_input_requests:
            return {"session": session.to_dict(), "requests": [each.to_dict() for each in requests]}
        print(json.dumps(model.read[-1]))
        return None

    if paused := asyncio.run(run()):
        stored.write_text(json.dumps(paused))
        print("paused", *(each["function_call"]["call_id"] for each in paused["requests"]), flush=True)
        # Until it is killed.
        sys.stdin.read()


main(*sys.argv[1:])

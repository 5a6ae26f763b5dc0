"""A program whose run pauses: begins it, or goes on with the stored one. Tests kill it while it waits.

python paused_run.py ADDRESS TOKEN TOOL DIRECTORY
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from agents import Agent, Runner, RunState, function_tool
from models import calls, outputs, says, scripted

import signoff
from signoff.adapters.openai_agents import decisions, gate

address, token, tool_name, directory = sys.argv[1:]
stored = Path(directory) / "state"


async def send(to: str) -> str:
    with (Path(directory) / "sent").open("a") as sent:
        sent.write(f"{to}\n")
    return f"sent to {to}"


async def main() -> None:
    turn = calls(("call-1", tool_name, {"to": "alice"}), ("call-2", tool_name, {"to": "bob"}))
    is_new = not stored.exists()
    mailer = Agent(
        name="Mailer",
        model=scripted(*([turn] if is_new else []), says("end")),
        tools=[function_tool(name_override=tool_name)(send)],
    )
    triage = Agent[Any](name="Triage", model=scripted(calls(("call-0", "transfer_to_mailer", {}))), handoffs=[mailer])
    async with signoff.AsyncClient(address, token=token) as client:
        agent = gate(triage, client, run_id=lambda context: context.context["run"], durable=True)
        if is_new:
            result = await Runner.run(agent, "go", context={"run": tool_name})
        else:
            state = await RunState.from_string(agent, stored.read_text())
            await decisions(state)
            result = await Runner.run(agent, state)
        while result.interruptions:
            state = result.to_state()
            stored.write_text(state.to_string())
            print("paused", flush=True)
            await decisions(state)
            result = await Runner.run(agent, state)
    for call_id, output in sorted(outputs(result).items()):
        print(call_id, output)


asyncio.run(main())

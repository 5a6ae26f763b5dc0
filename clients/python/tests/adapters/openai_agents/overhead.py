"""What the adapter costs over the bare gate and the bare tool, one call after the other: python overhead.py [COUNT].

Needs SIGNOFF_BIN. Each round makes one call of each kind, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))

from agents import Agent, FunctionTool, function_tool
from agents.tool_context import ToolContext

import signoff
from servers import Server
from signoff.adapters.openai_agents import gate

POLICY = "unlisted_tools: { auto_approve: {} }"


async def send(to: str, amount: float) -> str:
    return f"{amount} to {to}"


async def of_run(run: signoff.Run) -> str:
    return await send(**run.arguments)


async def measure(server: Server, count: int) -> dict[str, list[float]]:
    bare, gated = function_tool(send), function_tool(send)
    schema = bare.params_json_schema
    async with signoff.AsyncClient(server.address, token=server.agent) as client:
        agent = gate(Agent[Any](name="Mailer", tools=[gated]), client)
        tool = agent.tools[0]
        assert isinstance(tool, FunctionTool)
        calls = iter(range(10**9))

        def context() -> ToolContext[Any]:
            arguments = '{"to": "alice", "amount": 2.5}'
            return ToolContext(None, tool_name="send", tool_call_id=f"call-{next(calls)}", tool_arguments=arguments)

        async def invoke(each: FunctionTool) -> object:
            made = context()
            return await each.on_invoke_tool(made, made.tool_arguments)

        kinds: dict[str, Callable[[], Awaitable[object]]] = {
            "tool": lambda: invoke(bare),
            "gate": lambda: client.run(
                signoff.Call("send", {"to": "alice", "amount": 2.5}, arguments_schema=schema, agent_name="Mailer"),
                of_run,
            ),
            "adapter": lambda: invoke(tool),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(count):
            for name, call in kinds.items():
                began = time.perf_counter()
                await call()
                times[name].append(time.perf_counter() - began)
        return times


with tempfile.TemporaryDirectory() as directory:
    server = Server(Path(directory) / "server", policy=POLICY)
    try:
        times = asyncio.run(measure(server, int(sys.argv[1]) if len(sys.argv) > 1 else 300))
    finally:
        server.drain()
    tool, gate_alone, adapter = (statistics.median(times[name]) * 1e3 for name in ("tool", "gate", "adapter"))
    print(f"tool {tool:.2f} ms, gate {gate_alone:.2f} ms, both by the adapter {adapter:.2f} ms: ", end="")
    print(f"{adapter - gate_alone - tool:+.2f} ms, {100 * (adapter / (gate_alone + tool) - 1):+.0f} %")

"""What Pydantic AI's adapter costs over the bare gate, for calls that the policy approves at once.

A run with one call with the gate, less the same without it, less the bare gate's call. Needs SIGNOFF_BIN:

    PYTHONPATH=src:tests .venv-adapters/pydantic_ai-newest/bin/python tests/adapters/pydantic_ai/overhead.py
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import Tool

import signoff
from servers import Server
from signoff.adapters.pydantic_ai import Approval

ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
ROUNDS = 300


async def send(to: str, subject: str, amount: int) -> str:
    return f"{to} {subject} {amount}"


def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    is_first = len(messages) == 1
    return ModelResponse([ToolCallPart("auto.bench", ARGUMENTS) if is_first else TextPart("done")])


def run_of(*capabilities: Any) -> Callable[[], Awaitable[Any]]:
    tool = Tool(send, name="auto.bench", takes_ctx=False)
    agent = Agent(FunctionModel(answer), tools=[tool], capabilities=list(capabilities))
    return lambda: agent.run("go")


async def measure(server: Server) -> dict[str, list[float]]:
    async with signoff.AsyncClient(server.address, token=server.agent) as client:
        call = signoff.Call("auto.bench", dict(ARGUMENTS))

        async def bare(run: signoff.Run) -> str:
            return await send(**run.arguments)

        measured = {"gated": run_of(Approval(client)), "ungated": run_of(), "bare": lambda: client.run(call, bare)}
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(ROUNDS):
            # In turns, so that they meet the same server.
            for name, function in measured.items():
                begin = time.perf_counter()
                await function()
                times[name].append(time.perf_counter() - begin)
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server")
        times = asyncio.run(measure(server))
        server.drain()
    medians = {name: statistics.median(each) * 1e3 for name, each in times.items()}
    print("median ms:", ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    print(f"adapter over the bare gate: {medians['gated'] - medians['ungated'] - medians['bare']:.2f} ms")


main()

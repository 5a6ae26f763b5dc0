r"""What Agent Framework's adapter costs over the bare gate, for calls that the policy approves at once.

A run with one call with the gate, less the same without it, less the bare gate's call. Needs SIGNOFF_BIN:

    PYTHONPATH=src:tests:tests/adapters .venv-adapters/agent_framework-newest/bin/python \
        tests/adapters/agent_framework/overhead.py
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agent_framework import Agent, FunctionTool
from runs import Scripted, call

import signoff
from servers import Server
from signoff.adapters.agent_framework import gate

ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
ROUNDS = 300


async def send(to: str, subject: str, amount: int) -> str:
    return f"{to} {subject} {amount}"


def run_of(client: signoff.AsyncClient | None) -> Callable[[], Awaitable[Any]]:
    tool = FunctionTool(name="auto.bench", func=send)

    def run() -> Awaitable[Any]:
        # A model has one conversation.
        agent: Any = Agent(Scripted([call("auto.bench", **ARGUMENTS)]), tools=[tool])
        return (gate(agent, client) if client else agent).run("go")  # type: ignore[no-any-return]

    return run


async def measure(server: Server) -> dict[str, list[float]]:
    async with signoff.AsyncClient(server.address, token=server.agent) as client:
        call = signoff.Call("auto.bench", dict(ARGUMENTS))

        async def bare(run: signoff.Run) -> str:
            return await send(**run.arguments)

        measured = {"gated": run_of(client), "ungated": run_of(None), "bare": lambda: client.run(call, bare)}
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

"""What CrewAI's adapter costs over the bare gate, for calls that the policy approves at once.

A call of a tool with the gate, less the same without it, less the bare gate's call; as CrewAI makes it for a model with
function calling. Needs SIGNOFF_BIN:

    PYTHONPATH=src:tests .venv-adapters/crewai-newest/bin/python tests/adapters/crewai/overhead.py
"""

from __future__ import annotations

import os

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TESTING="true", CREWAI_TRACING_ENABLED="false")

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crewai.tools import tool

import signoff
from servers import Server
from signoff.adapters.crewai import gate

ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
ROUNDS = 300
POLICY = "unlisted_tools: { auto_approve: {} }\n"


@tool("bench")
def bench(to: str, subject: str, amount: int) -> str:
    """Sends."""
    return f"{to} {subject} {amount}"


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server", policy=POLICY)
        with signoff.Client(server.address, token=server.agent) as client:
            call = signoff.Call("bench", dict(ARGUMENTS))
            gated = gate(bench, client)
            measured: dict[str, Callable[[], Any]] = {
                "gated": lambda: gated.run(**ARGUMENTS),
                "ungated": lambda: bench.run(**ARGUMENTS),
                "bare": lambda: client.run(call, lambda run: bench.func(**run.arguments)),
            }
            times: dict[str, list[float]] = {name: [] for name in measured}
            for _ in range(ROUNDS):
                # In turns, so that they meet the same server.
                for name, function in measured.items():
                    begin = time.perf_counter()
                    function()
                    times[name].append(time.perf_counter() - begin)
        server.drain()
    medians = {name: statistics.median(each) * 1e3 for name, each in times.items()}
    print("median ms:", ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    print(f"adapter over the bare gate: {medians['gated'] - medians['ungated'] - medians['bare']:.2f} ms")


main()

"""What Google ADK's adapter costs over the bare gate, for calls that the policy approves at once.

A run with one call with the gate, less the same without it, less the bare gate's call. Needs SIGNOFF_BIN:

    PYTHONPATH=src:tests .venv-adapters/google_adk-newest/bin/python tests/adapters/google_adk/overhead.py
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from google.adk.agents.llm_agent import LlmAgent
from google.adk.apps.app import App
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.genai import types

import signoff
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin

ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
ROUNDS = 200


async def auto_bench(to: str, subject: str, amount: int) -> str:
    return f"{to} {subject} {amount}"


class Model(BaseLlm):
    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002
    ) -> AsyncGenerator[LlmResponse, None]:
        is_first = len(llm_request.contents) == 1
        call = types.FunctionCall(name="auto.bench", args=dict(ARGUMENTS))
        part = types.Part(function_call=call) if is_first else types.Part(text="done")
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def run_of(*plugins: Any) -> Callable[[], Awaitable[Any]]:
    auto_bench.__name__ = "auto.bench"
    agent = LlmAgent(name="bench", model=Model(model="scripted"), tools=[auto_bench])
    app = App(name="bench", root_agent=agent, plugins=list(plugins))
    runner = Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True)

    async def run() -> None:
        message = types.Content(role="user", parts=[types.Part(text="go")])
        async for _ in runner.run_async(user_id="carol", session_id=str(uuid.uuid4()), new_message=message):
            pass

    return run


async def measure(server: Server) -> dict[str, list[float]]:
    async with signoff.AsyncClient(server.address, token=server.agent) as client:
        call = signoff.Call("auto.bench", dict(ARGUMENTS))

        async def bare(run: signoff.Run) -> str:
            return await auto_bench(**run.arguments)

        measured = {"gated": run_of(ApprovalPlugin(client)), "ungated": run_of()}
        measured["bare"] = lambda: client.run(call, bare)
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(ROUNDS):
            # In turns, so that they meet the same server.
            for name, function in measured.items():
                begin = time.perf_counter()
                await function()
                times[name].append(time.perf_counter() - begin)
    return times


def main() -> None:
    logging.disable()
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server")
        times = asyncio.run(measure(server))
        server.drain()
    medians = {name: statistics.median(each) * 1e3 for name, each in times.items()}
    print("median ms:", ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    print(f"adapter over the bare gate: {medians['gated'] - medians['ungated'] - medians['bare']:.2f} ms")


main()

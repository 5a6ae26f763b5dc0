"""Live runs, and what ADK does there in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agents_at_work import (
    USER,
    Body,
    a_runner,
    an_agent,
    an_app,
    one_call,
    results,
    says,
    scripted,
)
from google.adk.agents.live_request_queue import LiveRequestQueue
from google.adk.agents.run_config import RunConfig, StreamingMode, ToolThreadPoolConfig
from google.adk.events.event import Event
from google.adk.models.base_llm_connection import BaseLlmConnection
from google.adk.models.llm_response import LlmResponse
from google.adk.tools.google_search_tool import GoogleSearchTool
from google.genai import types
from reviewing import approve as approving
from reviewing import reviewing

import signoff
from reviewers import all_of
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin


class Connection(BaseLlmConnection):
    """A live model that makes one call, and ends when it has read the result, or as many as there are."""

    def __init__(self, step: types.Content, reads: int) -> None:
        self.step = step
        self.reads = reads
        self.read: asyncio.Queue[types.Content] = asyncio.Queue()

    async def send_history(self, history: list[types.Content]) -> None:
        pass

    async def send_content(self, content: types.Content) -> None:
        if content.parts and content.parts[0].function_response:
            await self.read.put(content)

    async def send_realtime(self, blob: Any) -> None:
        pass

    async def receive(self) -> AsyncGenerator[LlmResponse, None]:
        yield LlmResponse(content=self.step)
        for _ in range(self.reads):
            await self.read.get()
        yield LlmResponse(content=says("done"))
        yield LlmResponse(turn_complete=True)
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


def live(
    desk: Server, tool: Any, step: types.Content, *, client: Any = None, reads: int = 1, **config: Any
) -> list[Event]:
    """A live run with one call, until the model has said that it is done."""
    model = scripted()
    connection = Connection(step, reads)

    @asynccontextmanager
    async def connect(_: Any) -> AsyncGenerator[Connection, None]:
        yield connection

    object.__setattr__(model, "connect", connect)

    async def main() -> list[Event]:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as own:
            agent = an_agent(tool)
            agent.model = model
            runner = a_runner(an_app(agent, ApprovalPlugin(client or own)))
            queue = LiveRequestQueue()
            queue.send_content(types.Content(role="user", parts=[types.Part(text="go")]))
            events: list[Event] = []
            run_config = RunConfig(streaming_mode=StreamingMode.BIDI, response_modalities=["TEXT"], **config)
            async for event in runner.run_live(**USER, live_request_queue=queue, run_config=run_config):
                events.append(event)
                if event.turn_complete:
                    queue.close()
                    break
            return events

    return asyncio.run(main())


def test_live(desk: Server, name: str) -> None:
    body = Body(name)
    with reviewing(desk, name, approving):
        assert results(live(desk, body.tool, one_call(name))) == {"call-1": "done for alice"}
    assert len(body.runs) == len(all_of(desk, name)) == 1


def test_live_in_threads(desk: Server, name: str) -> None:
    """ADK runs asynchronous tools in loops of their own there, which need a Client."""
    body = Body(name)
    with pytest.raises(TypeError, match="one event loop only: give ApprovalPlugin a Client"):
        live(desk, body.tool, one_call(name), tool_thread_pool_config=ToolThreadPoolConfig())
    assert body.runs == []
    with signoff.Client(desk.address, token=desk.agent) as client, reviewing(desk, name, approving):
        events = live(desk, body.tool, one_call(name), client=client, tool_thread_pool_config=ToolThreadPoolConfig())
    assert results(events) == {"call-1": "done for alice"}
    assert len(body.runs) == 1


def test_live_streaming_tool(desk: Server) -> None:
    """Its work would go on outside of the gate. The model reads at once that it has begun, and then that it failed."""
    runs: list[str] = []

    async def auto_stream(to: str) -> AsyncGenerator[str, None]:
        runs.append(to)
        yield "sent"

    live(desk, auto_stream, one_call("auto_stream", to="alice"), reads=2)
    assert runs == []
    assert all_of(desk, "auto_stream") == []


def test_live_tool_of_the_provider(desk: Server) -> None:
    """It is refused before the model is connected: with audio alone, ADK calls no plugin before the model."""
    model = scripted()
    model.model = "gemini-2.5-flash"
    connected: list[Any] = []

    @asynccontextmanager
    async def connect(request: Any) -> AsyncGenerator[Connection, None]:
        connected.append(request)
        yield Connection(says("hello"), 0)

    object.__setattr__(model, "connect", connect)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = an_agent(GoogleSearchTool(bypass_multi_tools_limit=False))
            agent.model = model
            runner = a_runner(an_app(agent, ApprovalPlugin(client)))
            queue = LiveRequestQueue()
            queue.send_realtime(types.Blob(data=b"hello", mime_type="audio/pcm"))
            run_config = RunConfig(streaming_mode=StreamingMode.BIDI, response_modalities=["TEXT"])
            async for event in runner.run_live(**USER, live_request_queue=queue, run_config=run_config):
                if event.turn_complete:
                    queue.close()
                    break

    with pytest.raises(RuntimeError, match="google_search cannot be gated"):
        asyncio.run(main())
    assert connected == []

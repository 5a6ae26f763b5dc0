"""Agents at work behind the gate, with a model that answers as it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from google.adk.agents.llm_agent import LlmAgent
from google.adk.apps.app import App
from google.adk.events.event import Event
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.genai import types
from reviewing import before_its_end

import signoff
from reviewers import decide, pending
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin

REJECTED = "NOT RUN. A reviewer rejected the call to {}: Use the staging list. Do not try it again."

USER: Any = {"user_id": "carol", "session_id": "session-1"}


class Scripted(BaseLlm):
    """Answers with its steps, one for each request, and then with "done"."""

    steps: list[types.Content]
    read: list[Any]

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002
    ) -> AsyncGenerator[LlmResponse, None]:
        self.read.append(llm_request.contents)
        yield LlmResponse(content=self.steps.pop(0) if self.steps else says("done"))


def scripted(*steps: types.Content) -> Scripted:
    return Scripted(model="scripted", steps=list(steps), read=[])


def says(text: str) -> types.Content:
    return types.Content(role="model", parts=[types.Part(text=text)])


def calls(*each: tuple[str | None, str, dict[str, Any]]) -> types.Content:
    """A turn with calls: id, tool and arguments. Without an id ADK gives one."""
    parts = [
        types.Part(function_call=types.FunctionCall(id=call_id, name=name, args=args)) for call_id, name, args in each
    ]
    return types.Content(role="model", parts=parts)


def one_call(name: str, **arguments: Any) -> types.Content:
    return calls(("call-1", name, arguments or {"to": "alice", "amount": 2}))


def user(text: str = "go") -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


def results(events: Sequence[Event]) -> dict[str, Any]:
    """What the model reads of its calls, by their ids; the newest of each."""
    found: dict[str, Any] = {}
    for event in events:
        for response in event.get_function_responses():
            body = response.response or {}
            found[response.id or ""] = body.get("error") or body.get("result") or body
    return found


class Body:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, result: Any = None) -> None:
        self.runs: list[dict[str, Any]] = []

        async def send(to: str, amount: float = 1.5) -> str:
            """Sends something."""
            self.runs.append({"to": to, "amount": amount})
            if isinstance(result, BaseException):
                raise result
            return f"done for {to}"

        send.__name__ = name
        self.tool: Callable[..., Any] = send


def an_agent(*tools: Any, steps: Sequence[types.Content] = (), name: str = "mailer", **options: Any) -> LlmAgent:
    return LlmAgent(name=name, model=scripted(*steps), tools=list(tools), **options)


def an_app(agent: Any, *plugins: Any, **options: Any) -> App:
    return App(name="mail", root_agent=agent, plugins=list(plugins), **options)


def a_runner(app: App, sessions: Any = None) -> Runner:
    return Runner(app=app, session_service=sessions or InMemorySessionService(), auto_create_session=True)


async def events_of(runner: Runner, message: types.Content | None = None, **options: Any) -> list[Event]:
    return [event async for event in runner.run_async(**USER, new_message=message or user(), **options)]


def run(
    server: Server,
    agent: Any,
    meanwhile: Callable[[], Any] | None = None,
    *,
    address: str | None = None,
    plugins: Callable[[ApprovalPlugin], list[Any]] = lambda gate: [gate],
    sessions: Any = None,
    message: types.Content | None = None,
    app: dict[str, Any] | None = None,
    **options: Any,
) -> list[Event]:
    """Runs the agent with the plugin; `meanwhile` runs beside it."""

    async def main() -> list[Event]:
        async with signoff.AsyncClient(address or server.address, token=server.agent) as client:
            around = plugins(ApprovalPlugin(client, **options))
            runner = a_runner(an_app(agent, *around, **(app or {})), sessions)
            running = asyncio.ensure_future(events_of(runner, message))
            if meanwhile:
                await before_its_end(running, meanwhile)
            return await running

    return asyncio.run(main())


def approve(server: Server, name: str) -> None:
    decide(server, pending(server, name), approve=True)

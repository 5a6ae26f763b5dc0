"""An agent with a scripted model, in each form that the Microsoft Agent Framework runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from agent_framework import (
    Agent,
    AgentSession,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    FunctionTool,
    Message,
    ResponseStream,
)
from reviewing import before_its_end

import signoff
from reviewers import pending
from servers import Server
from signoff.adapters.agent_framework import gate

KINDS = ["whole", "stream"]
GO = "go"


class Scripted(FunctionInvocationLayer, ChatMiddlewareLayer, BaseChatClient):
    """A model that makes the calls of each step, and says "done" when there are no more."""

    def __init__(self, *steps: Sequence[Content], **options: Any) -> None:
        super().__init__(**options)
        self.steps = list(steps)
        self.read: list[dict[str, str]] = []
        """The results that it was given, by call id, in each turn that follows one with calls."""
        self.turns = 0
        self.options: Any = None

    def _inner_get_response(self, *, messages: Sequence[Message], stream: bool, options: Any, **_: Any) -> Any:
        self.turns += 1
        self.options = options
        if results := results_in(messages):
            self.read.append(results)
        contents = [*self.steps.pop(0)] if self.steps else [Content.from_text("done")]

        async def whole() -> ChatResponse:
            return ChatResponse(messages=[Message("assistant", contents)])

        async def updates() -> AsyncIterator[ChatResponseUpdate]:
            for each in contents:
                yield ChatResponseUpdate(role="assistant", contents=[each])

        return ResponseStream(updates(), finalizer=ChatResponse.from_updates) if stream else whole()


def results_in(messages: Sequence[Message]) -> dict[str, str]:
    """Tool results, by call id, as a model reads them."""
    contents = [each for message in messages for each in message.contents]
    return {each.call_id or "": str(each.result) for each in contents if each.type == "function_result"}


def call(name: str, call_id: str = "call-1", /, **arguments: Any) -> Content:
    """What a model asks for."""
    return Content.from_function_call(call_id=call_id, name=name, arguments=arguments or {"to": "alice@example.com"})


class Mail:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, result: Any = None, **options: Any) -> None:
        self.runs: list[dict[str, Any]] = []

        async def send(to: str, count: int = 1) -> str:
            self.runs.append({"to": to, "count": count})
            if isinstance(result, BaseException):
                raise result
            return f"sent {count} to {to}"

        self.tool = FunctionTool(name=name, func=send, **options)


async def run_as(kind: str, agent: Any, given: Any = GO, **options: Any) -> Any:
    """The response of a run, whole or as a stream."""
    if kind == "whole":
        return await agent.run(given, **options)
    stream = agent.run(given, stream=True, **options)
    async for _ in stream:
        pass
    return await stream.get_final_response()


class Runner:
    """Runs agents."""

    def __init__(self, server: Server, kind: str) -> None:
        self.server = server
        self.kind = kind
        self.address = server.address
        self.response: Any = None
        self.model = Scripted()

    def run(
        self,
        tools: Any,
        *steps: Sequence[Content],
        given: Any = GO,
        session: AgentSession | None = None,
        model: Scripted | None = None,
        gives_up: bool = False,
        meanwhile: Callable[[], object] | None = None,
        of_run: dict[str, Any] | None = None,
        of_agent: dict[str, Any] | None = None,
        of_model: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, str]:
        """The results that the model gets for its calls, by their ids."""
        self.model = model or Scripted(*steps, **(of_model or {}))
        # A test that waits for nobody ends.
        options.setdefault("timeout", 20)

        async def main() -> Any:
            async with signoff.AsyncClient(self.address, token=self.server.agent) as client:
                agent = gate(Agent(self.model, tools=tools, name="mailer", **(of_agent or {})), client, **options)
                running = asyncio.ensure_future(run_as(self.kind, agent, given, session=session, **(of_run or {})))
                if gives_up:
                    await asyncio.to_thread(pending, self.server, tools[0].name)
                    running.cancel()
                if meanwhile:
                    await before_its_end(running, meanwhile)
                return await running

        self.response = asyncio.run(main())
        return results_in(self.response.messages)

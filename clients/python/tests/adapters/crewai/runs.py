"""Crews and agents with a scripted model, in each form that CrewAI runs them in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import BaseTool, tool
from pydantic import PrivateAttr

import signoff
from servers import Server
from signoff.adapters.crewai import gate

KINDS = ["crew native", "crew text", "acrew native", "acrew text", "agent native", "agent text", "aagent native"]
"""What runs, and how its model calls tools: in the provider's form, or in text that CrewAI parses."""


MODES = pytest.mark.parametrize("is_native", [True, False], ids=["native", "text"])


class Scripted(BaseLLM):
    """A model that makes its calls, and says "done" when it has read their results."""

    _turns: list[list[tuple[str, dict[str, Any]]]] = PrivateAttr(default_factory=list)
    _is_native: bool = PrivateAttr(default=True)
    _seen: list[list[Any]] = PrivateAttr(default_factory=list)

    def __init__(self, turns: Sequence[Sequence[tuple[str, dict[str, Any]]]], *, native: bool) -> None:
        super().__init__(model="scripted")
        # In text a model makes one call at a time.
        self._turns = [list(turn) for turn in turns] if native else [[each] for turn in turns for each in turn]
        self._is_native = native

    def supports_function_calling(self) -> bool:
        return self._is_native

    def supports_stop_words(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return 100_000

    def get_input_tokens_count(self, *_: Any, **__: Any) -> int:
        return 10

    def call(self, messages: Any, *_: Any, **__: Any) -> Any:
        self._seen.append(json.loads(json.dumps(messages, default=str)))
        if not self._turns:
            return "done" if self._is_native else "Thought: I now know the final answer\nFinal Answer: done"
        turn = self._turns.pop(0)
        if not self._is_native:
            [(name, arguments)] = turn
            return f"Thought: go\nAction: {name}\nAction Input: {json.dumps(arguments)}"
        return [
            {"id": f"call-{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for index, (name, arguments) in enumerate(turn)
        ]

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(self.call, *args, **kwargs)

    @property
    def read(self) -> list[str]:
        """The results that the model has read, in order."""
        last = self._seen[-1] if self._seen else []
        if self._is_native:
            return [str(each["content"]) for each in last if each.get("role") == "tool"]
        texts = [str(each["content"]) for each in last if each.get("role") == "assistant"]
        return [each.split("\nObservation:", 1)[1].strip() for each in texts if "\nObservation:" in each]


def mailer(model: Any, tools: Sequence[BaseTool], **options: Any) -> Agent:
    return Agent(role="Mailer", goal="Write e-mails", backstory="A mailer.", llm=model, tools=list(tools), **options)


def crew_of(*agents: Agent, **options: Any) -> Crew:
    task = Task(description="Write to Alice.", expected_output="What was done.", agent=agents[0])
    return Crew(agents=list(agents), tasks=[task], **options)


def delegating(model: Any, *others: Agent) -> Crew:
    lead = Agent(role="Lead", goal="Lead", backstory="A lead.", llm=model, allow_delegation=True)
    return crew_of(lead, *others)


class Runner:
    """Runs crews and agents, all of whose tools are behind the gate."""

    def __init__(self, server: Server, kind: str) -> None:
        self.server = server
        self.kind, mode = kind.split()
        self.is_native = mode == "native"
        self.address = server.address
        self.model = Scripted([], native=self.is_native)
        self.output: Any = None
        self.target: Any = None

    def run(
        self,
        tools: Sequence[BaseTool],
        *turns: Sequence[tuple[str, dict[str, Any]]],
        agent: Any = None,
        crew: Any = None,
        change: Callable[[Any], None] = lambda _: None,
        **options: Any,
    ) -> list[str]:
        """What the model reads as the results of its calls."""
        self.model = Scripted(turns, native=self.is_native)
        with signoff.Client(self.address, token=self.server.agent) as client:
            worker = mailer(self.model, tools, **(agent or {}))
            target: Any = worker if "agent" in self.kind else crew_of(worker, **(crew or {}))
            change(target)
            self.target = gate(target, client, **options)
            self.output = self.start(self.target)
        return self.model.read

    def start(self, target: Any) -> Any:
        match self.kind:
            case "crew":
                return target.kickoff()
            case "acrew":
                return asyncio.run(target.akickoff())
            case "agent":
                return target.kickoff("Write to Alice.")
            case _:
                return asyncio.run(target.kickoff_async("Write to Alice."))


class Mail:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, result: Any = None, **options: Any) -> None:
        self.runs: list[dict[str, Any]] = []

        @tool(name, **options)
        def send(to: str, count: int = 1) -> str:
            """Sends."""
            self.runs.append({"to": to, "count": count})
            if isinstance(result, Exception):
                raise result
            return result or f"sent {count} to {to}"

        self.tool: BaseTool = send


def call(name: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """What a model asks for."""
    return name, arguments or {"to": "alice@example.com"}

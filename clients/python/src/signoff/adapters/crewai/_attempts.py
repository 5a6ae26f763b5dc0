"""What CrewAI does not say of a call: which run it belongs to, and whether it is made again."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from crewai.execution import get_execution_uuid
from crewai.hooks.dispatch import HookAborted
from crewai.hooks.tool_hooks import (
    ToolCallHookContext,
    get_after_tool_call_hooks,
    get_before_tool_call_hooks,
    register_after_tool_call_hook,
    register_before_tool_call_hook,
)

from ..._cancel_handle import CancelHandle
from ..._digest import digest

MAX_CHAIN = 16
"""Agents in a chain; servers take no more."""

MAX_NAME = 128
"""Characters of an agent's name, likewise."""


class Attempt:
    """An agent that works on a task, or on messages, once. CrewAI begins anew after errors and failed guardrails.

    handle: cancelled when the attempt has ended. A thread of its own may still wait then, and must not run anything.
    """

    def __init__(self, agent: Any, task: Any, outer: Attempt | None) -> None:
        self.agent = agent
        self.task = task
        self.handle = CancelHandle()
        self._outer = outer
        self._own_id = str(uuid.uuid4())
        self._lock = threading.Lock()
        self._made: Counter[str] = Counter()
        self._is_again = outer is not None and outer.agent is agent and outer.task is task
        # Of the same tasks that the outer agent hands on.
        self._number = outer._next(json.dumps(self._named)) if outer and not self._is_again else 0

    @property
    def run_id(self) -> str:
        """That of the kickoff; without one, an id for what was begun outside of it."""
        return get_execution_uuid() or (self._outer.run_id if self._outer else self._own_id)

    @property
    def chain(self) -> tuple[str, ...]:
        """The agents that delegated to this one, the first one first."""
        outer = self._outer
        if outer is None:
            return ()
        if self._is_again:
            return outer.chain
        return (*outer.chain, name_of(outer.agent))[-MAX_CHAIN:]

    def call_id(self, run_id: str, tool_name: str, arguments: dict[str, Any]) -> str:
        """Names a call by what it is, as CrewAI hands the model's own id to nobody.

        Of the same calls in one attempt each has a number. An attempt that is made again counts from the beginning, so
        that it finds the approvals of the first.
        """
        call = digest(tool_name, arguments)
        # The caller's own run may go on in another process, where all ids are others.
        place = self._place(by_ids=run_id == self.run_id)
        return json.dumps([*place, call, self._next(call)])

    @property
    def _named(self) -> list[Any]:
        return [getattr(self.task, "key", None), name_of(self.agent)]

    def _place(self, *, by_ids: bool) -> list[Any]:
        """What the attempt has in common with those that repeat it."""
        if self._outer:
            outer = self._outer._place(by_ids=by_ids)
            return outer if self._is_again else [*outer, *self._named, self._number]
        if not by_ids:
            return self._named
        if self.task is None:
            return [self._own_id]
        kickoff = getattr(getattr(self.agent, "crew", None), "_kickoff_event_id", None)
        return [str(self.task.id), str(kickoff), str(self.agent.id)]

    def _next(self, what: str) -> int:
        with self._lock:
            number = self._made[what]
            self._made[what] += 1
        return number


_attempt: ContextVar[Attempt | None] = ContextVar("signoff_crewai_attempt", default=None)


def current_attempt() -> Attempt | None:
    """The attempt that the calling code is part of. CrewAI copies contexts into its threads."""
    return _attempt.get()


_stops: ContextVar[tuple[CancelHandle, ...]] = ContextVar("signoff_crewai_stops", default=())


def current_stops() -> tuple[CancelHandle, ...]:
    """What the calling code is part of, and gives up with: agents' attempts, each within the other, and kickoffs."""
    return _stops.get()


@contextmanager
def attempt(agent: Any, task: Any, seconds: float | None = None) -> Generator[None]:
    """One attempt; when it ends, or its seconds are over, nothing of it is waited for any more."""
    made = Attempt(agent, task, _attempt.get())
    token = _attempt.set(made)
    stops = _stops.set((*_stops.get(), made.handle))
    # CrewAI waits for its own thread after a time-out, and would let it run the tool.
    timer = threading.Timer(seconds, made.handle.cancel) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()
        made.handle.cancel()
        _stops.reset(stops)
        _attempt.reset(token)


@contextmanager
def kickoff_in_thread() -> Generator[None]:
    """A kickoff that CrewAI makes in a thread; when its caller is cancelled, nothing of it is waited for any more."""
    handle = CancelHandle()
    token = _stops.set((*_stops.get(), handle))
    try:
        yield
    except asyncio.CancelledError:
        handle.cancel()
        raise
    finally:
        _stops.reset(token)


async def stream_of_thread(chunks: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    """The stream of such a kickoff, whose thread begins when it is read; when it is closed, likewise."""
    handle = CancelHandle()
    stops = (*_stops.get(), handle)
    try:
        while True:
            token = _stops.set(stops)
            try:
                chunk = await chunks.__anext__()
            except StopAsyncIteration:
                return
            finally:
                _stops.reset(token)
            yield chunk
    finally:
        handle.cancel()
        await chunks.aclose()


def name_of(agent: Any) -> str:
    """The agent's role on one line: those of YAML files end with a line feed."""
    return " ".join(str(getattr(agent, "role", None) or "").split())[:MAX_NAME]


class ModelCall:
    """One call of a tool by a model.

    CrewAI runs a tool of the text path again when it raised, up to six times and once with arguments that it had left
    out before, and when what follows on it raised. What the first run ended with stands for all of them.
    """

    def __init__(self, agent: Any = None, task: Any = None) -> None:
        self.agent = agent
        self.task = task
        self._ended: dict[int, Outcome] = {}

    def ended(self, tool: object) -> Outcome | None:
        """What the tool's run ended with, if it was run."""
        return self._ended.get(id(tool))

    def end(self, tool: object, outcome: Outcome) -> None:
        """Keeps what the tool's run ended with."""
        self._ended[id(tool)] = outcome


class Outcome:
    """What a gated call ended with."""

    def __init__(self, result: Any = None, error: Exception | None = None) -> None:
        self._result = result
        self._error = error

    def settled(self) -> Any:
        """The result; raises the error, if it is one."""
        if self._error:
            raise self._error
        return self._result


_model_call: ContextVar[ModelCall | None] = ContextVar("signoff_crewai_model_call", default=None)


def current_model_call() -> ModelCall:
    """The model's call that the calling code is part of; a new one for calls that are not a model's."""
    return _model_call.get() or ModelCall()


@contextmanager
def own_model_call() -> Generator[None]:
    """A call by `run`, which CrewAI does not make again: hooks and listeners may make others within a model's call."""
    made = current_model_call()
    token = _model_call.set(ModelCall(made.agent, made.task))
    try:
        yield
    finally:
        _model_call.reset(token)


@contextmanager
def no_model_call() -> Generator[None]:
    """While a tool works: the calls that it makes itself are others."""
    token = _model_call.set(None)
    try:
        yield
    finally:
        _model_call.reset(token)


def _begin(context: ToolCallHookContext) -> None:
    from ._gate import is_around

    if not is_around(context.agent, context.tool):
        raise HookAborted(f"{context.tool_name} is not behind the gate of its agent")
    _model_call.set(ModelCall(context.agent, context.task))


def _end(_: ToolCallHookContext) -> None:
    _model_call.set(None)


def watch_model_calls() -> None:
    """Notes where each call of a model begins and ends.

    By hooks, which run before and after each call, once. They decide nothing that would be allowed by their failure.
    """
    if _begin not in get_before_tool_call_hooks():
        register_before_tool_call_hook(_begin)
    if _end not in get_after_tool_call_hooks():
        register_after_tool_call_hook(_end)

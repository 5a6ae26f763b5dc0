"""The gate around the tools of crews and agents."""

from __future__ import annotations

import asyncio
import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from crewai import Agent, Crew
from crewai.agent.core import AgentExecutor  # its module moved
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.tools import BaseTool
from crewai.tools.agent_tools.ask_question_tool import AskQuestionTool
from crewai.tools.agent_tools.base_agent_tools import BaseAgentTool
from crewai.tools.agent_tools.delegate_work_tool import DelegateWorkTool
from crewai.types.streaming import CrewStreamingOutput
from crewai.utilities.agent_utils import parse_tools

from ..._call import Call
from ..._call_options import CallOptions, check_names, check_options
from ..._cancel_handle import CancelHandle
from ..._client import Client
from ..._warnings import Warnings
from ._attempts import (
    ModelCall,
    attempt,
    current_attempt,
    current_stops,
    kickoff_in_thread,
    name_of,
    stream_of_thread,
    watch_model_calls,
)
from ._tools import GatedTool, gated_tool

_Target = TypeVar("_Target")

_HAND_ON = (AskQuestionTool, DelegateWorkTool)
"""Tools that only give a task to another agent."""

_READER = ("crewai.tools.agent_tools.deferred_tool_result_reader", "DeferredToolResultReader")
"""Reads long results of an agent's tools; CrewAI adds it while the agent works. Older versions do not have it."""

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool, for `options_for`.

    tool: the tool itself.
    arguments: what a reviewer sees.
    agent: the agent that makes the call; None if the tool is called outside of one.
    task: the agent's task; None if it has none, as in `Agent.kickoff`.
    """

    tool: BaseTool
    arguments: dict[str, Any]
    agent: Any
    task: Any


OptionsFor = Callable[[ToolCall], CallOptions]


def gate(
    target: _Target,
    client: Client,
    *,
    ungated: Sequence[str] = (),
    options_for: OptionsFor | None = None,
    **options: Any,
) -> _Target:
    """Gates the tools of a crew, an agent or a list; returns the crew, the agent, or gated tools.

        crew = gate(Crew(agents=[mailer], tasks=[task]), signoff.Client())

    Crews and agents are changed themselves, so that no other reference bypasses the gate: all tools that they have
    when they run, also those of tasks and MCP servers and those that CrewAI adds, and the agents that they delegate to.
    For a list or a single tool it returns gated copies, and does not change the given ones.

    ungated: names of tools that run outside this process: `builtin_tools` of the model, and "a2a".
    options_for: returns the options of one call. An exception in it is the tool's error, and the tool does not run.
    options: those of Call, for all calls.

    Raises TypeError or ValueError for invalid options, and for targets that cannot be gated.
    """
    if not isinstance(client, Client):
        raise TypeError(f"client must be a Client, not {client!r}: CrewAI runs tools in threads")
    check_names("ungated", ungated)
    if not (options_for is None or callable(options_for)):
        raise TypeError(f"options_for must be a function, not {options_for!r}")
    check_options(options)
    for name in _OF_ONE_CALL:
        if name in options:
            raise TypeError(f"{name} differs for each call: set it in options_for")
    made = Gate(client, frozenset(ungated), options_for, cast("CallOptions", options))
    if isinstance(target, (Crew, Agent)):
        if gate_of(target):
            raise TypeError(f"{_named(target)} is gated already")
        made.put_around(target)
        watch_model_calls()
        return target
    tools = target if isinstance(target, (list, tuple)) else [target]
    for each in tools:
        if not isinstance(each, BaseTool):
            raise TypeError(f"only crews, agents and tools of CrewAI can be gated, not {each!r}")
    watch_model_calls()
    gated = [gated_tool(each, made) for each in tools]
    return cast("_Target", gated if isinstance(target, (list, tuple)) else gated[0])


class Gate:
    """The options of `gate`, and its work on crews and agents."""

    def __init__(
        self, client: Client, ungated: frozenset[str], options_for: OptionsFor | None, options: CallOptions
    ) -> None:
        self.client = client
        self.warnings = Warnings()
        self._ungated = ungated
        self._options_for = options_for
        self._options = options

    def put_around(self, target: Crew | BaseAgent) -> None:
        """Gates a crew or an agent, and all that it leads to; those that are gated stay as they are."""
        if gate_of(target):
            return
        if isinstance(target, Crew):
            found = [*target.agents, *(task.agent for task in target.tasks), target.manager_agent]
            for agent in found:
                if agent:
                    self._check(agent)
            for agent in found:
                if agent:
                    self.put_around(agent)
            target.__class__ = _gated_crew(type(target), self)
            return
        self._check(target)
        target.__class__ = _gated_agent(cast("type[Agent]", type(target)), self)

    def _check(self, agent: BaseAgent) -> None:
        """Raises TypeError for an agent whose tools would run without the gate."""
        if not isinstance(agent, Agent):
            raise TypeError(
                f"{_named(agent)} runs its tools in its own way: give it gated ones, as in tools=gate(tools, client)"
            )
        if not issubclass(agent.executor_class, AgentExecutor):
            # It runs tools in threads without the context of their call.
            raise TypeError(f"{_named(agent)} has {agent.executor_class.__name__}: gated agents need AgentExecutor")
        if agent.a2a and "a2a" not in self._ungated:
            raise TypeError(
                f"{_named(agent)} may use agents elsewhere (a2a), whose tools are not gated: remove it, or name it in "
                "ungated"
            )
        for name in getattr(agent.llm, "builtin_tools", None) or ():
            if name not in self._ungated:
                raise TypeError(f"the model of {_named(agent)} runs {name} itself: remove it, or name it in ungated")

    def put_within(self, executor: Any, agent: Agent) -> None:
        """Gates all tools that an agent is about to run with."""
        self._check(agent)
        # Hooks can be cleared.
        watch_model_calls()
        tools = [self._tool(each) for each in executor.original_tools]
        executor.original_tools = tools
        executor.tools = parse_tools(tools)
        if not getattr(type(executor), "_signoff_gives_up", False):
            executor.__class__ = _giving_up(type(executor))
        # It has the tools that it was made with.
        executor._step_executor = None
        # A result in it would be handed to a call that nobody approved.
        if executor.tools_handler:
            executor.tools_handler.cache = None

    def _tool(self, tool: BaseTool) -> BaseTool:
        if isinstance(tool, BaseAgentTool):
            # What its agents run is behind the gate.
            for agent in tool.agents:
                self.put_around(agent)
        return tool if type(tool) in _HAND_ON else gated_tool(tool, self)

    def call(
        self, tool: BaseTool, name: str, shown: dict[str, Any], schema: dict[str, Any] | None, made: ModelCall
    ) -> tuple[Call, list[CancelHandle]]:
        """The call to ask for, and what makes it give up."""
        working = current_attempt()
        agent, task = (working.agent, working.task) if working else (made.agent, made.task)
        options: dict[str, Any] = {"agent_name": name_of(agent) or None, "arguments_schema": schema}
        if working:
            options.update(run_id=working.run_id, chain=working.chain)
        options.update(self._options)
        if self._options_for:
            own = self._options_for(ToolCall(tool, shown, agent, task))
            check_options(own)
            options.update(own)
        if options.get("derive_schema") is False and options["arguments_schema"] is schema:
            options["arguments_schema"] = None
        if working and options.get("run_id") and not (options.get("request_id") or options.get("call_id")):
            options["call_id"] = working.call_id(options["run_id"], name, shown)
        own_stop: CancelHandle | None = options.pop("cancel_handle", None)
        return Call(name, shown, **options), [*current_stops(), *([own_stop] if own_stop else ())]


def _gated_agent(own: type[Agent], gate: Gate) -> type[Agent]:
    """The class of a gated agent: whatever tools it has when it runs, they are gated.

    The class, and not the object, has the gate: CrewAI makes copies of agents from their fields.
    """

    def execute_task(self: Agent, task: Any, *args: Any, **kwargs: Any) -> Any:
        with attempt(self, task, self.max_execution_time):
            return own.execute_task(self, task, *args, **kwargs)

    async def aexecute_task(self: Agent, task: Any, *args: Any, **kwargs: Any) -> Any:
        with attempt(self, task, self.max_execution_time):
            return await own.aexecute_task(self, task, *args, **kwargs)

    def kickoff(self: Agent, *args: Any, **kwargs: Any) -> Any:
        # Within an event loop it gives the coroutine of kickoff_async, which is an attempt of its own.
        with attempt(self, None):
            return own.kickoff(self, *args, **kwargs)

    async def kickoff_async(self: Agent, *args: Any, **kwargs: Any) -> Any:
        with attempt(self, None):
            return await own.kickoff_async(self, *args, **kwargs)

    def create_agent_executor(self: Agent, *args: Any, **kwargs: Any) -> None:
        own.create_agent_executor(self, *args, **kwargs)
        gate.put_within(self.agent_executor, self)

    def _prepare_kickoff(self: Agent, *args: Any, **kwargs: Any) -> Any:
        prepared = own._prepare_kickoff(self, *args, **kwargs)
        gate.put_within(prepared[0], self)
        return prepared

    members = [execute_task, aexecute_task, kickoff, kickoff_async, create_agent_executor, _prepare_kickoff]
    return _gated_class(own, gate, members)


@functools.cache
def _giving_up(own: type[Any]) -> type[Any]:
    """The class of an executor whose calls wait no longer when it is cancelled, as by Ctrl-C.

    It runs tools in threads, which it waits for, and which would run a tool that is approved meanwhile.
    """

    async def kickoff_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await own.kickoff_async(self, *args, **kwargs)
        except asyncio.CancelledError:
            working = current_attempt()
            if working:
                working.handle.cancel()
            raise

    namespace = {"kickoff_async": kickoff_async, "__module__": own.__module__, "__qualname__": own.__qualname__}
    made = types.new_class(own.__name__, (own,), {}, lambda body: body.update(namespace))
    type.__setattr__(made, "_signoff_gives_up", True)
    return made


def _gated_crew(own: type[Crew], gate: Gate) -> type[Crew]:
    """The class of a gated crew: whichever agents work for it, they are gated."""

    def _get_agent_to_use(self: Crew, task: Any) -> Any:
        agent = own._get_agent_to_use(self, task)
        if agent:
            gate.put_around(agent)
        return agent

    def copy(self: Crew) -> Crew:
        copied = own.copy(self)
        gate.put_around(copied)
        return copied

    async def kickoff_async(self: Crew, *args: Any, **kwargs: Any) -> Any:
        with kickoff_in_thread():
            result: Any = await own.kickoff_async(self, *args, **kwargs)
        if isinstance(result, CrewStreamingOutput) and result._async_iterator:
            result._async_iterator = stream_of_thread(cast("Any", result._async_iterator))
        return result

    return _gated_class(own, gate, [_get_agent_to_use, copy, kickoff_async])


def _gated_class(own: type[_Target], gate: Gate, members: Sequence[Callable[..., Any]]) -> type[_Target]:
    for each in members:
        if not callable(getattr(own, each.__name__, None)):
            raise TypeError(f"this version of CrewAI is not known: its {own.__name__} has no {each.__name__}")

    def from_checkpoint(_: type[_Target], config: Any) -> Any:
        restored: Any = cast("Any", own).from_checkpoint(config)
        gate.put_around(restored)
        return restored

    namespace: dict[str, Any] = {each.__name__: each for each in members}
    namespace.update(
        from_checkpoint=classmethod(from_checkpoint), __module__=own.__module__, __qualname__=own.__qualname__
    )
    # One base only: an object can change only to a class with the same layout.
    made = types.new_class(own.__name__, (own,), {}, lambda body: body.update(namespace))
    type.__setattr__(made, "_signoff_gate", gate)
    return made


def gate_of(target: object) -> Gate | None:
    """The gate around a crew or an agent, if there is one."""
    found = getattr(type(target), "_signoff_gate", None)
    return found if isinstance(found, Gate) else None


def is_around(agent: object, tool: object) -> bool:
    """Whether a tool that an agent is about to run is behind the agent's gate, if it has one."""
    if gate_of(agent) is None or tool is None:
        return True
    inner = getattr(tool, "_original_tool", None)
    kind = type(inner)
    return isinstance(inner, GatedTool) or kind in _HAND_ON or (kind.__module__, kind.__qualname__) == _READER


def _named(target: Any) -> str:
    return f"the {type(target).__name__} {name_of(target) or getattr(target, 'name', None) or 'without a name'}"

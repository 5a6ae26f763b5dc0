"""The gate around the tools of agents."""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from agents import Agent, FunctionTool, Handoff, RunContextWrapper, Tool, handoff

from ..._aio_client import AsyncClient
from ..._call import Call
from ..._call_options import CallOptions, check_names, check_options
from .._json_schemas import sendable
from ._arguments import ToolArguments
from ._runs import note_caller, record_of
from ._tools import GatedTool, invoker_of

_log = logging.getLogger("signoff")

_Agent = TypeVar("_Agent", bound=Agent[Any])

_OWN = ("agent_name", "chain", "call_id", "request_id", "arguments_schema", "cancel_handle")
"""Options that the gate sets for each call, or that would be the same for all of them."""


def gate(
    agent: _Agent,
    client: AsyncClient,
    *,
    run_id: str | Callable[[RunContextWrapper[Any]], str] | None = None,
    durable: bool = False,
    ungated: Sequence[str] = (),
    on_refusal: str = "return",
    derive_schema: bool = True,
    per_call: Callable[[RunContextWrapper[Any]], CallOptions] | None = None,
    **options: Any,
) -> _Agent:
    """Gates the tools of an agent, and of all agents that it hands off to; returns the agent.

        agent = gate(triage, signoff.AsyncClient())

    The agents themselves are changed, so that no other reference bypasses the gate: their tools, also those of MCP
    servers and those that are added later, and their hand-offs. An agent used as a tool is gated too; its call is not.
    Calls have the agent's name, and in `chain` the agents that handed the task on.

    run_id: the name of the run (conversation, job), or a function of the run's context that returns it. Unless set, the
        `group_id` of the RunConfig, or random for each run. With the same name, a call with the same id of the model
        finds its earlier approval.
    durable: pause the run at a call, for `decisions`, instead of waiting within it. Needs `run_id`.
    ungated: names of tools without a gate: those that no function of this process runs, such as web search.
    on_refusal: "return" makes the refusal's text the tool's result; "raise" ends the run.
    derive_schema: whether to send a tool's JSON schema, so that the server rejects edits that do not fit.
    per_call: returns the options of each call, from the run's context, such as `on_behalf_of`.
    options: those of Call.

    Raises TypeError or ValueError for invalid options, and for tools that cannot be gated; such a tool that is added
    later ends the run.
    """
    if not isinstance(client, AsyncClient):
        raise TypeError("gate needs an AsyncClient: the SDK runs tools in an event loop")
    if not isinstance(agent, Agent):
        raise TypeError(f"only agents can be gated, not {agent!r}")
    if gate_of(agent):
        raise TypeError(f"the agent {agent.name} is gated already")
    check_names("ungated", ungated)
    if on_refusal not in ("return", "raise"):
        raise ValueError(f'on_refusal must be "return" or "raise", not {on_refusal!r}')
    if "run_id" in options or not (run_id is None or isinstance(run_id, str) or callable(run_id)):
        raise TypeError(f"run_id must be text or a function, not {run_id!r}")
    if durable and not run_id:
        raise TypeError("durable needs run_id: another process finds the approvals of a run by its name")
    of_calls = cast("CallOptions", options)
    _check_options(of_calls)
    Gate(client, run_id, durable, ungated, on_refusal, derive_schema, per_call, of_calls).put_around(agent)
    return agent


def _check_options(options: CallOptions) -> None:
    for name in _OWN:
        if name in options:
            raise TypeError(f"{name} cannot be set for all calls of an agent")
    check_options(options)


class Gate:
    """The options of `gate`, and its work on agents."""

    def __init__(
        self,
        client: AsyncClient,
        run_id: str | Callable[[RunContextWrapper[Any]], str] | None,
        durable: bool,
        ungated: Sequence[str],
        on_refusal: str,
        derive_schema: bool,
        per_call: Callable[[RunContextWrapper[Any]], CallOptions] | None,
        options: CallOptions,
    ) -> None:
        self.client = client
        self.durable = durable
        self.returns = on_refusal == "return"
        self.derive_schema = derive_schema
        self._run_id = run_id
        self._ungated = frozenset(ungated)
        self._per_call = per_call
        self._options = options
        self._warned: set[str] = set()

    def put_around(self, agent: Agent[Any]) -> None:
        """Gates an agent and all that it leads to; agents that are gated stay as they are."""
        if gate_of(agent):
            return
        self.check_behavior(agent)
        # All tools are looked at before anything is changed.
        tools = [self.tool(each) for each in agent.tools]
        agent.__class__ = _gated_class(type(agent), self)
        agent.tools = tools
        self.handoffs(agent)

    def check_behavior(self, agent: Agent[Any]) -> None:
        """Raises TypeError where a refusal's text would be the run's result, as if the tool had said it."""
        behavior = agent.tool_use_behavior
        if self.returns and (behavior == "stop_on_first_tool" or isinstance(behavior, dict)):
            raise TypeError(
                f"the agent {agent.name} ends with a tool's result (tool_use_behavior), and the text of a refusal "
                "would be that result: it needs on_refusal='raise'"
            )

    def tool(self, tool: Tool) -> Tool:
        """The tool behind the gate; raises TypeError for one that cannot be."""
        if not isinstance(tool, FunctionTool):
            if tool.name in self._ungated:
                return tool
            raise TypeError(
                f"{tool.name} ({type(tool).__name__}) cannot be gated: no function of this process runs it, or it has "
                "no JSON arguments. Remove it, or name it in ungated"
            )
        if tool.name in self._ungated:
            raise TypeError(f"{tool.name} runs in this process: let a rule of the policy approve it, not ungated")
        if invoker_of(tool):
            return tool
        if getattr(tool, "_is_agent_tool", False):
            inner = getattr(tool, "_agent_instance", None)
            if not isinstance(inner, Agent):
                raise TypeError(f"{tool.name} is an agent that cannot be found, so that its tools cannot be gated")
            # Its call only hands a task on; what it runs is behind the gate.
            self.put_around(inner)
            return tool
        return GatedTool(self, tool).as_tool()

    def handoffs(self, agent: Agent[Any]) -> None:
        """Gates where an agent may hand off to."""
        if any(_source_of(each) != agent.name for each in agent.handoffs):
            # A list of its own: agents may share theirs.
            agent.handoffs = [self._handoff(agent, each) for each in agent.handoffs]

    def _handoff(self, agent: Agent[Any], target: Agent[Any] | Handoff[Any, Any]) -> Handoff[Any, Any]:
        if isinstance(target, Handoff):
            # Others may have it too; of this one it is known who hands on.
            gated = copy.copy(target)
            reference = getattr(target, "_agent_ref", None)
            known = reference() if reference else None
        else:
            gated, known = cast("Handoff[Any, Any]", handoff(target)), target
        if isinstance(known, Agent):
            self.put_around(known)
        invoke: Any = gated.on_invoke_handoff
        if isinstance(invoke, _GatedHandoff):
            invoke = invoke.invoke
        gated.on_invoke_handoff = _GatedHandoff(self, agent.name, invoke)
        return gated

    def schema(self, arguments: ToolArguments, name: str) -> dict[str, Any] | None:
        """The tool's schema, if it can be sent; else there is one warning for each tool."""
        if not self.derive_schema:
            return None
        schema = sendable(arguments.schema, closed=arguments.are_complete)
        if schema is None and name not in self._warned:
            self._warned.add(name)
            _log.warning(
                "No schema is sent with calls to %s: it is recursive, not JSON, or larger than 16 KiB. "
                "An edit that does not fit is rejected only after the approval.",
                name,
            )
        return schema

    def call(self, tool_name: str, arguments: dict[str, Any], context: RunContextWrapper[Any], **known: Any) -> Call:
        """The call to ask for. `known` has the agent, the id of the model's call and the schema."""
        agent, call_id = known["agent_name"], known["call_id"]
        own: CallOptions = self._per_call(context) if self._per_call else {}
        _check_options(own)
        run_id = self._name_of_run(context)
        options = {**self._options, **own, **known, "run_id": run_id, "call_id": call_id or None}
        if agent:
            options["chain"] = record_of(context).chain_of(agent)
        return Call(tool_name, arguments, **options)

    def _name_of_run(self, context: RunContextWrapper[Any]) -> str:
        name = self._run_id(context) if callable(self._run_id) else self._run_id
        if self._run_id and not (isinstance(name, str) and name):
            raise TypeError(f"run_id must say the run's name, and said {name!r}")
        config = getattr(context, "run_config", None)
        return name or getattr(config, "group_id", None) or record_of(context).run_id


def _gated_class(own: type[Agent[Any]], gate: Gate) -> type[Agent[Any]]:
    """The class of a gated agent: whatever tools it has when it runs, they are gated.

    The class, and not the object, has the gate: the SDK makes copies of agents from their fields.
    """

    async def get_all_tools(self: Agent[Any], run_context: RunContextWrapper[Any]) -> list[Tool]:
        gate.check_behavior(self)
        note_caller(run_context, self.name)
        gate.handoffs(self)
        tools = await own.get_all_tools(self, run_context)
        return [gate.tool(tool) for tool in tools]

    members = {"get_all_tools": get_all_tools, "_signoff_gate": gate, "__module__": own.__module__}
    # One base only: an object can change only to a class with the same layout.
    return type(own.__name__, (own,), members)


def gate_of(agent: object) -> Gate | None:
    """The gate around an agent, if there is one."""
    return getattr(type(agent), "_signoff_gate", None)


def _source_of(target: Agent[Any] | Handoff[Any, Any]) -> str | None:
    """The agent that a gated hand-off begins at."""
    invoke: object = target.on_invoke_handoff if isinstance(target, Handoff) else None
    return invoke.source if isinstance(invoke, _GatedHandoff) else None


class _GatedHandoff:
    """Hands off as before, and gates the agent that is handed to: which one it is may be decided only now."""

    def __init__(
        self, gate: Gate, source: str, invoke: Callable[[RunContextWrapper[Any], str], Awaitable[Any]]
    ) -> None:
        self._gate = gate
        self.source = source
        self.invoke = invoke

    async def __call__(self, context: RunContextWrapper[Any], arguments: str) -> Any:
        target = await self.invoke(context, arguments)
        self._gate.put_around(target)
        record_of(context).handed_on(self.source, target.name)
        return target

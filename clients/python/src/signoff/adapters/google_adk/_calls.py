"""What ADK knows of a call: the agent, and ids that are the same when the call comes again."""

from __future__ import annotations

import json
from typing import Any

from google.adk.events.event import Event
from google.adk.tools.tool_context import ToolContext

from ._durable import is_pause
from ._tools import callers

MAX_CHAIN = 16
"""Agents in a chain; servers take no more."""


def known_of(context: ToolContext) -> dict[str, Any]:
    """The options of a call that ADK has."""
    agent = None if context.agent_name == "unknown" else context.agent_name
    events = context.session.events
    known: dict[str, Any] = {"agent_name": agent, "run_id": context.session.id}
    if agent:
        known["chain"] = (*callers(), *_handed_on(events, agent))[-MAX_CHAIN:]
    call_id = context.function_call_id
    if call_id:
        event = event_of(context, call_id)
        # Some models use the id of a call again: it names the call within the model's answer.
        within = event.id if event else context.invocation_id
        known["call_id"] = json.dumps([within, call_id, _put_off(events, call_id)])
    return known


def event_of(context: ToolContext, call_id: str) -> Event | None:
    """The model's answer that makes the call: the newest, of this agent where others beside it use the same id."""
    branch = context._invocation_context.branch
    found = [each for each in context.session.events if any(call.id == call_id for call in each.get_function_calls())]
    found.reverse()
    return max(found, key=lambda each: (each.author == context.agent_name, each.branch == branch), default=None)


def _put_off(events: list[Event], call_id: str) -> int:
    """How often the tool itself put its work off, for a sign-in or a confirmation. Each time is a call of its own."""
    return sum(
        call_id in event.actions.requested_auth_configs
        or (
            call_id in event.actions.requested_tool_confirmations
            and not is_pause(event.actions.requested_tool_confirmations[call_id])
        )
        for event in events
    )


def _handed_on(events: list[Event], agent: str) -> tuple[str, ...]:
    """The agents that transferred the task on to this one."""
    chains: dict[str, tuple[str, ...]] = {}
    for event in events:
        target = event.actions.transfer_to_agent
        if target:
            chains[target] = (*chains.get(event.author, ()), event.author)[-MAX_CHAIN:]
    return chains.get(agent, ())

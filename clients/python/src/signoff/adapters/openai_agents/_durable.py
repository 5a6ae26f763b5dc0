"""Runs that pause: the SDK stores the run, Signoff the calls that it waits for.

The SDK's interruption only pauses. It is always answered with yes. The gate around the tool decides whether the call
runs: it finds the same approval and claims it, or tells the model why not.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from typing import Any, cast

from agents import RunContextWrapper, RunState, ToolApprovalItem, UserError

from ..._aio_client import AsyncClient
from ..._call import Call
from ...refusals import Refusal, StillWaiting, Unavailable
from ._gate import gate_of
from ._runs import record_of
from ._tools import GatedTool, invoker_of


async def decisions(state: RunState[Any, Any]) -> None:
    """Asks for approval of the calls that a run paused for, and waits until at least one of them is decided.

        while result.interruptions:
            state = result.to_state()
            store(state.to_string())
            await decisions(state)
            result = await Runner.run(agent, state)

    The run then continues with the decided calls, and pauses again for the others. Another process may do this,
    repeatedly: it makes the agents, gates them with the same `run_id`, and begins with
    `state = await RunState.from_string(agent, stored)`.

    Other interruptions of the state stay unchanged. Raises Unavailable when the server is unreachable, and TypeError
    when a durable gate paused none of the calls. Do not pass `always_approve` for gated tools yourself.
    """
    context = state._context
    items = [item for item in state.get_interruptions() if _is_durable(item.agent)]
    if context is None or not items:
        raise TypeError("the run was not paused by a gate with durable=True")
    _restore_chains(state, context)
    waits: dict[asyncio.Task[None], ToolApprovalItem] = {}
    for item in items:
        waits[asyncio.ensure_future(_decided(item, context))] = item
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        decided = [wait for wait in waits if wait.done() and not wait.cancelled()]
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    for wait in decided:
        wait.result()
        state.approve(waits[wait])


def _is_durable(agent: object) -> bool:
    gate = gate_of(agent)
    return gate is not None and gate.durable


async def _decided(item: ToolApprovalItem, context: RunContextWrapper[Any]) -> None:
    """Returns after any decision on the call. Raises other errors."""
    gate = gate_of(item.agent)
    assert gate
    agent = item.agent
    tool = _paused(item, await agent.get_all_tools(context))
    try:
        call = tool.call(context, _raw(item, "arguments") or "", agent.name, _raw(item, "call_id"))
        await _wait(gate.client, call)
    except (StillWaiting, Unavailable):
        raise
    except Refusal:
        # The gate around the tool tells the model.
        return


async def _wait(client: AsyncClient, call: Call) -> None:
    """Asks and waits, and claims nothing. A wait that ends before leaves the approval as it is."""
    handle = await client.ask(dataclasses.replace(call, cancel_on_abandon=False))
    await client.wait(handle, patience=call.patience)


def _paused(item: ToolApprovalItem, tools: Iterable[object]) -> GatedTool:
    name = item.tool_name or _raw(item, "name")
    namespace = getattr(item, "tool_namespace", None)
    for tool in tools:
        invoker = invoker_of(tool)
        if invoker and name == invoker.tool.name and namespace in (None, getattr(tool, "_tool_namespace", None)):
            return invoker
    raise UserError(f"the run paused for {name}, a tool that the agent no longer has")


def _raw(item: ToolApprovalItem, name: str) -> Any:
    raw: Any = item.raw_item
    return raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)


def _restore_chains(state: RunState[Any, Any], context: RunContextWrapper[Any]) -> None:
    """The JSON form of a state has the hand-offs among its items only."""
    record = record_of(context)
    if record.chains:
        return
    for item in cast("Iterable[Any]", getattr(state, "_generated_items", ())):
        if getattr(item, "type", None) == "handoff_output_item":
            record.handed_on(item.source_agent.name, item.target_agent.name)

"""What the SDK does not say of a run: which run it is, and which agents have handed it on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, cast

from agents import RunContextWrapper
from agents.tool_context import ToolContext

MAX_CHAIN = 16
"""Agents in a chain; servers take no more."""

_ATTRIBUTE = "_signoff_run"


@dataclass
class RunRecord:
    """Of one run. It is kept with the run's usage, the one object that all contexts of a run share.

    The SDK copies it along when it copies the usage, as for a RunState; only a state's JSON form has it not.
    """

    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """For runs that have no other name."""
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By each agent's name: those who handed the task on to it, the first one first."""

    def handed_on(self, source: str, target: str) -> None:
        """Notes a hand-off. Of a longer chain the newest are kept."""
        self.chains[target] = (*self.chains.get(source, ()), source)[-MAX_CHAIN:]

    def chain_of(self, agent: str) -> tuple[str, ...]:
        """The agents that handed the task on to this one."""
        return self.chains.get(agent, ())


def record_of(context: RunContextWrapper[Any]) -> RunRecord:
    """The record of the context's run."""
    usage: Any = context.usage
    record = cast("RunRecord | None", vars(usage).get(_ATTRIBUTE))
    if record is None:
        record = RunRecord()
        vars(usage)[_ATTRIBUTE] = record
    return record


def note_caller(context: RunContextWrapper[Any], agent: str) -> None:
    """Notes which agent called this one as a tool: it hands a task on as well.

    Such a run has the context of the tool call that began it, with the calling agent; other runs have a plain one.
    """
    outer = getattr(context, "agent", None) if isinstance(context, ToolContext) else None
    name = getattr(outer, "name", None)
    record = record_of(context)
    if name and name != agent and agent not in record.chains:
        record.handed_on(name, agent)

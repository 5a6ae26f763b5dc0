"""Plugins and callbacks beside the gate: what they change, answer and run."""

from __future__ import annotations

from typing import Any

import pytest
from agents_at_work import (
    Body,
    an_agent,
    one_call,
    results,
    run,
)
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from reviewing import approve as approving
from reviewing import reviewing

from reviewers import all_of
from servers import Server


class Changes(BasePlugin):
    """Changes the arguments of calls."""

    async def before_tool_callback(self, *, tool_args: dict[str, Any], **_: Any) -> None:
        tool_args["amount"] = tool_args.get("amount", 0) + 1


class Answers(BasePlugin):
    """Answers calls in the tools' place."""

    async def before_tool_callback(self, **_: Any) -> dict[str, Any]:
        return {"result": "cached"}


class Runs(BasePlugin):
    """Runs tools itself, in place of ADK."""

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> dict[str, Any]:
        return {"result": await tool.run_async(args=tool_args, tool_context=tool_context)}


def test_arguments_that_callbacks_change(desk: Server, name: str) -> None:
    """Plugins after the gate's, and callbacks of the agent: the reviewer sees what they made of the call."""
    body = Body(name)

    def before_tool(tool: Any, args: dict[str, Any], tool_context: Any) -> None:
        args["to"] = "eve"

    agent = an_agent(body.tool, steps=[one_call(name)], before_tool_callback=before_tool)
    with reviewing(desk, name, approving) as seen:
        run(desk, agent, plugins=lambda gate: [gate, Changes("changes")])
    assert dict(seen[0].arguments.items()) == {"to": "eve", "amount": 3}
    assert body.runs == [{"to": "eve", "amount": 3.0}]


@pytest.mark.parametrize("is_first", [True, False])
def test_plugin_that_answers(desk: Server, name: str, is_first: bool) -> None:
    """Whether it comes before or after: the tool does not run, and nobody is asked."""
    body = Body(name)
    order = (lambda gate: [Answers("answers"), gate]) if is_first else (lambda gate: [gate, Answers("answers")])
    assert results(run(desk, an_agent(body.tool, steps=[one_call(name)]), plugins=order)) == {"call-1": "cached"}
    assert body.runs == []
    assert all_of(desk, name) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_plugin_that_runs_tools(desk: Server, name: str, is_first: bool) -> None:
    body = Body(name)
    order = (lambda gate: [Runs("runs"), gate]) if is_first else (lambda gate: [gate, Runs("runs")])
    with reviewing(desk, name, approving):
        run(desk, an_agent(body.tool, steps=[one_call(name)]), plugins=order)
    assert len(body.runs) == len(all_of(desk, name)) == 1


def test_retry_of_the_tool_within_a_run(desk: Server, name: str) -> None:
    """A plugin that has the tool run twice gets a refusal the second time."""
    body = Body(name)

    class Twice(Runs):
        async def before_tool_callback(self, **given: Any) -> dict[str, Any]:
            await super().before_tool_callback(**given)
            return await super().before_tool_callback(**given)

    with reviewing(desk, name, approving):
        told = results(
            run(desk, an_agent(body.tool, steps=[one_call(name)]), plugins=lambda gate: [gate, Twice("two")])
        )
    assert "NOT RUN AGAIN." in str(told["call-1"])
    assert len(body.runs) == len(all_of(desk, name)) == 1

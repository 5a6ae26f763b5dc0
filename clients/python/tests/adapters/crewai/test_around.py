"""Ways around the gate, and what CrewAI adds to a crew while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from crewai import Agent, Process, Task
from crewai.agent.core import AgentExecutor  # its module moved
from crewai.hooks import clear_all_tool_call_hooks
from crewai.tools import BaseTool
from crewai.utilities.agent_utils import parse_tools
from crewai.utilities.planning_types import TodoItem
from crewai.utilities.step_execution_context import StepExecutionContext
from reviewing import approve, reject, reviewing
from runs import MODES, Mail, Scripted, call, crew_of, mailer

from reviewers import all_of
from servers import Server
from signoff.adapters.crewai import gate


@MODES
def test_a_manager(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """CrewAI makes it when the crew, or a copy of it, is kicked off."""
    handed_on = {"task": "Write to Alice.", "context": "Now.", "coworker": "Mailer"}
    for kickoff in (lambda crew: crew.kickoff(), lambda crew: crew.kickoff_for_each([{"day": 1}])):
        manager = Scripted([[("delegate_work_to_coworker", handed_on)]], native=is_native)
        worker = Scripted([[call(tool)]], native=is_native)
        crew = crew_of(mailer(worker, [mail.tool]), process=Process.hierarchical, manager_llm=manager)
        with reviewing(server, tool, reject) as seen:
            kickoff(gate(crew, client))
        assert [list(each.agent.chain) for each in seen] == [["Crew Manager"]]
    assert not mail.runs


def test_copies_of_a_crew(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """CrewAI copies a crew for each input."""
    crew = gate(crew_of(mailer(Scripted([[call(tool)]], native=True), [mail.tool])), client)
    with reviewing(server, tool, reject) as seen:
        crew.kickoff_for_each([{"day": 1}, {"day": 2}])
        assert crew.copy().kickoff().raw == "done"
    assert seen
    assert not mail.runs


def test_agents_that_join_later(client: Any, server: Server, mail: Mail, tool: str) -> None:
    crew = gate(crew_of(mailer(Scripted([], native=True), [])), client)
    late = mailer(Scripted([[call(tool)]], native=True), [mail.tool])
    crew.agents.append(late)
    crew.tasks.append(Task(description="Write.", expected_output="Text.", agent=late))
    with reviewing(server, tool, reject) as seen:
        crew.kickoff()
    assert len(seen) == 1
    assert not mail.runs


def test_tools_that_crewai_adds(
    client: Any, server: Server, mail: Mail, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Agent, "get_mcp_tools", lambda *_, **__: [mail.tool])
    with reviewing(server, tool, reject) as seen:
        for kickoff in (lambda agent: crew_of(agent).kickoff(), lambda agent: agent.kickoff("go")):
            agent = mailer(Scripted([[call(tool)]], native=True), [], mcps=["notion"])
            kickoff(gate(agent, client))
    assert len(seen) == 2
    assert not mail.runs


@MODES
def test_planned_steps(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """CrewAI keeps what runs them, with its tools, also from before the agent was gated."""
    worker = mailer(Scripted([[call(tool)]], native=is_native), [mail.tool])
    crew = crew_of(worker)
    worker.create_agent_executor(task=crew.tasks[0])
    worker.agent_executor._ensure_step_executor()
    gate(worker, client)
    worker.create_agent_executor(task=crew.tasks[0])
    step = TodoItem(step_number=1, description="Write.", tool_to_use=None)
    context = StepExecutionContext(task_description="Write.", task_goal="Write.")
    with reviewing(server, tool, reject) as seen:
        result = worker.agent_executor._ensure_step_executor().execute(step, context)
    assert "done" in result.result
    assert len(seen) == 1
    assert not mail.runs


@MODES
def test_hooks_that_are_cleared(client: Any, server: Server, tool: str, is_native: bool) -> None:
    """They are there again when an agent begins: without them CrewAI's retries would be calls of their own."""
    mail = Mail(tool, ValueError("mailbox full"))
    crew = gate(crew_of(mailer(Scripted([[call(tool)]], native=is_native), [mail.tool])), client)
    clear_all_tool_call_hooks()
    with reviewing(server, tool, approve) as seen:
        crew.kickoff()
    assert len(seen) == len(mail.runs) == 1


@MODES
def test_the_second_barrier(
    client: Any, server: Server, mail: Mail, tool: str, is_native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that came by the gate unseen is not run."""
    check = AgentExecutor._check_native_tool_support

    def sneak(executor: AgentExecutor) -> bool:
        executor.original_tools = [mail.tool]
        executor.tools = parse_tools(executor.original_tools)
        return check(executor)

    monkeypatch.setattr(AgentExecutor, "_check_native_tool_support", sneak)
    model = Scripted([[call(tool)]], native=is_native)
    gate(crew_of(mailer(model, [mail.tool])), client).kickoff()
    assert model.read == [f"Tool execution blocked by hook. Tool: {tool}"]
    assert not mail.runs
    assert not all_of(server, tool)


def test_hooks_of_crewai_that_fail(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """They let a tool run; the gate is none of them."""
    from crewai.hooks import register_before_tool_call_hook, unregister_before_tool_call_hook

    def crash(_: Any) -> None:
        raise RuntimeError("crashed")

    register_before_tool_call_hook(crash)
    try:
        with reviewing(server, tool, reject) as seen:
            gate(crew_of(mailer(Scripted([[call(tool)]], native=True), [mail.tool])), client).kickoff()
    finally:
        unregister_before_tool_call_hook(crash)
    assert len(seen) == 1
    assert not mail.runs


def test_a_hook_that_changes_a_call(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """The reviewer sees the changed one."""
    from crewai.hooks import register_before_tool_call_hook, unregister_before_tool_call_hook

    def change(context: Any) -> None:
        context.tool_input["to"] = "eve"

    register_before_tool_call_hook(change)
    try:
        with reviewing(server, tool, approve) as seen:
            gate(crew_of(mailer(Scripted([[call(tool)]], native=True), [mail.tool])), client).kickoff()
    finally:
        unregister_before_tool_call_hook(change)
    assert seen[0].arguments["to"] == "eve"
    assert mail.runs == [{"to": "eve", "count": 1}]


@MODES
def test_a_hook_that_calls_the_tool(client: Any, server: Server, tool: str, is_native: bool) -> None:
    """Within a model's call that has run: its call is another one, and gets nothing of the model's."""
    from crewai.hooks import register_after_tool_call_hook, unregister_after_tool_call_hook

    mail = Mail(tool)
    gated = gate(mail.tool, client)
    results: list[str] = []

    def after(_: Any) -> None:
        results.append(gated.run(to="bob"))

    # Before the hook of the gate, which ends the model's call.
    clear_all_tool_call_hooks()
    register_after_tool_call_hook(after)
    model = Scripted([[call(tool, to="alice")]], native=is_native)
    try:
        with reviewing(server, tool, approve) as seen:
            gate(crew_of(mailer(model, [mail.tool])), client).kickoff()
    finally:
        unregister_after_tool_call_hook(after)
    assert results == ["sent 1 to bob"]
    assert model.read == ["sent 1 to alice"]
    assert len(seen) == len(mail.runs) == 2


def test_a_streamed_crew(client: Any, server: Server, mail: Mail, tool: str) -> None:
    crew = crew_of(mailer(Scripted([[call(tool)]], native=True), [mail.tool]), stream=True)
    with reviewing(server, tool, approve):
        streaming: Any = gate(crew, client).kickoff()
        list(streaming)
    assert streaming.result.raw == "done"
    assert len(mail.runs) == 1


def test_what_cannot_be_gated(client: Any, mail: Mail) -> None:
    class Model(Scripted):
        builtin_tools: list[str] | None = None

    model = Model([], native=True)
    model.builtin_tools = ["web_search"]
    with pytest.raises(TypeError, match="the model of the Agent Mailer runs web_search itself"):
        gate(crew_of(mailer(model, [])), client)
    gate(crew_of(mailer(model, [])), client, ungated=["web_search"])
    agent = mailer(Scripted([], native=True), [])
    agent.__dict__["a2a"] = object()
    with pytest.raises(TypeError, match=r"may use agents elsewhere \(a2a\)"):
        gate(agent, client)
    gate(agent, client, ungated=["a2a"])
    with pytest.raises(TypeError, match="is gated already"):
        gate(agent, client)
    agent = mailer(Scripted([], native=True), [])
    agent.__dict__["executor_class"] = dict
    with pytest.raises(TypeError, match="gated agents need AgentExecutor"):
        gate(agent, client)
    with pytest.raises(TypeError, match="only crews, agents and tools"):
        gate([mail.runs], client)


def test_in_an_event_loop(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """`kickoff` of an agent gives a coroutine there."""
    agent = gate(mailer(Scripted([[call(tool)]], native=True), [mail.tool]), client)

    async def main() -> Any:
        return await agent.kickoff("go")  # type: ignore[misc]

    with reviewing(server, tool, approve):
        assert asyncio.run(main()).raw == "done"
    assert len(mail.runs) == 1


class Letters(BaseTool):
    name: str = "letters"
    description: str = "Writes."

    def _run(self, to: str) -> str:
        raise AssertionError(to)


def test_checkpoints(client: Any, server: Server, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gated crew restores a gated one."""
    from crewai.events.event_bus import crewai_event_bus
    from crewai.state.checkpoint_config import CheckpointConfig

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    config = CheckpointConfig(location=str(tmp_path), on_events=["task_started"])
    worker = mailer(Scripted([], native=True), [Letters(name=tool)])
    crew = gate(crew_of(worker, checkpoint=config), client)
    crew.kickoff()
    crewai_event_bus.flush()
    [stored] = tmp_path.rglob("*.json")
    assert tool in stored.read_text()
    assert server.agent not in stored.read_text()
    restored = type(crew).from_checkpoint(CheckpointConfig(location=str(tmp_path), restore_from=str(stored)))
    model = Scripted([[call(tool)]], native=True)
    restored.agents[0].llm = restored.tasks[0].agent.llm = model
    with reviewing(server, tool, reject) as seen:
        restored.kickoff()
    assert len(seen) == 1
    assert "NOT RUN. A reviewer rejected" in model.read[0]

"""Calls that CrewAI makes again, hands on, or hides from the gate if it can."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from crewai import Agent, Crew, Process, Task
from crewai.agent.core import AgentExecutor  # its module moved
from crewai.flow.flow import Flow, start
from crewai.hooks import clear_all_tool_call_hooks
from crewai.tools import BaseTool
from crewai.utilities.agent_utils import parse_tools
from crewai.utilities.planning_types import TodoItem
from crewai.utilities.step_execution_context import StepExecutionContext
from reviewing import approve, reject, reviewing
from runs import Mail, Runner, Scripted, call, crew_of, mailer

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.crewai import gate
from signoff.refusals import Rejected
from signoff.v1.approval_pb2 import ApprovalStatus, ExecutionResult

MODES = pytest.mark.parametrize("is_native", [True, False], ids=["native", "text"])


@pytest.fixture
def client(server: Server) -> Any:
    with signoff.Client(server.address, token=server.agent) as client:
        yield client


def test_run_again(agent: Runner, mail: Mail, tool: str) -> None:
    """As after a crash, with a run_id that stays: the call is found, and not made again."""
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)], run_id=f"ticket-{tool}")
    [again] = agent.run([mail.tool], [call(tool)], run_id=f"ticket-{tool}")
    assert again.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert "and succeeded at" in again
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 1


def test_the_same_call_twice(agent: Runner, mail: Mail, tool: str) -> None:
    """In one run these are two calls, and a second run finds each of them."""
    turns = [[call(tool, to=to)] for to in ("alice", "bob", "alice")]
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], *turns, run_id=f"ticket-{tool}")
    assert len(seen) == len(mail.runs) == 3
    results = agent.run([mail.tool], *turns, run_id=f"ticket-{tool}")
    assert all(each.startswith("NOT RUN AGAIN.") for each in results)
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 3


def test_another_run(agent: Runner, mail: Mail, tool: str) -> None:
    """Without a run_id each kickoff is a run of its own."""
    with reviewing(agent.server, tool, approve):
        for _ in range(2):
            agent.run([mail.tool], [call(tool)])
    found = all_of(agent.server, tool)
    assert len(mail.runs) == len(found) == 2
    assert len({each.agent.run_id for each in found}) == 2


@MODES
def test_the_same_crew_again_in_a_flow(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """All kickoffs within a flow have the flow's id, and are different runs all the same."""
    results: list[Any] = []

    class Daily(Flow):  # type: ignore[type-arg]
        # Or it loads a database.
        _skip_auto_memory = True

        @start()
        def send(self) -> None:
            for _ in range(2):
                crew = crew_of(mailer(Scripted([[call(tool)]], native=is_native), [mail.tool]))
                gate(crew, client)
                results.append(crew.kickoff())
                crew.agents[0].llm = Scripted([[call(tool)]], native=is_native)
                results.append(crew.kickoff())

    with reviewing(server, tool, approve):
        Daily().kickoff()
    assert [each.raw for each in results] == ["done"] * 4
    assert len(mail.runs) == 4


@MODES
def test_an_agent_that_begins_anew(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """After an error of the model CrewAI has the agent do all of it again."""

    class Failing(Scripted):
        def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            result = super().call(messages, *args, **kwargs)
            if len(self._seen) == 2:
                self._turns = [[call(tool)]]
                raise RuntimeError("the model is down")
            return result

    model = Failing([[call(tool)]], native=is_native)
    with reviewing(server, tool, approve):
        gate(crew_of(mailer(model, [mail.tool])), client).kickoff()
    assert model.read[-1].startswith("NOT RUN AGAIN.")
    assert len(mail.runs) == len(all_of(server, tool)) == 1


@MODES
def test_a_task_that_fails_its_guardrail(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    checked: list[Any] = []
    model = Scripted([[call(tool)]], native=is_native)

    def guardrail(output: Any) -> tuple[bool, Any]:
        checked.append(output)
        if len(checked) == 1:
            model._turns = [[call(tool)]]
            return False, "again"
        return True, output

    crew = crew_of(mailer(model, [mail.tool]))
    crew.tasks[0]._guardrail = guardrail
    with reviewing(server, tool, approve):
        gate(crew, client).kickoff()
    assert len(checked) == 2
    assert model.read[-1].startswith("NOT RUN AGAIN.")
    assert len(mail.runs) == len(all_of(server, tool)) == 1


@MODES
def test_the_cache(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """Neither a result nor a refusal is handed to another call."""
    model = Scripted([[call(tool, to=to)] for to in ("alice", "bob", "alice")], native=is_native)
    crew = crew_of(mailer(model, [mail.tool], cache=True), cache=True)
    # As of an agent that is not gated.
    from crewai.agents.cache.cache_handler import CacheHandler

    cache: CacheHandler = crew._cache_handler
    for arguments in ('{"to": "alice"}', '{"to": "bob"}'):
        cache.add(tool, arguments, "cached")
    with reviewing(server, tool, approve) as seen:
        gate(crew, client).kickoff()
    assert len(seen) == len(mail.runs) == 3
    assert "cached" not in model.read


@MODES
def test_the_cache_of_an_agent_that_is_not_gated(
    client: Any, server: Server, mail: Mail, tool: str, is_native: bool
) -> None:
    model = Scripted([[call(tool, to=to)] for to in ("alice", "bob", "alice")], native=is_native)
    crew = crew_of(mailer(model, gate([mail.tool], client), cache=True), cache=True)
    with reviewing(server, tool, approve) as seen:
        crew.kickoff()
    assert len(seen) == len(mail.runs) == 3


@MODES
def test_a_limit_of_uses(client: Any, server: Server, tool: str, is_native: bool) -> None:
    """Nobody is asked for a call beyond it."""
    mail = Mail(tool, max_usage_count=1)
    model = Scripted([[call(tool, to=to)] for to in ("alice", "bob")], native=is_native)
    with reviewing(server, tool, approve) as seen:
        gate(crew_of(mailer(model, [mail.tool])), client).kickoff()
    assert len(seen) == len(mail.runs) == 1
    assert "usage limit" in model.read[-1]


def delegating(model: Any, *others: Agent) -> Crew:
    lead = Agent(role="Lead", goal="Lead", backstory="A lead.", llm=model, allow_delegation=True)
    return crew_of(lead, *others)


@MODES
def test_delegation(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """Handing a task on needs no approval; what the other agent does with it needs one."""
    handed_on = {"task": "Write to Alice.", "context": "Now.", "coworker": "Mailer"}
    for name in ("delegate_work_to_coworker", "ask_question_to_coworker"):
        arguments = {("question" if "question" in name and key == "task" else key): handed_on[key] for key in handed_on}
        lead = Scripted([[(name, arguments)]], native=is_native)
        worker = Scripted([[call(tool)]], native=is_native)
        # The worker is found by the tool of the agent that is gated.
        crew = delegating(lead, mailer(worker, [mail.tool]))
        gate(crew.agents[0], client)
        with reviewing(server, tool, reject) as seen:
            crew.kickoff()
        assert (seen[0].agent.name, list(seen[0].agent.chain)) == ("Mailer", ["Lead"])
        assert "NOT RUN. A reviewer rejected" in worker.read[0]
        assert lead.read == ["done"]
    assert not mail.runs


@pytest.mark.parametrize("run_id", [None, "ticket"])
@MODES
def test_delegation_again(
    client: Any, server: Server, mail: Mail, tool: str, is_native: bool, run_id: str | None
) -> None:
    """Within an attempt another task is another one; an attempt that is made again finds both."""
    handed_on = {"task": "Write to Alice.", "context": "Now.", "coworker": "Mailer"}
    turns = [[("delegate_work_to_coworker", {**handed_on, "context": each})] for each in ("Now.", "Again.")]
    lead, worker = Scripted(turns, native=is_native), Scripted([], native=is_native)
    crew = delegating(lead, mailer(worker, [mail.tool]))
    checked: list[Any] = []

    def guardrail(output: Any) -> tuple[bool, Any]:
        checked.append(output)
        lead._turns = list(turns)
        return len(checked) > 1, output if len(checked) > 1 else "again"

    def each_task(messages: Any, *_: Any, **__: Any) -> Any:
        if not any("NOT RUN" in str(each) or "sent 1" in str(each) for each in messages):
            worker._turns = [[call(tool)]]
        return Scripted.call(worker, messages)

    worker.__dict__["call"] = each_task
    crew.tasks[0]._guardrail = guardrail
    with reviewing(server, tool, approve) as seen:
        gate(crew, client, **({"run_id": f"{run_id}-{tool}"} if run_id else {})).kickoff()
    assert len(checked) == 2
    assert len(seen) == len(mail.runs) == 2


@MODES
def test_delegation_that_takes_too_long(client: Any, server: Server, mail: Mail, tool: str, is_native: bool) -> None:
    """The time of the agent that delegates ends the wait of the other one."""
    handed_on = {"task": "Write to Alice.", "context": "Now.", "coworker": "Mailer"}
    lead = Scripted([[("delegate_work_to_coworker", handed_on)]], native=is_native)
    worker = Scripted([[call(tool)]], native=is_native)
    crew = delegating(lead, mailer(worker, [mail.tool]))
    crew.agents[0].max_execution_time = 1
    with contextlib.suppress(TimeoutError):
        gate(crew, client, timeout=20).kickoff()
    [waiting] = all_of(server, tool)
    assert decide(server, waiting, approve=True).status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs


def test_a_thread_that_outlives_its_agent(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """What it waits for is given up when the agent has ended."""
    gated = gate(mail.tool, client, timeout=20)
    threads: list[threading.Thread] = []

    class Starting(BaseTool):
        name: str = f"starts_{tool}"
        description: str = "Starts a thread."

        def _run(self) -> str:
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=lambda: context.run(gated.run, to="alice")))
            threads[0].start()
            pending(server, tool)
            return "started"

    model = Scripted([[(f"starts_{tool}", {})]], native=True)
    with reviewing(server, f"starts_{tool}", approve):
        gate(crew_of(mailer(model, [Starting()])), client).kickoff()
    threads[0].join()
    [waiting] = all_of(server, tool)
    assert decide(server, waiting, approve=True).status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs


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


def test_a_streamed_crew(client: Any, server: Server, mail: Mail, tool: str) -> None:
    crew = crew_of(mailer(Scripted([[call(tool)]], native=True), [mail.tool]), stream=True)
    with reviewing(server, tool, approve):
        streaming: Any = gate(crew, client).kickoff()
        list(streaming)
    assert streaming.result.raw == "done"
    assert len(mail.runs) == 1


def test_a_tool_that_runs_a_crew(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """Its calls are others than the one that it is."""
    inner = Scripted([[call(tool)]], native=True)

    class Nested(BaseTool):
        name: str = f"outer_{tool}"
        description: str = "Runs a crew."

        def _run(self) -> str:
            gate(crew_of(mailer(inner, [mail.tool])), client).kickoff()
            raise ValueError("after all")

    outer = Scripted([[(f"outer_{tool}", {})]], native=False)
    with reviewing(server, tool, approve), reviewing(server, f"outer_{tool}", approve) as seen:
        gate(crew_of(mailer(outer, [Nested()])), client).kickoff()
    assert len(seen) == len(mail.runs) == 1
    assert "after all" in outer.read[0]


@MODES
def test_a_tool_that_is_refused_within(client: Any, server: Server, tool: str, is_native: bool) -> None:
    """By a gated function that it calls, which is an error of the tool."""
    mail = Mail(tool, Rejected(tool_name="inner", comment="Not this.", decided_by="test/eve"))
    model = Scripted([[call(tool)]], native=is_native)
    with reviewing(server, tool, approve):
        gate(crew_of(mailer(model, [mail.tool])), client).kickoff()
    assert "NOT RUN. A reviewer rejected the call to inner: Not this." in model.read[0]
    [approval] = all_of(server, tool)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
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


PROGRAM = Path(__file__).parent / "program.py"


def test_killed_while_waiting(server: Server, mail: Mail, tool: str, tmp_path: Path) -> None:
    """The next process finds the approval of the first one's call, and runs it once."""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "SIGNOFF_ADDRESS": server.address,
        "SIGNOFF_TOKEN": server.agent,
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, str(PROGRAM), tool, str(tmp_path / "sent")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        waiting = pending(server, tool)
        process.kill()
    decide(server, waiting, approve=True)
    started_again = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert started_again.stdout.splitlines()[-1] == "read: sent 1 to alice@example.com"
    # And once more, here.
    [result] = Runner(server, "acrew text").run([mail.tool], [call(tool)], run_id=tool)
    assert result.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert not mail.runs
    assert (tmp_path / "sent").read_text() == "alice@example.com\n"
    assert len(all_of(server, tool)) == 1


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

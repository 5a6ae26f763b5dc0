"""Calls that CrewAI makes again, hands on, or hides from the gate if it can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crewai.flow.flow import Flow, start
from crewai.tools import BaseTool
from reviewing import approve, reject, reviewing
from runs import MODES, Mail, Runner, Scripted, call, crew_of, delegating, mailer

from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.crewai import gate
from signoff.refusals import Rejected
from signoff.v1.approval_pb2 import ExecutionResult


def test_run_again(agent: Runner, mail: Mail, tool: str) -> None:
    """As after a crash, with a run_id that stays: the call is found, and not made again."""
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)], run_id=f"ticket-{tool}")
    [again] = agent.run([mail.tool], [call(tool)], run_id=f"ticket-{tool}", timeout=5)
    assert again.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert "and succeeded at" in again
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 1


def test_the_same_call_twice(agent: Runner, mail: Mail, tool: str) -> None:
    """In one run these are two calls, and a second run finds each of them."""
    turns = [[call(tool, to=to)] for to in ("alice", "bob", "alice")]
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], *turns, run_id=f"ticket-{tool}")
    assert len(seen) == len(mail.runs) == 3
    results = agent.run([mail.tool], *turns, run_id=f"ticket-{tool}", timeout=5)
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


def test_a_tool_that_calls_another_one(client: Any, server: Server, mail: Mail, tool: str) -> None:
    """Each of its calls is one of its own."""
    inner = gate(mail.tool, client)

    class Calling(BaseTool):
        name: str = f"calls_{tool}"
        description: str = "Calls."

        def _run(self) -> str:
            return f"{inner.run(to='alice')}, {inner.run(to='bob')}"

    model = Scripted([[(f"calls_{tool}", {})]], native=False)
    with reviewing(server, tool, approve), reviewing(server, f"calls_{tool}", approve):
        gate(crew_of(mailer(model, [Calling()])), client).kickoff()
    assert model.read == ["sent 1 to alice, sent 1 to bob"]
    assert len(mail.runs) == 2


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

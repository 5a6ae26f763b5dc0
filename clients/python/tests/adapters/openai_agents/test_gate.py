"""What becomes of a call behind the gate of an agent, with scripted models and the real server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from agents import Agent, RunConfig, RunContextWrapper, Runner, function_tool
from agents.exceptions import UserError
from at_work import REJECTED, Body, an_agent, approve, one_call, run
from models import calls, outputs, says, scripted
from pydantic import BaseModel, ValidationError
from reviewing import before_its_end, beside

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters.openai_agents import gate
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult


def test_approved(desk: Server, name: str) -> None:
    body = Body(name)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        assert body.runs == []
        decide(desk, asked[0], approve=True)

    result = run(desk, an_agent(body, one_call(name)), review, reason="Welcome", labels={"team": "mail"}, timeout=60)
    assert outputs(result) == {"call-1": "done for alice"}
    assert result.final_output == "end"
    assert body.runs == [{"to": "alice", "amount": 2.0}]
    assert asked[0].agent.name == "Mailer"
    assert asked[0].agent.run_id
    assert (asked[0].reason, asked[0].labels["team"]) == ("Welcome", "mail")
    assert stored(desk, asked[0].id).claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def test_edited(desk: Server, name: str) -> None:
    """The tool, and what its context says, are as edited."""
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"to": "bob", "amount": 3})

    result = run(desk, an_agent(body, one_call(name)), review)
    assert outputs(result) == {"call-1": "done for bob"}
    assert body.runs == [{"to": "bob", "amount": 3.0}]
    assert "alice" not in body.contexts[0].tool_arguments
    assert body.contexts[0].tool_call
    assert "alice" not in body.contexts[0].tool_call.arguments


def test_unfit_edit_is_refused_while_it_can_be_mended(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        approval = pending(desk, name)
        with pytest.raises(Exception, match="amount"):
            decide(desk, approval, approve=True, edited={"to": "bob", "amount": "much"})
        decide(desk, approval, approve=True)

    run(desk, an_agent(body, one_call(name)), review)
    assert body.runs == [{"to": "alice", "amount": 2.0}]


def test_rejected(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    result = run(desk, an_agent(body, one_call(name)), review)
    assert outputs(result) == {"call-1": REJECTED.format(name)}
    assert result.final_output == "end"
    assert body.runs == []


def test_raised_if_told_to(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    with pytest.raises(UserError, match="Use the staging list"):
        run(desk, an_agent(body, one_call(name)), review, on_refusal="raise")
    assert body.runs == []


def test_timeout(desk: Server, name: str) -> None:
    body = Body(name)
    result = run(desk, an_agent(body, one_call(name)), timeout=1)
    expected = f"NOT RUN. No reviewer decided on the call to {name} in time. Do not work around it."
    assert outputs(result) == {"call-1": expected}
    assert body.runs == []


def test_auto_approved(desk: Server) -> None:
    body = Body("auto_search")
    assert outputs(run(desk, an_agent(body, one_call("auto_search")))) == {"call-1": "done for alice"}
    assert len(body.runs) == 1


def test_auto_rejected(desk: Server) -> None:
    body = Body("never_drop")
    result = run(desk, an_agent(body, one_call("never_drop")))
    assert "Dropping tables is not allowed." in outputs(result)["call-1"]
    assert body.runs == []


def test_server_unreachable(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The model learns that it was not run; people learn why."""
    body = Body(name)
    with caplog.at_level(logging.WARNING, "signoff"):
        result = run(desk, an_agent(body, one_call(name)), address="http://127.0.0.1:1", patience=0.2)
    assert outputs(result)["call-1"].startswith("NOT RUN. ")
    assert "127.0.0.1" not in outputs(result)["call-1"]
    assert "Cannot reach the approvals server at http://127.0.0.1:1" in caplog.messages[-1]
    assert body.runs == []


def test_crash_of_what_the_gate_calls(desk: Server, name: str) -> None:
    body = Body(name)

    def crashes(_: RunContextWrapper[Any]) -> Any:
        raise RuntimeError("no such run")

    for options in ({"run_id": crashes}, {"per_call": crashes}):
        with pytest.raises(UserError, match="no such run"):
            run(desk, an_agent(body, one_call(name)), **options)
    assert body.runs == []
    assert all_of(desk, name) == []


def test_run_that_times_out(desk: Server, name: str) -> None:
    """A run that is cancelled while it waits runs nothing later."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = gate(an_agent(body, one_call(name)), client)
            running = asyncio.create_task(Runner.run(agent, "go"))
            approval = await before_its_end(running, lambda: pending(desk, name))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(running, 0.01)
            await beside(lambda: decide(desk, approval, approve=True))

    asyncio.run(main())
    assert body.runs == []
    assert not all_of(desk, name)[0].HasField("claim")


def test_timeout_of_a_tool_is_of_its_work(desk: Server, name: str) -> None:
    """It does not end the wait, and ends the work, which is reported as failed."""
    waited: list[bool] = []

    async def slow(to: str, amount: float) -> str:
        waited.append(True)
        await asyncio.sleep(3600)
        return "never"

    tool = function_tool(name_override=name, timeout=0.2)(slow)
    agent = Agent(name="Mailer", model=scripted(one_call(name), says("end")), tools=[tool])
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(desk, name))
        # Longer than the tool may take, as the server's own heartbeats count.
        with signoff.Client(desk.address, token=desk.agent) as client:
            from signoff.v1.approval_service_pb2 import WatchApprovalRequest

            watch = client.approvals.WatchApproval(WatchApprovalRequest(approval_id=asked[0].id))
            beats = 0
            for message in watch:
                beats += message.HasField("progress")
                if beats == 8:
                    watch.cancel()
                    break
        decide(desk, asked[0], approve=True)

    result = run(desk, agent, review)
    assert waited == [True]
    assert outputs(result) == {"call-1": f"Tool '{name}' timed out after 0.2 seconds."}
    assert stored(desk, asked[0].id).claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED


def test_failed_tool(desk: Server) -> None:
    """It is reported as failed, and the model is told what the tool's own `failure_error_function` says."""

    async def failing(to: str, amount: float) -> str:
        raise RuntimeError("mailbox full")

    def explain(_: RunContextWrapper[Any], error: Exception) -> str:
        return f"sorry: {error}"

    tool = function_tool(name_override="auto_failing", failure_error_function=explain)(failing)
    agent = Agent(name="Mailer", model=scripted(one_call("auto_failing"), says("end")), tools=[tool])
    result = run(desk, agent)
    assert outputs(result) == {"call-1": "sorry: mailbox full"}
    outcome = all_of(desk, "auto_failing")[0].claim.outcome
    assert outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert "mailbox full" in outcome.message

    tool = function_tool(name_override="auto_failing", failure_error_function=None)(failing)
    agent = Agent(name="Mailer", model=scripted(one_call("auto_failing"), says("end")), tools=[tool])
    with pytest.raises(UserError, match="mailbox full"):
        run(desk, agent)


def test_three_parallel_calls(desk: Server, name: str) -> None:
    """Three approvals; each decision, and each result, is that of its own call."""
    body = Body(name)
    turn = calls(
        ("call-a", name, {"to": "alice", "amount": 1}),
        ("call-b", name, {"to": "bob", "amount": 2}),
        ("call-c", name, {"to": "carol", "amount": 3}),
    )

    def review() -> None:
        decided: set[str] = set()
        while len(decided) < 3:
            for approval in all_of(desk, name):
                to = approval.arguments["to"]
                if to in decided or approval.status != ApprovalStatus.APPROVAL_STATUS_PENDING:
                    continue
                decided.add(str(to))
                if to == "alice":
                    decide(desk, approval, approve=True)
                elif to == "bob":
                    decide(desk, approval, approve=False, comment="Use the staging list.")
                else:
                    decide(desk, approval, approve=True, edited={"to": "dave", "amount": 3})

    result = run(desk, an_agent(body, turn), review)
    assert outputs(result) == {
        "call-a": "done for alice",
        "call-b": REJECTED.format(name),
        "call-c": "done for dave",
    }
    assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]


def test_a_second_run_does_not_ask_twice(desk: Server, name: str) -> None:
    """With the run's name it finds the approval; what was done is not done again."""
    body = Body(name)
    config = RunConfig(group_id=f"conversation-{name}")
    run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name), config=config)
    result = run(desk, an_agent(body, one_call(name)), config=config)
    assert outputs(result)["call-1"].startswith("NOT RUN AGAIN. ")
    assert len(all_of(desk, name)) == len(body.runs) == 1
    # Models that are not real use the same ids in each run.
    other = RunConfig(group_id=f"other-{name}")
    run(desk, an_agent(body, one_call(name)), lambda: approve(desk, name), config=other)
    assert len(all_of(desk, name)) == len(body.runs) == 2


def test_a_second_run_after_the_first_gave_up(desk: Server, name: str) -> None:
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            running = asyncio.create_task(Runner.run(gate(an_agent(body, one_call(name)), client, run_id=name), "go"))
            approval = await before_its_end(running, lambda: pending(desk, name))
            running.cancel()
            await asyncio.wait({running})
            await beside(lambda: decide(desk, approval, approve=True))
            await Runner.run(gate(an_agent(body, one_call(name)), client, run_id=name), "go")

    asyncio.run(main())
    assert len(all_of(desk, name)) == len(body.runs) == 1


def test_secrets_of_the_context_stay(own_server: Server, name: str, tmp_path: Any) -> None:
    """What the SDK injects is in no approval, no log and no message."""
    secret = "sk-4fd1c3a90b"
    body = Body(name)
    asked: list[Approval] = []

    def review() -> None:
        asked.append(pending(own_server, name))
        decide(own_server, asked[0], approve=True)

    result = run(own_server, an_agent(body, one_call(name)), review, context={"key": secret})
    assert body.contexts[0].context == {"key": secret}
    assert secret not in str(stored(own_server, asked[0].id)) + str(asked) + str(result.new_items)
    own_server.drain()
    for file in (tmp_path / "own").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


class Settings(BaseModel):
    """What a tool reads its context with."""

    url: str
    timeout: int


def test_report_of_a_failure_has_no_secret(desk: Server) -> None:
    """Pydantic's errors repeat their input, also within those of the SDK."""
    secret = "sk-4fd1c3a90b"

    async def auto_leaking(context: RunContextWrapper[Any], wraps: bool) -> str:
        try:
            Settings.model_validate({"url": "x", "timeout": context.context})
        except ValidationError as error:
            if wraps:
                raise RuntimeError(f"cannot start: {error}") from error
            raise
        return "started"

    steps = calls(("call-1", "auto_leaking", {"wraps": False}), ("call-2", "auto_leaking", {"wraps": True}))
    agent = Agent[Any](name="A", model=scripted(steps, says("end")), tools=[function_tool(auto_leaking)])
    run(desk, agent, context=secret)
    approvals = all_of(desk, "auto_leaking")
    assert [each.claim.outcome.result for each in approvals] == [ExecutionResult.EXECUTION_RESULT_FAILED] * 2
    assert all("timeout" in each.claim.outcome.message for each in approvals)
    assert secret not in str(approvals)

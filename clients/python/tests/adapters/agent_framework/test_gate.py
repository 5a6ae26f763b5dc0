"""Tool calls of the Microsoft Agent Framework run once, with what was approved, or not at all."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from agent_framework import (
    Agent,
    AgentSession,
    FunctionInvocationContext,
    FunctionTool,
    MiddlewareFailure,
    MiddlewareTermination,
    UserInputRequiredException,
)
from pydantic import BaseModel
from reviewing import approve, reject, reviewing
from runs import Mail, Runner, Scripted, call

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct
from signoff.adapters.agent_framework import gate
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult

SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SECRET = "hunter2-very-secret"


def test_approved(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve):
        results = agent.run([mail.tool], [call(tool)])
    assert results == {"call-1": "sent 1 to alice@example.com"}
    assert agent.model.read == [results]
    assert agent.response.text == "done"
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]
    [approval] = all_of(agent.server, tool)
    # The default too: the reviewer sees all that the tool gets.
    assert from_struct(approval.arguments) == {"to": "alice@example.com", "count": 1}
    assert approval.claim.outcome.result == SUCCEEDED
    assert approval.agent.name == "mailer"


def test_edited(agent: Runner, mail: Mail, tool: str) -> None:
    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": "bob@example.com", "count": 7}}

    with reviewing(agent.server, tool, edit):
        assert agent.run([mail.tool], [call(tool)]) == {"call-1": "sent 7 to bob@example.com"}
    assert mail.runs == [{"to": "bob@example.com", "count": 7}]


def test_an_edit_that_does_not_fit_is_refused_while_it_can_be_mended(agent: Runner, mail: Mail, tool: str) -> None:
    refused: list[grpc.StatusCode] = []

    def edit(approval: Approval) -> dict[str, Any]:
        for edited in ({"to": "bob@example.com"}, {"to": "bob@example.com", "count": 1, "cc": "eve@example.com"}):
            with pytest.raises(grpc.RpcError) as problem:
                decide(agent.server, approval, approve=True, edited=edited)
            refused.append(problem.value.code())  # type: ignore[attr-defined]
        return {"approve": True}

    with reviewing(agent.server, tool, edit):
        agent.run([mail.tool], [call(tool)])
    assert refused == [grpc.StatusCode.INVALID_ARGUMENT] * 2
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]


def test_rejected(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, reject):
        results = agent.run([mail.tool], [call(tool)])
    assert results == {
        "call-1": f"NOT RUN. A reviewer rejected the call to {tool}: Use the staging list. Do not try it again."
    }
    assert agent.model.read == [results]
    assert not mail.runs


def test_rejections_are_not_errors_that_end_the_run(agent: Runner, mail: Mail, tool: str) -> None:
    """After three errors in a row the framework calls the model without its tools."""
    with reviewing(agent.server, tool, reject):
        agent.run([mail.tool], *([call(tool, f"call-{each}", to=f"{each}")] for each in range(5)))
    assert len(agent.model.read[-1]) == 5
    assert len(all_of(agent.server, tool)) == 5


def test_timed_out(agent: Runner, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(tool)], timeout=1).values()
    assert result == f"NOT RUN. No reviewer decided on the call to {tool} in time. Do not work around it."
    assert not mail.runs


def test_auto_approved(agent: Runner, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    assert agent.run([mail.tool], [call(mail.tool.name)]) == {"call-1": "sent 1 to alice@example.com"}
    assert len(mail.runs) == 1


def test_auto_rejected(agent: Runner, tool: str) -> None:
    mail = Mail(f"never.{tool}")
    [result] = agent.run([mail.tool], [call(mail.tool.name)]).values()
    assert "Dropping tables is not allowed." in result
    assert not mail.runs


def unreachable(agent: Runner) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        agent.address = f"http://127.0.0.1:{nobody.getsockname()[1]}"


def test_server_unreachable(agent: Runner, mail: Mail, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    unreachable(agent)
    [result] = agent.run([mail.tool], [call(tool)], patience=0.5).values()
    assert "the approvals server cannot be reached" in result
    assert agent.address not in result
    assert f"Cannot reach the approvals server at {agent.address}" in caplog.text
    assert not mail.runs


def test_refusals_that_end_the_run(agent: Runner, mail: Mail, tool: str) -> None:
    with (
        reviewing(agent.server, tool, reject),
        pytest.raises(MiddlewareFailure, match=r"Use the staging list\.") as end,
    ):
        agent.run([mail.tool], [call(tool)], on_refusal="raise")
    assert isinstance(end.value.__cause__, signoff.Rejected)
    assert not mail.runs


def test_hook_crashing(agent: Runner, mail: Mail, tool: str) -> None:
    def crash(*_: object) -> signoff.CallOptions:
        raise RuntimeError("crashed")

    with pytest.raises(MiddlewareFailure, match=f"the gate of {tool} failed: RuntimeError") as end:
        agent.run([mail.tool], [call(tool)], options_for=crash)
    assert str(end.value.__cause__) == "crashed"
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_hook_timing_out(agent: Runner, mail: Mail, tool: str) -> None:
    with pytest.raises(asyncio.CancelledError):
        agent.run([mail.tool], [call(tool)], gives_up=True)
    # What the framework gave up stays open, and is not run by a decision that comes too late.
    approved = decide(agent.server, pending(agent.server, tool), approve=True)
    assert approved.status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


def test_three_calls_of_one_turn(agent: Runner, mail: Mail, tool: str) -> None:
    def each(approval: Approval) -> dict[str, Any]:
        match approval.arguments["to"]:
            case "alice":
                return {"approve": True}
            case "bob":
                return {"approve": False, "comment": "Not Bob."}
            case _:
                return {"approve": True, "edited": {"to": "carol", "count": 3}}

    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob", "carol")]
    with reviewing(agent.server, tool, each) as seen:
        results = agent.run([mail.tool], calls)
    assert len(seen) == len(all_of(agent.server, tool)) == 3
    assert results["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in results["call-bob"]
    assert results["call-carol"] == "sent 3 to carol"
    assert sorted(run["to"] for run in mail.runs) == ["alice", "carol"]


def test_one_that_ends_the_run_withdraws_the_others(agent: Runner, mail: Mail, tool: str) -> None:
    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob")]

    def reject_alice() -> None:
        pending(agent.server, tool)
        while len(both := all_of(agent.server, tool)) < 2:
            pass
        alice = next(each for each in both if each.arguments["to"] == "alice")
        decide(agent.server, alice, approve=False)

    with pytest.raises(MiddlewareFailure):
        agent.run([mail.tool], calls, meanwhile=reject_alice, on_refusal="raise", cancel_on_abandon=True)
    assert not mail.runs
    statuses = {each.arguments["to"]: each.status for each in all_of(agent.server, tool)}
    assert statuses["bob"] == ApprovalStatus.APPROVAL_STATUS_CANCELLED


def test_run_again(agent: Runner, mail: Mail, tool: str) -> None:
    """In the same session, as after a crash: the call is found, and not made again."""
    session = AgentSession(session_id=f"session-{tool}-{agent.kind}")
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)], session=session)
    [again] = agent.run([mail.tool], [call(tool)], session=AgentSession(session_id=session.session_id)).values()
    assert again.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert "and succeeded at" in again
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 1
    assert all_of(agent.server, tool)[0].agent.run_id == session.session_id


def test_the_same_id_with_other_arguments(agent: Runner, mail: Mail, tool: str) -> None:
    session = AgentSession()
    with reviewing(agent.server, tool, approve):
        results = agent.run([mail.tool], [call(tool)], [call(tool, to="eve@example.com")], session=session)
    assert results == {
        "call-1": f"NOT RUN. The approvals server rejected the request to call {tool}. Do not work around it."
    }
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]


def test_runs_without_a_session_are_others(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve) as seen:
        for _ in range(2):
            agent.run([mail.tool], [call(tool)])
    assert len(seen) == len(mail.runs) == 2
    assert len({each.agent.run_id for each in seen}) == 2


def test_a_tool_that_fails(agent: Runner, tool: str) -> None:
    """The framework tells the model; the gate reports it."""
    mail = Mail(tool, RuntimeError("mailbox full"))
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)]).values()
    assert result == "Error: Function failed."
    [approval] = all_of(agent.server, tool)
    assert (approval.claim.outcome.result, approval.claim.outcome.message) == (FAILED, "mailbox full")


def test_a_tool_that_ends_the_run(agent: Runner, tool: str) -> None:
    mail = Mail(tool, MiddlewareTermination("enough", result="the end"))
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)])
    assert agent.model.turns == 1
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == SUCCEEDED


def test_a_tool_that_asks_for_input(agent: Runner, tool: str) -> None:
    mail = Mail(tool, UserInputRequiredException(contents=[]))
    with reviewing(agent.server, tool, approve), pytest.raises(MiddlewareFailure, match="a gated tool cannot pause"):
        agent.run([mail.tool], [call(tool)])
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == FAILED


def test_what_is_recorded(agent: Runner, mail: Mail, tool: str) -> None:
    def options_for(context: FunctionInvocationContext, arguments: dict[str, Any]) -> signoff.CallOptions:
        return {"labels": {"call": context.metadata["call_id"], "to": arguments["to"]}, "reason": "Because."}

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], options_for=options_for, agent_name="other", chain=["boss"])
    [approval] = seen
    assert (approval.agent.name, list(approval.agent.chain)) == ("other", ["boss"])
    assert approval.agent.run_id
    assert (approval.reason, dict(approval.labels)) == ("Because.", {"call": "call-1", "to": "alice@example.com"})


def test_progress(agent: Runner, mail: Mail, tool: str) -> None:
    told: list[str] = []

    def decide_once(approval: Approval) -> dict[str, Any]:
        while not told:
            pass
        return {"approve": True}

    with reviewing(agent.server, tool, decide_once):
        agent.run([mail.tool], [call(tool)], on_progress=lambda progress: told.append(progress.message))
    assert told[0].startswith("Waiting for approval from a reviewer")


def test_injected_values_stay_here(agent: Runner, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    got: list[Any] = []

    def send(ctx: FunctionInvocationContext, to: str) -> str:
        got.append((ctx.kwargs["key"], ctx.session.state["key"] if ctx.session else None))
        return f"sent to {to}"

    session = AgentSession()
    session.state["key"] = SECRET
    caplog.set_level(logging.DEBUG)
    # The model sets what only the framework may give.
    given = call(tool, to="alice@example.com", ctx={"kwargs": {"key": "mine"}}, key="mine")
    with reviewing(agent.server, tool, approve):
        results = agent.run(
            [FunctionTool(name=tool, func=send)],
            [given],
            session=session,
            of_run={"function_invocation_kwargs": {"key": SECRET}},
        )
    assert results == {"call-1": "sent to alice@example.com"}
    assert got == [(SECRET, SECRET)]
    [approval] = all_of(agent.server, tool)
    assert from_struct(approval.arguments) == {"to": "alice@example.com"}
    # That this would find it: the arguments are there.
    assert files_with(agent.server, "alice@example.com")
    assert not files_with(agent.server, SECRET)
    assert SECRET not in str([each.getMessage() for each in caplog.records])
    assert SECRET not in str([each.to_dict() for each in agent.response.messages])


def files_with(server: Server, text: str) -> list[Path]:
    """What the server wrote that holds the text."""
    directory = server._directory  # pyright: ignore[reportPrivateUsage]
    return [each for each in directory.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_errors_of_pydantic_keep_what_they_are_about(agent: Runner, tool: str) -> None:
    class Account(BaseModel):
        number: int

    def send(ctx: FunctionInvocationContext, to: str) -> str:
        Account.model_validate({"number": ctx.kwargs["key"]})
        return to

    with reviewing(agent.server, tool, approve):
        of_run = {"function_invocation_kwargs": {"key": SECRET}}
        agent.run([FunctionTool(name=tool, func=send)], [call(tool)], of_run=of_run)
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == FAILED
    assert approval.claim.outcome.message.startswith("number: Input should be a valid integer")
    assert not files_with(agent.server, SECRET)


@pytest.mark.parametrize("name", ["request_id", "call_id", "arguments_schema", "cancel_handle", "colour"])
def test_wrong_options(server: Server, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        gate(Agent(Scripted()), signoff.AsyncClient(server.address), **{name: None})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"durable": "yes"}, "durable"), ({"ungated": "search"}, "ungated"), ({"on_refusal": "hide"}, "on_refusal")],
)
def test_wrong_values(server: Server, options: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        gate(Agent(Scripted()), signoff.AsyncClient(server.address), **options)


def test_the_other_kind_of_client(server: Server) -> None:
    with signoff.Client(server.address) as client, pytest.raises(TypeError, match="client must be an AsyncClient"):
        gate(Agent(Scripted()), client)  # type: ignore[arg-type]

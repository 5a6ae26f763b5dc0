"""Tool calls of LangChain and LangGraph run once, with what was approved, or not at all."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc
import pytest
from graphs import Agent, Mail, call
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt
from reviewing import approve, reject, reviewing

import signoff
from reviewers import all_of, decide, pending
from signoff._structs import from_struct
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult

SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
APPROVED = ApprovalStatus.APPROVAL_STATUS_APPROVED
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


@pytest.fixture
def mail(tool: str) -> Mail:
    return Mail(tool)


def test_approved(agent: Agent, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)])
    assert (result.content, result.status) == ("sent 1 to alice@example.com", "success")
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]
    [approval] = all_of(agent.server, tool)
    # The default too: the reviewer sees all that the tool gets.
    assert from_struct(approval.arguments) == {"to": "alice@example.com", "count": 1}
    assert approval.claim.outcome.result == SUCCEEDED


def test_edited(agent: Agent, mail: Mail, tool: str) -> None:
    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": "bob@example.com", "count": 7}}

    with reviewing(agent.server, tool, edit):
        [result] = agent.run([mail.tool], [call(tool)])
    assert result.content == "sent 7 to bob@example.com"
    assert mail.runs == [{"to": "bob@example.com", "count": 7}]


def test_an_edit_that_does_not_fit_is_refused_while_it_can_be_mended(agent: Agent, mail: Mail, tool: str) -> None:
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


def test_rejected(agent: Agent, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, reject):
        [result] = agent.run([mail.tool], [call(tool)])
    assert result.content == (
        f"NOT RUN. A reviewer rejected the call to {tool}: Use the staging list. Do not try it again."
    )
    assert (result.status, result.tool_call_id, result.name) == ("error", "call-1", tool)
    assert not mail.runs


def test_timed_out(agent: Agent, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(tool)], timeout=1)
    assert result.content == f"NOT RUN. No reviewer decided on the call to {tool} in time. Do not work around it."
    assert not mail.runs


def test_auto_approved(agent: Agent, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    [result] = agent.run([mail.tool], [call(mail.tool.name)])
    assert result.content == "sent 1 to alice@example.com"
    assert len(mail.runs) == 1


def test_auto_rejected(agent: Agent, tool: str) -> None:
    mail = Mail(f"never.{tool}")
    [result] = agent.run([mail.tool], [call(mail.tool.name)])
    assert "Dropping tables is not allowed." in result.text
    assert not mail.runs


def test_server_unreachable(agent: Agent, mail: Mail, tool: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        agent.address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        [result] = agent.run([mail.tool], [call(tool)], patience=0.5)
    assert "the approvals server cannot be reached" in result.text
    assert not mail.runs


def test_hook_crashing(agent: Agent, mail: Mail, tool: str) -> None:
    def crash(_: object) -> signoff.CallOptions:
        raise RuntimeError("crashed")

    with pytest.raises(RuntimeError, match="crashed"):
        agent.run([mail.tool], [call(tool)], options_for=crash)
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_hook_of_the_other_kind(agent: Agent, mail: Mail, tool: str) -> None:
    agent.swaps_clients = True
    with pytest.raises(TypeError, match=r"need an? (Async)?Client and not an? (Async)?Client"):
        agent.run([mail.tool], [call(tool)])
    assert not mail.runs


@pytest.mark.parametrize("is_async", [True], ids=["ainvoke"])
def test_hook_timing_out(agent: Agent, mail: Mail, tool: str, is_async: bool) -> None:
    def hurry(graph: Any) -> None:
        getattr(graph, "bound", graph).step_timeout = 1

    with pytest.raises(asyncio.TimeoutError):
        agent.run([mail.tool], [call(tool)], prepare=hurry, timeout=60)
    # What the framework gave up stays open, and is not run by a decision that comes too late.
    assert decide(agent.server, pending(agent.server, tool), approve=True).status == APPROVED
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


def test_three_calls_of_one_turn(agent: Agent, mail: Mail, tool: str) -> None:
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
    by_call = {result.tool_call_id: result.text for result in results}
    assert by_call["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in by_call["call-bob"]
    assert by_call["call-carol"] == "sent 3 to carol"
    assert sorted(run["to"] for run in mail.runs) == ["alice", "carol"]


def test_run_again(agent: Agent, mail: Mail, tool: str) -> None:
    """The node runs again, from a checkpoint before it: the call is found, and not made again."""
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver)
    before = next(each for each in saver.list(config) if agent.is_before_tools(each))
    [*_, again] = agent.resume([mail.tool], before.config, saver)
    assert again.text.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert "and succeeded at" in again.text
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 1


@pytest.mark.parametrize("is_async", [True], ids=["ainvoke"])
def test_given_up_and_run_again(agent: Agent, mail: Mail, tool: str, is_async: bool) -> None:
    """Another run finds the approval."""
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    with pytest.raises(asyncio.CancelledError):
        agent.run([mail.tool], [call(tool)], config=config, checkpointer=saver, gives_up=True)
    waiting = pending(agent.server, tool)
    decide(agent.server, waiting, approve=True)
    [result] = agent.resume([mail.tool], config, saver)
    assert result.content == "sent 1 to alice@example.com"
    assert [each.id for each in all_of(agent.server, tool)] == [waiting.id]
    assert len(mail.runs) == 1


def test_ids_that_a_model_uses_again(agent: Agent, mail: Mail, tool: str) -> None:
    """They are other calls, in one thread too, with a checkpointer and without."""
    config: dict[str, Any] = {"configurable": {"thread_id": tool}}
    saver = InMemorySaver()
    with reviewing(agent.server, tool, approve) as seen:
        for options in ({"config": config, "checkpointer": saver}, {"config": config}, {}):
            agent.run([mail.tool], [call(tool)], **options)  # type: ignore[arg-type]
            agent.run([mail.tool], [call(tool)], **options)  # type: ignore[arg-type]
    assert len(seen) == len(mail.runs) == 6


def test_what_is_recorded(agent: Agent, mail: Mail, tool: str) -> None:
    config: dict[str, Any] = {"configurable": {"thread_id": "thread-7"}}

    def options_for(request: Any) -> signoff.CallOptions:
        return {"labels": {"call": request.tool_call["id"]}, "reason": "Because."}

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], config=config, options_for=options_for, agent_name="mailer")
    [approval] = seen
    assert (approval.agent.name, approval.agent.run_id) == ("mailer", "thread-7")
    assert (approval.reason, dict(approval.labels)) == ("Because.", {"call": "call-1"})


def test_arguments_that_do_not_fit(agent: Agent, mail: Mail, tool: str) -> None:
    calls = [
        call(tool, "a", to="alice", count="many"),
        call(tool, "b", to="alice", dry_run=True),
        call(tool, "c", count=1),
    ]
    results = agent.run([mail.tool], calls)
    assert [result.text.split(": ", 1)[1] for result in results] == [
        "argument count does not fit: input should be a valid integer, unable to parse string as an integer.",
        "argument dry_run is not a parameter of the tool.",
        "argument to does not fit: field required.",
    ]
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_a_tool_that_is_not_there(agent: Agent, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(f"no_{tool}")])
    assert "is for a tool that this agent does not have" in result.text
    assert not all_of(agent.server, f"no_{tool}")


def test_a_tool_that_fails(agent: Agent, tool: str) -> None:
    mail = Mail(tool, ValueError("mailbox full"))
    with reviewing(agent.server, tool, approve), pytest.raises(ValueError, match="mailbox full"):
        agent.run([mail.tool], [call(tool)])
    [approval] = all_of(agent.server, tool)
    outcome = approval.claim.outcome
    assert (outcome.result, outcome.message) == (FAILED, "mailbox full")


def test_a_tool_that_fails_in_words(agent: Agent, tool: str) -> None:
    from langchain_core.tools import ToolException

    mail = Mail(tool, ToolException("mailbox full"))
    mail.tool.handle_tool_error = True
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)])
    assert (result.content, result.status) == ("mailbox full", "error")
    [approval] = all_of(agent.server, tool)
    assert (approval.claim.outcome.result, approval.claim.outcome.message) == (FAILED, "mailbox full")


def test_a_tool_that_pauses(agent: Agent, tool: str) -> None:
    mail = Mail(tool, lambda: interrupt("Sure?"))
    with reviewing(agent.server, tool, approve), pytest.raises(TypeError, match="a gated tool cannot pause"):
        agent.run([mail.tool], [call(tool)], config={"configurable": {"thread_id": tool}}, checkpointer=InMemorySaver())
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == FAILED


@pytest.mark.parametrize("name", ["request_id", "call_id", "arguments_schema", "cancel_handle", "colour"])
def test_wrong_options(agent: Agent, mail: Mail, tool: str, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        agent.run([mail.tool], [call(tool)], **{name: None})

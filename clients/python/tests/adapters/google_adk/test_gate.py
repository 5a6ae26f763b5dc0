"""What runs, and what the model reads."""

from __future__ import annotations

from typing import Any

import pytest
from agents_at_work import REJECTED, Body, an_agent, approve, one_call, results, run

from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.v1.approval_pb2 import ApprovalStatus, ExecutionResult


def test_approved(desk: Server, name: str) -> None:
    body = Body(name)
    events = run(desk, an_agent(body.tool, steps=[one_call(name)]), lambda: approve(desk, name))
    assert results(events) == {"call-1": "done for alice"}
    assert body.runs == [{"to": "alice", "amount": 2.0}]
    # Approved as JSON has it, and run as the function declares it.
    assert type(body.runs[0]["amount"]) is float
    [approval] = all_of(desk, name)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED
    assert (approval.agent.name, approval.agent.run_id) == ("mailer", "session-1")


def test_edited(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"to": "bob", "amount": 7})

    events = run(desk, an_agent(body.tool, steps=[one_call(name)]), review)
    assert results(events) == {"call-1": "done for bob"}
    assert body.runs == [{"to": "bob", "amount": 7.0}]
    assert type(body.runs[0]["amount"]) is float


def test_rejected(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    agent = an_agent(body.tool, steps=[one_call(name)])
    events = run(desk, agent, review)
    assert results(events) == {"call-1": REJECTED.format(name)}
    # The model has read it.
    assert "Use the staging list." in str(agent.model.read[-1])  # type: ignore[union-attr]
    assert body.runs == []

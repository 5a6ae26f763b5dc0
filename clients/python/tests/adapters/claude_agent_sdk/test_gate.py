"""The adapter for the Claude Agent SDK, with the SDK's own program, a scripted model and the real server."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, query
from model_server import model
from sessions import NAME, Desk, approve, one, run

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters import claude_agent_sdk
from signoff.v1.approval_pb2 import ApprovalStatus, ExecutionResult

REJECTED = "NOT RUN. A reviewer rejected the call to {}: Use the staging list. Do not try it again."


def test_approved(desk: Server, name: str) -> None:
    body = Desk(name)
    asked: list[Any] = []
    results = run(
        desk,
        body,
        one(name),
        meanwhile=lambda: asked.append(approve(desk, name)),
        agent_name="mailer",
        env={"SMTP_PASSWORD": "sk-4fd1c3a90b"},
    )
    assert results == {"call-1": "sent to alice"}
    assert body.runs == [{"to": "alice"}]
    approval = stored(desk, asked[0].id)
    assert (approval.agent.name, bool(approval.agent.run_id)) == ("mailer", True)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED
    assert "sk-4fd1c3a90b" not in str(approval)


def test_edited(desk: Server, name: str) -> None:
    body = Desk(name)
    results = run(desk, body, one(name), meanwhile=lambda: approve(desk, name, edited={"to": "bob"}))
    assert results == {"call-1": "sent to bob"}
    assert body.runs == [{"to": "bob"}]
    outcome = all_of(desk, NAME.format(name))[0].claim.outcome
    assert outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def test_rejected(desk: Server, name: str) -> None:
    body = Desk(name)

    def review() -> None:
        decide(desk, pending(desk, NAME.format(name)), approve=False, comment="Use the staging list.")

    assert REJECTED.format(NAME.format(name)) in run(desk, body, one(name), meanwhile=review)["call-1"]
    assert body.runs == []


def test_timeout(desk: Server, name: str) -> None:
    body = Desk(name)
    assert "NOT RUN. No reviewer decided" in run(desk, body, one(name), timeout=1)["call-1"]
    assert body.runs == []


def test_failed_tool(desk: Server, name: str) -> None:
    body = Desk(name, error="mailbox full")
    results = run(desk, body, one(name), meanwhile=lambda: approve(desk, name))
    assert "mailbox full" in results["call-1"]
    outcome = all_of(desk, NAME.format(name))[0].claim.outcome
    assert (len(body.runs), outcome.result) == (1, ExecutionResult.EXECUTION_RESULT_FAILED)


def test_auto_approved_and_the_programs_own_tools(own_server: Server, tmp_path: Path) -> None:
    """The policy lets `auto_…` run; a shell command needs a person like any tool that the policy does not name.

    What the process knows, and the model's arguments do not say, is nowhere at the server.
    """
    body, secret = Desk("auto_send"), "sk-4fd1c3a90b"
    first, second = tmp_path / "first", tmp_path / "second"
    touch = [{"command": f"touch {file}", "description": "Touches."} for file in (first, second)]
    turns = one("auto_send"), [("call-2", "Bash", touch[0])], [("call-3", "Bash", touch[1])]

    def review() -> None:
        rejected = pending(own_server, "Bash")
        decide(own_server, rejected, approve=False, comment="No shell.")
        approval = pending(own_server, "Bash")
        while approval.id == rejected.id:
            approval = pending(own_server, "Bash")
        decide(own_server, approval, approve=True)

    results = run(own_server, body, *turns, meanwhile=review, env={"SMTP_PASSWORD": secret})
    assert results["call-1"] == "sent to alice"
    assert "A reviewer rejected the call to Bash: No shell." in results["call-2"]
    assert (first.exists(), second.exists()) == (False, True)
    outcomes = {each.claim.outcome.result for each in all_of(own_server, "Bash") if each.HasField("claim")}
    assert outcomes == {ExecutionResult.EXECUTION_RESULT_SUCCEEDED}
    own_server.drain()
    for stored_file in (tmp_path / "own").rglob("*"):
        assert not stored_file.is_file() or secret.encode() not in stored_file.read_bytes()


def test_lines_of_the_documentation(own_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = Path(__file__).parents[5] / "docs/adapters/claude-agent-sdk.md"
    block, durable = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    monkeypatch.chdir(tmp_path)
    body = Desk("auto_send")
    scope: dict[str, Any] = {"ClaudeSDKClient": ClaudeSDKClient, "ClaudeAgentOptions": ClaudeAgentOptions}
    scope |= {"Path": Path, "json": json, "query": query, "suppress": suppress, "desk": body.server}
    # What the first block imports is within its function here.
    scope |= {"signoff": signoff, "gate": claude_agent_sdk.gate}
    with model(one("auto_send")) as scripted:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", scripted.address)
        exec(f"async def program():\n{textwrap.indent(block, '    ')}", scope)
        asyncio.run(scope["program"]())
    assert scripted.results == {"call-1": "sent to alice"}
    scope["desk"] = Desk("send").server
    with model([("call-2", NAME.format("send"), {"to": "bob"})]) as scripted:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", scripted.address)
        exec(durable, scope)
        asyncio.run(scope["run"]("Send Bob his invoice."))
        assert scripted.results == {}
        decide(own_server, pending(own_server, NAME.format("send")), approve=True)
        asyncio.run(scope["go_on"]())
    assert scripted.results == {"call-2": "sent to bob"}


def test_server_unreachable(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    body = Desk(name)
    with caplog.at_level(logging.WARNING, "signoff"):
        results = run(desk, body, one(name), address="http://127.0.0.1:1", patience=0.2)
    assert "the approvals server cannot be reached" in results["call-1"]
    assert any("Cannot reach the approvals server at http://127.0.0.1:1" in text for text in caplog.messages)
    assert body.runs == []


def test_hook_crashes(desk: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within what the hook guards, and outside of that: the SDK blocks then."""
    body = Desk(name)

    async def crash(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(claude_agent_sdk, "run_bound_async", crash)
    assert "could not be approved" in run(desk, body, one(name))["call-1"]
    monkeypatch.setattr(claude_agent_sdk._Gate, "before", crash)
    assert run(desk, body, one(name))["call-1"]
    assert body.runs == []


def test_hook_times_out(desk: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers before; and the SDK blocks when it does not."""
    body = Desk(name)
    assert "NOT RUN. " in run(desk, body, one(name), hook_timeout=5.5)["call-1"]
    decide(desk, pending(desk, NAME.format(name)), approve=True)

    async def hang(*_: Any) -> Any:
        await asyncio.sleep(3600)

    monkeypatch.setattr(claude_agent_sdk._Gate, "before", hang)
    assert run(desk, body, one(name), hook_timeout=6)["call-1"]
    assert body.runs == []


def test_three_parallel_calls(desk: Server, name: str) -> None:
    body = Desk(name)
    full = NAME.format(name)
    turn = [(f"call-{to}", full, {"to": to}) for to in ("alice", "bob", "carol")]

    def review() -> None:
        decided: set[str] = set()
        while len(decided) < 3:
            for approval in all_of(desk, full):
                to = str(approval.arguments["to"])
                if to in decided or approval.status != ApprovalStatus.APPROVAL_STATUS_PENDING:
                    continue
                decided.add(to)
                if to == "bob":
                    decide(desk, approval, approve=False, comment="Use the staging list.")
                else:
                    decide(desk, approval, approve=True, edited={"to": "dave"} if to == "carol" else None)

    results = run(desk, body, turn, meanwhile=review)
    assert results["call-alice"] == "sent to alice"
    assert REJECTED.format(full) in results["call-bob"]
    assert results["call-carol"] == "sent to dave"
    assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]


def test_a_second_run_does_not_ask_twice(desk: Server, name: str) -> None:
    body = Desk(name)
    run(desk, body, one(name), meanwhile=lambda: approve(desk, name), run_id=name)
    assert "NOT RUN AGAIN." in run(desk, body, one(name), run_id=name)["call-1"]
    assert len(all_of(desk, NAME.format(name))) == len(body.runs) == 1

"""Runs that end when a call needs a decision, and are resumed once there is one."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, PermissionResultDeny, ResultMessage, ToolPermissionContext, query
from model_server import model
from reviewing import before_its_end
from sessions import NAME, Desk, approve, one, options

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.claude_agent_sdk import gate
from signoff.v1.approval_pb2 import ApprovalStatus, ExecutionResult


@dataclasses.dataclass
class Part:
    """What came of a session until it ended, or is to be resumed."""

    results: dict[str, str]
    handles: list[signoff.Handle]
    session_id: str = ""
    deferred: str | None = None


def part(
    server: Server,
    body: Desk,
    *turns: Any,
    resume: str | None = None,
    meanwhile: Any = None,
    address: str | None = None,
    of_sdk: dict[str, Any] | None = None,
    **of_gate: Any,
) -> Part:
    """Runs a session with a scripted model, until it has ended or is to be resumed."""

    async def main() -> Part:
        async with signoff.AsyncClient(address or server.address, token=server.agent) as client:
            with model(*turns) as scripted:
                done = Part(scripted.results, [])
                given = options(body, scripted, resume=resume, **(of_sdk or {}))
                of_all = {"on_deferred": lambda handle, _: done.handles.append(handle), **of_gate}
                gated = gate(given, client, durable=True, **of_all)

                async def talk() -> None:
                    async for message in query(prompt="go", options=gated):
                        if isinstance(message, ResultMessage):
                            done.session_id = message.session_id
                            if message.deferred_tool_use and message.stop_reason == "tool_deferred":
                                done.deferred = message.deferred_tool_use.id

                running = asyncio.ensure_future(talk())
                if meanwhile:
                    await before_its_end(running, meanwhile)
                await running
                return done

    return asyncio.run(main())


def statuses(server: Server, name: str) -> list[int]:
    return sorted(each.status for each in all_of(server, NAME.format(name)))


PENDING = ApprovalStatus.APPROVAL_STATUS_PENDING
APPROVED = ApprovalStatus.APPROVAL_STATUS_APPROVED
CANCELLED = ApprovalStatus.APPROVAL_STATUS_CANCELLED


def test_the_run_ends_and_goes_on(desk: Server, name: str) -> None:
    """Before there is a decision it ends again; afterwards the tool runs with what was approved, once."""
    body = Desk(name)
    first = part(desk, body, one(name))
    assert (first.deferred, len(first.handles), body.runs) == ("call-1", 1, [])
    early = part(desk, body, resume=first.session_id)
    assert (early.deferred, early.handles, statuses(desk, name)) == ("call-1", first.handles, [PENDING])
    approve(desk, name, edited={"to": "bob"})
    second = part(desk, body, resume=first.session_id)
    assert (second.deferred, second.results) == (None, {"call-1": "sent to bob"})
    part(desk, body, resume=first.session_id)
    assert body.runs == [{"to": "bob"}]
    [approval] = all_of(desk, NAME.format(name))
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def test_rejected_meanwhile(desk: Server, name: str) -> None:
    body = Desk(name)
    first = part(desk, body, one(name))
    decide(desk, pending(desk, NAME.format(name)), approve=False, comment="Use the staging list.")
    second = part(desk, body, resume=first.session_id)
    assert "A reviewer rejected" in second.results["call-1"]
    assert "Use the staging list." in second.results["call-1"]
    assert body.runs == []


def test_what_the_policy_decides_does_not_end_the_run(desk: Server) -> None:
    yes, no = Desk("auto_now"), Desk("never_now")
    assert part(desk, yes, one("auto_now")).results == {"call-1": "sent to alice"}
    assert "Dropping tables is not allowed" in part(desk, no, one("never_now")).results["call-1"]
    assert no.runs == []


def test_three_calls_of_one_turn(desk: Server, name: str) -> None:
    """One waits, and the model is told to make the others again."""
    body = Desk(name)
    turn = [(f"call-{to}", NAME.format(name), {"to": to}) for to in ("ann", "bob", "cy")]
    first = part(desk, body, turn)
    assert statuses(desk, name) == sorted([PENDING, CANCELLED, CANCELLED])
    assert first.deferred
    assert len(first.handles) == 1
    approve(desk, name)
    again = [("call-again", NAME.format(name), {"to": "dan"})]
    second = part(desk, body, again, resume=first.session_id)
    to = first.deferred.removeprefix("call-")
    assert second.results.pop(first.deferred) == f"sent to {to}"
    assert len(second.results) == 2
    assert all("Another call of this turn waits" in text for text in second.results.values())
    assert second.deferred == "call-again"
    approve(desk, name)
    third = part(desk, body, resume=first.session_id)
    assert third.results["call-again"] == "sent to dan"
    assert body.runs == [{"to": to}, {"to": "dan"}]


def test_prompts_are_refused_while_a_call_waits(own_server: Server, tmp_path: Path) -> None:
    """What is resumed may wait again."""

    def touch(call_id: str) -> Any:
        return [(call_id, "Bash", {"command": f"touch {tmp_path}/{call_id}", "description": "Touches."})]

    def review() -> None:
        decide(own_server, pending(own_server, "Bash"), approve=True)

    body = Desk("send")
    first = part(own_server, body, touch("one"))
    early = part(own_server, body, touch("lost"), resume=first.session_id)
    assert (early.deferred, early.results) == ("one", {})
    review()
    second = part(own_server, body, touch("two"), touch("lost"), resume=first.session_id)
    assert (second.deferred, list(second.results)) == ("two", ["one"])
    review()
    assert list(part(own_server, body, resume=first.session_id).results) == ["one", "two"]
    assert [(tmp_path / each).exists() for each in ("one", "two", "lost")] == [True, True, False]
    assert len(all_of(own_server, "Bash")) == 2


def test_a_call_of_a_subagent_is_waited_for(own_server: Server, tmp_path: Path) -> None:
    task = {"description": "x", "prompt": "y", "subagent_type": "general-purpose", "run_in_background": False}
    touch = {"command": f"touch {tmp_path}/touched", "description": "Touches."}
    turns = [("call-1", "Agent", task)], [("call-2", "Bash", touch)]
    of_sdk = {"allowed_tools": ["Agent"]}

    def review() -> None:
        decide(own_server, pending(own_server, "Bash"), approve=True)

    done = part(own_server, Desk("send"), *turns, meanwhile=review, of_sdk=of_sdk, ungated=["Agent"])
    assert (done.deferred, (tmp_path / "touched").exists()) == (None, True)


def test_nobody_can_be_asked_or_told(desk: Server, name: str) -> None:
    body = Desk(name)
    unreachable = part(desk, body, one(name), address="http://127.0.0.1:1", patience=0.2)
    assert "the approvals server cannot be reached" in unreachable.results["call-1"]

    async def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    failed = part(desk, body, one(name), on_deferred=fail)
    assert "could not be approved" in failed.results["call-1"]
    assert (unreachable.deferred, failed.deferred, body.runs) == (None, None, [])


def test_a_program_that_goes_on_in_place_of_ending_the_run(desk: Server, name: str) -> None:
    tool_name = NAME.format(name)

    async def main() -> tuple[Any, Any]:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            gated = gate(ClaudeAgentOptions(setting_sources=[]), client, durable=True)
            assert gated.hooks
            assert gated.can_use_tool
            given: Any = {"tool_name": tool_name, "tool_input": {"to": "alice"}, "session_id": name}
            answer = await gated.hooks["PreToolUse"][0].hooks[0](given, "call-1", {"signal": None})
            return answer, await gated.can_use_tool(tool_name, {}, ToolPermissionContext(tool_use_id="call-1"))

    answer, permission = asyncio.run(main())
    assert answer["hookSpecificOutput"]["permissionDecision"] == "defer"
    assert isinstance(permission, PermissionResultDeny)
    assert statuses(desk, name) == [CANCELLED]


def test_options() -> None:
    client = signoff.AsyncClient("http://127.0.0.1:1")
    kept = ClaudeAgentOptions(setting_sources=[])
    forgotten = ClaudeAgentOptions(setting_sources=[], extra_args={"no-session-persistence": None})
    for match, given, of_gate in (
        ("durable needs sessions that are kept", forgotten, {"durable": True}),
        ("on_deferred needs durable", kept, {"on_deferred": print}),
        ("durable", kept, {"durable": "yes"}),
    ):
        with pytest.raises(TypeError, match=match):
            gate(given, client, **of_gate)  # type: ignore[arg-type]


def test_processes_that_are_killed(desk: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lose nothing while they wait, and the next one runs the tool once."""
    task = {"address": desk.address, "token": desk.agent, "cwd": str(tmp_path), "tool": name}
    running: list[subprocess.Popen[str]] = []

    def start(**more: Any) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        script = Path(__file__).with_name("durable_process.py")
        command = [sys.executable, str(script), json.dumps({**task, **more})]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        return process, json.loads(process.stdout.readline())

    def kill(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    with model(one(name)) as scripted:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", scripted.address)
        try:
            first, told = start()
            kill(first)
            second, waits = start(resume=told)
            assert waits == {"waits": True}
            kill(second)
            third, _ = start(resume=told)
            approve(desk, name, edited={"to": "bob"})
            third.communicate(timeout=60)
            assert third.returncode == 0
        finally:
            for process in running:
                process.kill()
    assert scripted.results == {"call-1": "sent to bob"}
    assert (tmp_path / "runs").read_text() == "bob\n"
    [approval] = all_of(desk, NAME.format(name))
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED

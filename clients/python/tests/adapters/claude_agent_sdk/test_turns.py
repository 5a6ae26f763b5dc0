"""How calls end that the program says nothing of, and the tools of subagents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient
from model_server import model
from reviewing import beside
from sessions import Desk, run

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters import claude_agent_sdk
from signoff.v1.approval_pb2 import Approval, ExecutionResult


def claimed(server: Server, approval: Approval) -> None:
    """Returns once the call may begin."""
    while not stored(server, approval.id).HasField("claim"):
        pass


def ended(server: Server, approval: Approval) -> Any:
    """The outcome, once there is one."""
    while not (claim := stored(server, approval.id).claim).HasField("outcome"):
        pass
    return claim.outcome


def test_subagents(own_server: Server, tmp_path: Path) -> None:
    """Their tools ask as well, also in the background."""
    files = [tmp_path / "first", tmp_path / "second"]
    for file, background in zip(files, (False, True), strict=True):
        task = {"description": "x", "prompt": "y", "subagent_type": "general-purpose", "run_in_background": background}
        touch = {"command": f"touch {file}", "description": "Touches."}
        turns = [("call-1", "Agent", task)], [("call-2", "Bash", touch)], [("call-3", "Bash", touch)]

        def review() -> None:
            decide(own_server, pending(own_server, "Agent"), approve=True)
            seen: set[str] = set()
            while len(seen) < 2:
                approval = pending(own_server, "Bash")
                if approval.id not in seen:
                    seen.add(approval.id)
                    decide(own_server, approval, approve=True)

        def all_ended() -> None:
            for approval in all_of(own_server, "Bash"):
                ended(own_server, approval)

        run(own_server, Desk("send"), *turns, meanwhile=review, until=all_ended)
        assert file.exists()
    outcomes = [each.claim.outcome.result for each in all_of(own_server, "Bash")]
    assert outcomes == [ExecutionResult.EXECUTION_RESULT_SUCCEEDED] * 4


@pytest.mark.parametrize("has_next", [True, False])
def test_interrupted_call(
    own_server: Server,
    tmp_path: Path,
    has_next: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The program says nothing of it. The next turn ends it, or else the client's close: no task waits on."""
    monkeypatch.setattr(claude_agent_sdk, "_CHECK", 0.05)
    wait = [("call-1", "Bash", {"command": f"touch {tmp_path}/begun; sleep 60", "description": "Waits."})]

    async def main() -> Any:
        client = signoff.AsyncClient(own_server.address, token=own_server.agent)
        with model(wait) as scripted:
            env = {"ANTHROPIC_BASE_URL": scripted.address}
            options = claude_agent_sdk.gate(ClaudeAgentOptions(setting_sources=[], env=env), client)
            async with client, ClaudeSDKClient(options) as claude:
                await claude.query("go")
                approval = await beside(lambda: pending(own_server, "Bash"))
                await beside(lambda: decide(own_server, approval, approve=True))
                await beside(lambda: claimed(own_server, approval))
                await claude.interrupt()
                async for _ in claude.receive_response():
                    pass
                if has_next:
                    await claude.query("go on")
                    async for _ in claude.receive_response():
                        pass
                    await asyncio.wait_for(beside(lambda: ended(own_server, approval)), 30)
        tasks = options.can_use_tool.__self__._tasks  # type: ignore[union-attr]
        if tasks:
            await asyncio.wait(set(tasks), timeout=30)
        assert not tasks
        return stored(own_server, approval.id).claim.outcome

    outcome = asyncio.run(main())
    if has_next:
        assert outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
        assert "did not say how the call ended" in outcome.message
    else:
        assert "Cannot report the outcome" in caplog.text

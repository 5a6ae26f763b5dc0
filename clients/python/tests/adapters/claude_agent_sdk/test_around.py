"""What leads around the gate: options, variables and settings that switch off the program's hooks."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import (
    AgentDefinition,
    ClaudeAgentOptions,
    HookMatcher,
    PermissionResultAllow,
    ToolPermissionContext,
)
from sessions import Desk, approve, one, run

import signoff
from reviewers import all_of
from servers import Server
from signoff.adapters import claude_agent_sdk
from signoff.adapters.claude_agent_sdk import gate

LIST = [("call-1", "Bash", {"command": "ls", "description": "Lists."})]
"""The program runs it without asking anyone, unless something makes it ask."""


async def hook(*_: Any) -> Any:
    """Does nothing."""
    return {}


async def always(*_: Any) -> Any:
    """Permits all."""
    return PermissionResultAllow()


@dataclasses.dataclass
class LaterAgent(AgentDefinition):
    """As of a later version of the SDK."""

    hooks: dict[str, Any] | None = None


@pytest.mark.parametrize(
    ("match", "given"),
    [
        ("hooks of the agent helper", {"agents": {"helper": LaterAgent("x", "y", hooks={"PreToolUse": []})}}),
        ("allowed_tools.*Bash", {"allowed_tools": ["Read", "Bash"]}),
        ("bypassPermissions", {"permission_mode": "bypassPermissions"}),
        ("acceptEdits", {"permission_mode": "acceptEdits"}),
        ("auto", {"permission_mode": "auto"}),
        ("PreToolUse hooks", {"hooks": {"PreToolUse": [HookMatcher(hooks=[hook])]}}),
        ("PreSkillShellCommand hooks", {"hooks": {"PreSkillShellCommand": [HookMatcher(hooks=[hook])]}}),
        ("autoAllowBashIfSandboxed", {"sandbox": {"enabled": True, "autoAllowBashIfSandboxed": True}}),
        ("skills of the agent helper", {"agents": {"helper": AgentDefinition("x", "y", skills=["pdf"])}}),
        ("PermissionRequest hooks", {"hooks": {"PermissionRequest": [HookMatcher(hooks=[hook])]}}),
        ("bare", {"extra_args": {"bare": None}}),
        ("dangerously-skip-permissions", {"extra_args": {"dangerously-skip-permissions": None}}),
        ("allowedTools", {"extra_args": {"allowedTools": "Bash"}}),
        ("permission-mode", {"extra_args": {"permission-mode": "acceptEdits"}}),
        ("settings", {"extra_args": {"settings": "{}"}}),
        ("a-flag-to-come", {"extra_args": {"a-flag-to-come": None}}),
        ("CLAUDE_CODE_SIMPLE", {"env": {"CLAUDE_CODE_SIMPLE": "1"}}),
        ("CLAUDE_CODE_SAFE_MODE", {"env": {"CLAUDE_CODE_SAFE_MODE": "true"}}),
        ("CLAUDE_CODE_PLUGIN_DIRS", {"env": {"CLAUDE_CODE_PLUGIN_DIRS": "/plugin"}}),
        ("BUN_OPTIONS", {"env": {"BUN_OPTIONS": "--preload=./mine.js"}}),
        ("BUN_INSPECT_PRELOAD", {"env": {"BUN_INSPECT_PRELOAD": "./mine.js"}}),
        ("settings", {"settings": '{"env": {"CLAUDE_CODE_SIMPLE": "1"}}'}),
        ("setting_sources", {"setting_sources": ["user"]}),
        ("setting_sources", {"setting_sources": None}),
        ("plugins", {"plugins": [{"type": "local", "path": "."}]}),
        ("cli_path", {"cli_path": "/usr/bin/true"}),
        ("permission_prompt_tool_name", {"permission_prompt_tool_name": "mcp__desk__ask"}),
        ("skills", {"skills": "all"}),
        (
            "permissionMode of the agent helper",
            {"agents": {"helper": AgentDefinition("x", "y", permissionMode="acceptEdits")}},
        ),
    ],
)
def test_options(match: str, given: dict[str, Any]) -> None:
    client = signoff.AsyncClient("http://127.0.0.1:1")
    with pytest.raises(TypeError, match=match):
        gate(ClaudeAgentOptions(**{"setting_sources": [], **given}), client, ungated=["Read"])


def test_options_that_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a later version of the SDK."""
    judged = claude_agent_sdk.check_options_of_sdk.__globals__["_JUDGED"]
    monkeypatch.setitem(claude_agent_sdk.check_options_of_sdk.__globals__, "_JUDGED", judged - {"model"})
    client = signoff.AsyncClient("http://127.0.0.1:1")
    assert gate(ClaudeAgentOptions(setting_sources=[]), client)
    with pytest.raises(TypeError, match="model cannot be set"):
        gate(ClaudeAgentOptions(setting_sources=[], model="x"), client)


def test_options_of_the_gate() -> None:
    client = signoff.AsyncClient("http://127.0.0.1:1")
    options = ClaudeAgentOptions(setting_sources=[], allowed_tools=["Read"], extra_args={"debug-file": "log"})
    for kind, match, given in (
        (ValueError, "hook_timeout", {"hook_timeout": 5}),
        (TypeError, "call_id", {"call_id": "one"}),
        (TypeError, "unknown option 'lable'", {"lable": "one"}),
    ):
        with pytest.raises(kind, match=match):
            gate(options, client, ungated=["Read"], **given)  # type: ignore[arg-type]
    gated = gate(dataclasses.replace(options, sandbox={"enabled": True}), client, ungated=["Read"])
    assert gated.hooks
    assert (gated.permission_mode, gated.sandbox) == ("default", {"enabled": True, "autoAllowBashIfSandboxed": False})
    with pytest.raises(TypeError, match="AsyncClient"):
        gate(options, signoff.Client("http://127.0.0.1:1"))  # type: ignore[arg-type]


def test_inherited_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SIMPLE", "1")
    with pytest.raises(TypeError, match="CLAUDE_CODE_SIMPLE"):
        gate(ClaudeAgentOptions(setting_sources=[]), signoff.AsyncClient("http://127.0.0.1:1"))


def test_variable_that_is_set_after_the_gate(desk: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = Desk(name)
    results = run(desk, body, one(name), timeout=1, then=lambda: monkeypatch.setenv("CLAUDE_CODE_SIMPLE", "1"))
    assert "NOT RUN. No reviewer decided" in results["call-1"]
    assert body.runs == []


@pytest.mark.parametrize("file", [".claude.json", ".claude/settings.json"])
def test_variable_in_files(own_server: Server, tmp_path: Path, file: str) -> None:
    (tmp_path / ".claude").mkdir()
    settings = {"env": {"CLAUDE_CODE_SIMPLE": "1"}, "permissions": {"allow": ["Bash"]}, "disableAllHooks": True}
    (tmp_path / file).write_text(json.dumps(settings))
    results = run(own_server, Desk("send"), LIST, timeout=1)
    assert "NOT RUN. No reviewer decided" in results["call-1"]


def test_plugins_that_the_variables_of_a_file_name(desk: Server, tmp_path: Path) -> None:
    """They are not loaded: their hooks could change what was approved."""
    ran = tmp_path / "ran"
    hooks = {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": f"touch {ran}"}]}]}
    for file, content in {
        "plugin/.claude-plugin/plugin.json": {"name": "hooked", "version": "1.0.0", "description": "x"},
        "plugin/hooks/hooks.json": {"hooks": hooks},
        ".claude.json": {"env": {"CLAUDE_CODE_PLUGIN_DIRS": str(tmp_path / "plugin")}},
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(json.dumps(content))
    assert run(desk, Desk("auto_plugged"), one("auto_plugged")) == {"call-1": "sent to alice"}
    assert not ran.exists()


def test_program_that_calls_no_hooks(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second barrier, for what the checks do not know: the program asks, and the gate denies."""
    checks = claude_agent_sdk.gate.__globals__
    monkeypatch.setitem(checks, "check_options_of_sdk", lambda *_: None)
    monkeypatch.setitem(checks, "environment", lambda options: {**options.env, "CLAUDE_CODE_SIMPLE": "1"})
    monkeypatch.setitem(checks, "settings", lambda: json.dumps({"permissions": {"ask": ["*"]}}))
    body = Desk("send")
    turns = LIST, [("call-2", "mcp__desk__send", {"to": "alice"})]
    with caplog.at_level(logging.ERROR, "signoff"):
        results = run(own_server, body, *turns, of_sdk={"can_use_tool": always}, ungated=["Bash"])
    assert all("could not be approved" in results[each] for each in ("call-1", "call-2"))
    assert "did not ask the gate about a call to Bash" in caplog.text
    assert body.runs == []
    assert all_of(own_server, "mcp__desk__send") == []


def test_tool_that_ends_without_a_hook_before(own_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Any:
        async with signoff.AsyncClient(own_server.address, token=own_server.agent) as client:
            hooks = gate(ClaudeAgentOptions(setting_sources=[]), client).hooks
            assert hooks
            await hooks["PostToolUse"][-1].hooks[0]({"tool_name": "Bash"}, "call-1", {"signal": None})  # type: ignore[arg-type,typeddict-item]
            return await hooks["PreToolUse"][0].hooks[0]({"tool_name": "auto_send"}, "call-2", {"signal": None})  # type: ignore[arg-type,typeddict-item]

    with caplog.at_level(logging.ERROR, "signoff"):
        answer = asyncio.run(main())
    assert answer["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert "did not ask the gate about a call to Bash" in caplog.text


def test_own_permissions_are_for_ungated_tools(own_server: Server, name: str, tmp_path: Path) -> None:
    """They are not asked about others; without them, `allowed_tools` says what may run."""
    file = tmp_path / "note"
    file.write_text("hello")
    read = [("call-1", "Read", {"file_path": str(file)})]
    asked: list[str] = []

    async def own(tool_name: str, *_: Any) -> Any:
        asked.append(tool_name)
        return PermissionResultAllow()

    body = Desk(name)
    turns = read, [("call-2", f"mcp__desk__{name}", {"to": "alice"})]
    results = run(
        own_server,
        body,
        *turns,
        meanwhile=lambda: approve(own_server, name),
        of_sdk={"can_use_tool": own},
        ungated=["Read"],
    )
    assert "hello" in results["call-1"]
    assert (results["call-2"], asked) == ("sent to alice", ["Read"])
    assert "hello" in run(own_server, body, read, of_sdk={"allowed_tools": ["Read"]}, ungated=["Read"])["call-1"]
    assert "Read is not allowed here" in run(own_server, body, read, ungated=["Read"])["call-1"]


def test_skills() -> None:
    """They run where they are ungated."""

    async def main() -> Any:
        client = signoff.AsyncClient("http://127.0.0.1:1")
        options = gate(ClaudeAgentOptions(setting_sources=[], skills=["pdf"]), client, ungated=["Skill"])
        assert options.hooks
        assert options.can_use_tool
        in_skill: Any = options.hooks["PreSkillShellCommand"][0].hooks[0]  # type: ignore[index]
        assert await in_skill({}, None, {"signal": None}) == {}
        await options.hooks["PreToolUse"][0].hooks[0]({"tool_name": "Skill"}, "call-1", {"signal": None})  # type: ignore[arg-type,typeddict-item]
        return await options.can_use_tool("Skill", {}, ToolPermissionContext(tool_use_id="call-1"))

    assert isinstance(asyncio.run(main()), PermissionResultAllow)


def test_commands_in_the_text_of_a_skill() -> None:
    hooks = gate(ClaudeAgentOptions(setting_sources=[]), signoff.AsyncClient("http://127.0.0.1:1")).hooks
    assert hooks
    in_skill: Any = hooks["PreSkillShellCommand"][0].hooks[0]  # type: ignore[index]
    answer = asyncio.run(in_skill({}, None, {"signal": None}))["hookSpecificOutput"]
    assert (answer["hookEventName"], answer["permissionDecision"]) == ("PreSkillShellCommand", "deny")

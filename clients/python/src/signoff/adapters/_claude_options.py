"""Options of the Claude Agent SDK that could let a tool run beside the gate, or change what was approved."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions

_MODES = (None, "default", "plan")
"""Permission modes that allow nothing by themselves, and let the program ask."""

_DECIDING_HOOKS = ("PreToolUse", "PermissionRequest", "PreSkillShellCommand")

_FLAGS = ("debug", "debug-file", "debug-to-stderr", "no-session-persistence", "replay-user-messages")
"""The program's arguments that only watch the session or keep it."""

_SWITCHES = (
    "CLAUDE_CODE_PLUGIN_DIRS",
    "CLAUDE_CODE_SIMPLE",
    "CLAUDE_CODE_SAFE_MODE",
    "CLAUDE_CODE_PERSONAL_HOOKS_OFF",
    "CLAUDE_CODE_EVEN_MORE_DANGEROUSLY_SKIP_PERMISSIONS",
)
"""Variables that switch off hooks or permissions in the program, or load plugins, whose hooks could."""

_PRELOADS = ("BUN_INSPECT_PRELOAD", "BUN_OPTIONS")
"""Variables with code that the program's runtime loads when it starts. It takes an empty one for a file, and fails."""

_OFF = ("", "0", "false")

_ASKS = {"autoAllowBashIfSandboxed": False}
"""Of a sandbox: commands in it are asked about."""

_LEADS_AROUND: Mapping[str, str] = {
    "cli_path": "another program may not call the hooks",
    "permission_prompt_tool_name": "the gate answers the program's prompts",
    "plugins": "plugins have hooks that could change an approved call",
    "settings": "settings have permissions, hooks and variables that bypass the gate",
}

_JUDGED = frozenset(
    (
        *_LEADS_AROUND,
        # Those that are looked at below.
        *("agents", "allowed_tools", "can_use_tool", "env", "extra_args", "hooks", "permission_mode"),
        *("setting_sources", "skills"),
        # Those that say what the model has, and how its session goes.
        *("add_dirs", "betas", "client_app", "continue_conversation", "cwd", "debug_stderr", "disallowed_tools"),
        *("effort", "enable_file_checkpointing", "fallback_model", "fork_session", "forward_subagent_text"),
        *("include_hook_events", "include_partial_messages", "load_timeout_ms", "max_budget_usd", "max_buffer_size"),
        *("max_thinking_tokens", "max_turns", "mcp_servers", "model", "output_format", "resume", "resume_drops_turn"),
        *("resume_session_at", "sandbox", "session_id", "session_store", "session_store_flush", "stderr"),
        *("strict_mcp_config", "system_prompt", "task_budget", "thinking", "tools", "user", "verbatim_prompts"),
    )
)

_JUDGED_OF_AGENTS = frozenset(
    (
        *(
            "background",
            "description",
            "disallowedTools",
            "effort",
            "initialPrompt",
            "maxTurns",
            "mcpServers",
            "memory",
        ),
        *("model", "permissionMode", "prompt", "skills", "tools"),
    )
)


def check_options_of_sdk(options: ClaudeAgentOptions, ungated: frozenset[str]) -> None:
    """Raises TypeError for an option that lets tools run beside the gate, or that is not known."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in _LEADS_AROUND and value:
            raise TypeError(f"{field.name} cannot be set: {_LEADS_AROUND[field.name]}")
        if field.name not in _JUDGED and value != _default(field):
            raise TypeError(f"{field.name} cannot be set: this version of the gate does not know what it allows")
    sticky = sorted(set(options.allowed_tools) - ungated)
    if sticky:
        raise TypeError(f"allowed_tools lets tools run that Signoff decides on: {', '.join(sticky)}. Remove them")
    if options.skills and "Skill" not in ungated:
        raise TypeError("skills lets the tool Skill run, which Signoff decides on: name Skill in ungated")
    modes = {"permission_mode": options.permission_mode}
    for name, agent in (options.agents or {}).items():
        for field in dataclasses.fields(agent):
            if field.name not in _JUDGED_OF_AGENTS and getattr(agent, field.name) != _default(field):
                raise TypeError(
                    f"{field.name} of the agent {name} cannot be set: this version of the gate does not know it"
                )
        if agent.skills and "Skill" not in ungated:
            raise TypeError(f"skills of the agent {name} load without being asked about: name Skill in ungated")
        modes[f"permissionMode of the agent {name}"] = agent.permissionMode
    for name, mode in modes.items():
        if mode not in _MODES:
            raise TypeError(f"{name} {mode!r} decides on tools that Signoff decides on: use 'default' or 'plan'")
    if options.setting_sources is None or list(options.setting_sources):
        raise TypeError("setting_sources must be []: settings files can disable the gate's hooks, or allow tools")
    for event in _DECIDING_HOOKS:
        if (options.hooks or {}).get(event):  # type: ignore[call-overload]
            raise TypeError(f"{event} hooks run beside the gate, and could change an approved call: remove them")
    if (options.sandbox or {}).get("autoAllowBashIfSandboxed"):
        raise TypeError("sandbox: autoAllowBashIfSandboxed lets commands run that Signoff decides on: remove it")
    flags = sorted(set(options.extra_args) - set(_FLAGS))
    if flags:
        raise TypeError(f"extra_args cannot have {', '.join(flags)}; it can have {', '.join(_FLAGS)}")
    for name, value in {**os.environ, **options.env}.items():
        if name.upper() in (*_SWITCHES, *_PRELOADS) and value.strip().lower() not in _OFF:
            raise TypeError(f"{name} is set, which can disable or change hooks and permissions: remove it")


def check_kept(options: ClaudeAgentOptions) -> None:
    """Raises TypeError for sessions that are not kept: they cannot be resumed."""
    if "no-session-persistence" in options.extra_args:
        raise TypeError("durable needs sessions that are kept: remove no-session-persistence from extra_args")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def environment(options: ClaudeAgentOptions) -> dict[str, str]:
    """The options' variables, without what this process's own may be set to later."""
    return {**options.env, **dict.fromkeys(_SWITCHES, "")}


def settings() -> str:
    """Settings that come before those of files, but for those of the machine's administrator.

    Files set variables too: the program reads `~/.claude.json` even with `setting_sources=[]`. With these settings it
    asks before every tool. It also asks if there is no hook, if a hook allowed the tool, and for commands in a sandbox.
    """
    return json.dumps(
        {
            "disableAllHooks": False,
            "env": dict.fromkeys(_SWITCHES, ""),
            "permissions": {"ask": ["*"]},
            "sandbox": _ASKS,
        }
    )


def sandbox(options: ClaudeAgentOptions) -> Any:
    """The options' sandbox, which the SDK puts in place of that of the settings."""
    return None if options.sandbox is None else {**options.sandbox, **_ASKS}

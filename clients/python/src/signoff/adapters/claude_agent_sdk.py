"""Adapter for the Claude Agent SDK (`claude-agent-sdk`): its tools run only after an approval.

The SDK's program runs the tools, not this process. The gate is its PreToolUse hook: it asks, waits and claims, and then
lets the program run the tool with the approved arguments; later hooks report the outcome. The program must ask
`can_use_tool` too, which allows only calls that the hook has approved: a program that calls no hooks runs no tools.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from claude_agent_sdk import (
    CanUseTool,
    ClaudeAgentOptions,
    HookMatcher,
    PermissionResultAllow,
    PermissionResultDeny,
    ToolPermissionContext,
)

from .._aio_client import AsyncClient, run_bound_async
from .._call import Call, Run
from .._call_options import (
    CallOptions,
    Seconds,
    check_flag,
    check_name,
    check_names,
    check_options,
    check_time,
    seconds,
)
from .._digest import canonical
from ..refusals import Refusal, StillWaiting
from ._claude_deferrals import Deferrals, OnDeferred
from ._claude_options import check_kept, check_options_of_sdk, environment, sandbox, settings

_log = logging.getLogger("signoff")

_OWN = ("agent_name", "chain", "run_id", "call_id", "request_id", "arguments_schema", "cancel_handle")
_MARGIN = 5.0
"""Seconds before the hook's timeout in which it still answers."""
_CHECK = 5.0
"""Seconds between looks at whether a call that runs can still be reported."""
_MAKE_AGAIN = (
    "NOT RUN. Another call of this turn waits for approval, and only one can. Make the call to {} again once that call "
    "has its result."
)
_WAITS = "A call waits for approval. Resume the session after the decision."
_IN_SKILL = "NOT RUN. Commands in the text of a skill cannot be approved. Do not work around it."
_NOT_RUN = "NOT RUN. The call to {} could not be approved. Do not work around it."


def gate(
    options: ClaudeAgentOptions,
    client: AsyncClient,
    *,
    agent_name: str = "claude",
    run_id: str | None = None,
    ungated: Sequence[str] = (),
    hook_timeout: Seconds = 3600.0,
    durable: bool = False,
    on_deferred: OnDeferred | None = None,
    **call_options: Any,
) -> ClaudeAgentOptions:
    """Returns the options with every tool gated: the program's own, and those of MCP servers and subagents.

        options = gate(ClaudeAgentOptions(…), signoff.AsyncClient())

    agent_name: the agent's name; a subagent has its type's name, and this in its `chain`.
    run_id: names the run; unless set, the session's id.
    ungated: names of tools that are not asked about here, such as `Read`; the options' `allowed_tools` lets them run,
        or their `can_use_tool` decides.
    hook_timeout: how long a call may wait; afterwards the model reads that it is still waiting.
    durable: ends the run when a call needs a decision, instead of waiting: any process resumes the session after the
        decision. Calls of subagents still wait.
    on_deferred: gets the handle of the call that ends the run, and the program's input of the hook. Wait for the
        decision with the handle. It may be a coroutine function.
    call_options: those of Call.

    Raises TypeError or ValueError for invalid options, and for options that would bypass the gate or change an approved
    call: see the adapter's page. `setting_sources` must be `[]`.
    """
    if not isinstance(client, AsyncClient):
        raise TypeError("gate needs an AsyncClient: the SDK calls hooks in an event loop")
    check_name("agent_name", agent_name, optional=False)
    check_name("run_id", run_id)
    check_names("ungated", ungated)
    check_time("hook_timeout", hook_timeout)
    if seconds(hook_timeout) <= _MARGIN:
        raise ValueError(f"hook_timeout must be more than {_MARGIN:g} s, in which the hook answers")
    for name in _OWN:
        if name in call_options:
            raise TypeError(f"{name} cannot be set for all calls of an agent")
    of_calls = cast("CallOptions", call_options)
    check_options(of_calls)
    check_flag("durable", durable)
    if on_deferred and not durable:
        raise TypeError("on_deferred needs durable=True")
    check_options_of_sdk(options, frozenset(ungated))
    if durable:
        check_kept(options)
    deferrals = Deferrals(client, on_deferred) if durable else None
    hooks: dict[Any, list[HookMatcher]] = {event: list(each) for event, each in (options.hooks or {}).items()}
    patience = seconds(hook_timeout) - _MARGIN
    hook = _Gate(client, agent_name, run_id, frozenset(ungated), patience, of_calls, options, deferrals)
    hooks["PreToolUse"] = [HookMatcher(hooks=[hook.before], timeout=seconds(hook_timeout), on_failure="block")]
    # Of later versions: the program runs such commands without asking anyone.
    hooks["PreSkillShellCommand"] = [HookMatcher(hooks=[hook.in_skill], on_failure="block")]
    for event in ("PostToolUse", "PostToolUseFailure"):
        hooks[event] = [*hooks.get(event, []), HookMatcher(hooks=[hook.after])]
    for event in ("Stop", "StopFailure", "SubagentStop"):
        hooks[event] = [*hooks.get(event, []), HookMatcher(hooks=[hook.stopped])]
    prompted = HookMatcher(hooks=[hook.prompted], on_failure="block")
    hooks["UserPromptSubmit"] = [*hooks.get("UserPromptSubmit", []), prompted]
    return dataclasses.replace(
        options,
        hooks=hooks,
        can_use_tool=hook.permitted,
        # The gate knows them; beside it they would only hide its `can_use_tool`.
        allowed_tools=[],
        # Without one, the program may begin in a mode that lets a model decide.
        permission_mode=options.permission_mode or "default",
        env=environment(options),
        settings=settings(),
        sandbox=sandbox(options),
    )


class _NotRun(Exception):
    """A call that was allowed, and of whose end the program says nothing."""


@dataclasses.dataclass
class _Allowed:
    session: Any
    subagent: Any
    run: asyncio.Future[Run]
    ended: asyncio.Future[Mapping[str, Any]]


class _Gate:
    def __init__(
        self,
        client: AsyncClient,
        agent_name: str,
        run_id: str | None,
        ungated: frozenset[str],
        patience: float,
        options: CallOptions,
        given: ClaudeAgentOptions,
        deferrals: Deferrals | None,
    ) -> None:
        self._client = client
        self._agent_name = agent_name
        self._run_id = run_id
        self._ungated = ungated
        self._patience = patience
        self._options = options
        self._deferrals = deferrals
        # The SDK allows Skill itself, where there are skills.
        self._allowed = frozenset(given.allowed_tools) | ({"Skill"} if given.skills else set())
        self._own_permissions: CanUseTool | None = given.can_use_tool
        self._was_passed_by = False
        self._asked_about: set[str] = set()
        self._under_way: dict[str, _Allowed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def before(self, given: Any, tool_use_id: str | None, _: Any) -> Any:
        """Lets a call run with the approved arguments, or tells the model why not. Any failure is a denial."""
        tool_name = str(given.get("tool_name"))
        self._asked_about.add(tool_use_id or "")
        if self._was_passed_by:
            return _deny(_NOT_RUN.format(tool_name))
        if tool_name in self._ungated:
            return {}
        try:
            call = self._call(given, tool_use_id or "")
            verdict = await self._deferrals.judge(given, call) if self._deferrals else "run"
            if verdict == "defer":
                return _decision(permissionDecision="defer")
            if verdict == "again":
                return _deny(_MAKE_AGAIN.format(tool_name))
            return _allow((await self._approved(given, call)).arguments)
        except Refusal as refusal:
            text = str(refusal)
            if refusal.developer_text != text:
                _log.warning("The call to %s was not run: %s", tool_name, refusal.developer_text)
            return _deny(text)
        except Exception:  # noqa: BLE001 - any failure is a no
            _log.exception("The gate of %s failed", tool_name)
            return _deny(_NOT_RUN.format(tool_name))

    async def permitted(
        self, tool_name: str, tool_input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        """Allows what the hook has approved, and nothing else; of ungated tools, what the options say."""
        key = context.tool_use_id or ""
        if key not in self._asked_about:
            self._pass_by(tool_name)
        if self._was_passed_by:
            return PermissionResultDeny(message=_NOT_RUN.format(tool_name))
        if tool_name in self._ungated:
            if self._own_permissions:
                return await self._own_permissions(tool_name, tool_input, context)
            if tool_name in self._allowed:
                return PermissionResultAllow()
            return PermissionResultDeny(message=f"NOT RUN. {tool_name} is not allowed here. Do not work around it.")
        call = self._under_way.get(key)
        if call and call.run.done() and not call.run.cancelled() and not call.ended.done():
            return PermissionResultAllow(updated_input=call.run.result().arguments)
        if self._deferrals and await self._deferrals.give_up(key):
            return PermissionResultDeny(message=_MAKE_AGAIN.format(tool_name))
        return PermissionResultDeny(message=_NOT_RUN.format(tool_name))

    async def in_skill(self, *_: Any) -> Any:
        """Refuses commands in the text of a skill, which are no calls of the model, unless skills are ungated."""
        if "Skill" in self._ungated and not self._was_passed_by:
            return {}
        return _deny(_IN_SKILL, "PreSkillShellCommand")

    def _pass_by(self, tool_name: str) -> None:
        """Lets nothing run any more: the program does not call the gate's hook."""
        self._was_passed_by = True
        _log.error(
            "The program did not ask the gate about a call to %s: its hooks may be disabled. The gate denies "
            "all further calls. Look for settings of this machine and variables that disable hooks.",
            tool_name,
        )

    async def after(self, given: Any, tool_use_id: str | None, _: Any) -> Any:
        """Notes how a call ended."""
        if (tool_use_id or "") not in self._asked_about:
            self._pass_by(str(given.get("tool_name")))
        call = self._under_way.get(tool_use_id or "")
        if call and not call.ended.done():
            call.ended.set_result(given)
        return {}

    async def stopped(self, given: Any, _: str | None, __: Any) -> Any:
        """Ends what was allowed, and never ended: the agent's turn is over, or was interrupted and a new one begins.

        Subagents may go on in the background.
        """
        for call in list(self._under_way.values()):
            is_of_turn = call.subagent == given.get("agent_id")
            if call.session == given.get("session_id") and is_of_turn and call.run.done() and not call.ended.done():
                call.ended.set_exception(_NotRun("the program did not say how the call ended"))
        return {}

    async def prompted(self, given: Any, tool_use_id: str | None, context: Any) -> Any:
        """Refuses a prompt while a call of the session waits for its resumption; else a new turn begins."""
        if self._deferrals and self._deferrals.is_held(given.get("session_id")):
            return {"decision": "block", "reason": _WAITS}
        return await self.stopped(given, tool_use_id, context)

    async def _approved(self, given: Any, call: Call) -> Run:
        """Waits for the claim; the gated call goes on beside, until the program says how the tool ended."""
        loop = asyncio.get_running_loop()
        key = call.call_id or ""
        if not key or key in self._under_way:
            raise RuntimeError("the call has no id of its own")
        allowed = self._under_way[key] = _Allowed(
            given["session_id"], given.get("agent_id"), loop.create_future(), loop.create_future()
        )
        task = loop.create_task(self._run(call, allowed, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            waits: set[asyncio.Future[Any]] = {allowed.run, task}
            await asyncio.wait(waits, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not allowed.run.done():
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                raise StillWaiting(tool_name=str(given["tool_name"]))
            task.result()
        return allowed.run.result()

    def _call(self, given: Any, call_id: str) -> Call:
        options: dict[str, Any] = {**self._options, "agent_name": self._agent_name}
        if given.get("agent_id"):
            options.update(agent_name=given.get("agent_type") or "subagent", chain=[self._agent_name])
        run_id = self._run_id or given["session_id"]
        return Call(given["tool_name"], given["tool_input"], run_id=run_id, call_id=call_id, **options)

    async def _run(self, call: Call, allowed: _Allowed, key: str) -> None:
        async def body(run: Run) -> None:
            allowed.run.set_result(run)
            while not (await asyncio.wait({allowed.ended}, timeout=_CHECK))[0]:
                # No hook says that a session has ended. Without the client there is nothing to report to.
                if self._client._is_closed:  # pyright: ignore[reportPrivateUsage]
                    raise _NotRun("the client was closed before the call ended")
            end = allowed.ended.result()
            # As JSON: in Python True is 1.
            if canonical(end["tool_input"]) != canonical(run.arguments):
                raise RuntimeError("it ran with other arguments than approved: another hook changed them")
            if end["hook_event_name"] != "PostToolUse":
                raise RuntimeError(str(end.get("error") or "the tool failed"))

        try:
            await run_bound_async(self._client, call, lambda run: lambda: body(run))
        except Exception as error:
            if not allowed.run.done():
                raise
            # It is reported; the program has told the model.
            _log.debug("the call to %s failed", call.tool_name, exc_info=error)
        finally:
            self._under_way.pop(key, None)


def _allow(arguments: dict[str, Any]) -> dict[str, Any]:
    return _decision(permissionDecision="allow", updatedInput=arguments)


def _deny(reason: str, event: str = "PreToolUse") -> dict[str, Any]:
    return _decision(event, permissionDecision="deny", permissionDecisionReason=reason)


def _decision(event: str = "PreToolUse", **decision: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, **decision}}

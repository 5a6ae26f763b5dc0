"""The tools of agents behind the gate."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from google.adk.agents.llm.task._finish_task_tool import FinishTaskTool
from google.adk.tools import request_input
from google.adk.tools.agent_tool import AgentTool, _SingleTurnAgentTool, _TaskAgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.exit_loop_tool import exit_loop
from google.adk.tools.function_tool import FunctionTool
from google.adk.tools.get_user_choice_tool import get_user_choice
from google.adk.tools.long_running_tool import LongRunningFunctionTool
from google.adk.tools.set_model_response_tool import SetModelResponseTool
from google.adk.tools.tool_context import ToolContext
from google.adk.tools.transfer_to_agent_tool import TransferToAgentTool

from ._arguments import own_class

if TYPE_CHECKING:
    from ._plugin import ApprovalPlugin

_log = logging.getLogger("signoff")

_STEERING = (
    AgentTool,
    FinishTaskTool,
    SetModelResponseTool,
    TransferToAgentTool,
    _SingleTurnAgentTool,
    _TaskAgentTool,
)
"""ADK's own ways to hand a task on and to end it. What they lead to is gated."""

_STEERING_FUNCTIONS: tuple[Any, ...] = (exit_loop, get_user_choice, request_input.func)
"""Those that end a loop, and that ask the user."""

_callers: contextvars.ContextVar[tuple[str, ...] | None] = contextvars.ContextVar("signoff_callers", default=None)
"""Within a tool: the agents that led to it. None outside."""


def callers() -> tuple[str, ...]:
    """The agents that called the current one as a tool, the first one first."""
    return _callers.get() or ()


def is_within_tool() -> bool:
    """Whether a tool runs around this: it cannot pause, as ADK does not run it again from where it was."""
    return _callers.get() is not None


@contextmanager
def _within(agent: str | None) -> Iterator[None]:
    before = _callers.set((*callers(), agent) if agent else callers())
    try:
        yield
    finally:
        _callers.reset(before)


def is_steering(tool: BaseTool) -> bool:
    """Whether it is one of ADK's own that only say who goes on, or that the task has ended; a subclass is not."""
    own = own_class(tool)
    if own in (FunctionTool, LongRunningFunctionTool):
        function: object = cast("FunctionTool", tool).func
        return any(function is each for each in _STEERING_FUNCTIONS)
    return own in _STEERING


def put_gate(tool: BaseTool) -> None:
    """Gates a tool, in any run that it is used in; does nothing the second time.

    The tool itself is changed, as ADK has found it by now, and copies of it are gated too: its class has the gate.
    Raises TypeError for a tool that has a `run_async` besides that of its class.
    """
    if "run_async" in vars(tool):
        raise TypeError(f"{tool.name} has a run_async that was set on the tool itself: define it in a class")
    own = type(tool)
    if own is own_class(tool):
        tool.__class__ = _gated_class(own)


_classes: dict[type[BaseTool], type[BaseTool]] = {}


def _gated_class(own: type[BaseTool]) -> type[BaseTool]:
    if own not in _classes:

        async def run_async(self: BaseTool, *, args: dict[str, Any], tool_context: ToolContext) -> Any:
            def body(arguments: dict[str, Any]) -> Coroutine[Any, Any, Any]:
                return _run(own, self, arguments, tool_context)

            return await _plugin_of(self, tool_context).run(self, args, tool_context, body)

        members = {"run_async": run_async, "_signoff_own_class": own, "__module__": own.__module__}
        _classes[own] = cast("type[BaseTool]", type(own.__name__, (own,), members))
    return _classes[own]


async def _run(own: type[BaseTool], tool: BaseTool, arguments: dict[str, Any], context: ToolContext) -> Any:
    with _within(context.agent_name if issubclass(own, AgentTool) else None):
        return await own.run_async(tool, args=arguments, tool_context=context)


def _plugin_of(tool: BaseTool, context: ToolContext) -> ApprovalPlugin:
    """The plugin of the run; raises TypeError if there is none: a gated tool does not run without."""
    plugins: list[Any] = context._invocation_context.plugin_manager.plugins
    for each in plugins:
        if hasattr(each, "_signoff_gate"):
            return cast("ApprovalPlugin", each)
    raise TypeError(
        f"{tool.name} is behind approval, and this run has no ApprovalPlugin: give it to each App or Runner that uses "
        "the tool"
    )


Body = Callable[[dict[str, Any]], Coroutine[Any, Any, Any]]
"""Runs the tool's own `run_async` with arguments."""

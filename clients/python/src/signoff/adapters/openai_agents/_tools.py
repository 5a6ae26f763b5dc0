"""One tool behind the gate: what its call asks for, and what runs."""

from __future__ import annotations

import copy
import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

from agents import FunctionTool, RunContextWrapper, ToolTimeoutError, UserError
from agents.tool import (
    default_tool_timeout_error_message,
    invoke_function_tool,
    maybe_invoke_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_context import ToolContext

from ..._aio_client import run_bound_async
from ..._arguments import Unfit
from ..._call import Call, Run
from ...refusals import InvalidArguments, Refusal
from ._arguments import ToolArguments
from ._texts import told

if TYPE_CHECKING:
    from ._gate import Gate

_log = logging.getLogger("signoff")


class GatedTool:
    """A tool's `on_invoke_tool`: asks, waits, and runs the tool with what was approved."""

    def __init__(self, gate: Gate, tool: FunctionTool) -> None:
        self.tool = tool
        self.name: str = getattr(tool, "qualified_name", None) or _qualified(tool)
        self._gate = gate
        function = getattr(tool, "__wrapped__", None)
        if hasattr(function, "ask") and hasattr(function, "resume"):
            raise TypeError(f"{self.name} has @requires_approval already, and each call would ask twice: remove one")
        if gate.returns and getattr(tool, "output_json_schema", None) is not None:
            raise TypeError(f"{self.name} declares its output, which a text is not: it needs on_refusal='raise'")
        if gate.durable and tool.needs_approval is not False:
            raise TypeError(f"{self.name} has needs_approval of its own, which durable sets: remove it")
        self._arguments = ToolArguments(tool)
        self._schema = gate.schema(self._arguments, self.name)
        # The gate sees how the tool ended; afterwards it ends for the SDK as the tool says.
        self._bare = set_function_tool_failure_error_function(copy.copy(tool), None)
        self._bare.timeout_behavior = "raise_exception"

    def as_tool(self) -> FunctionTool:
        """The tool with this around it."""
        gated = copy.copy(self.tool)
        gated.on_invoke_tool = self
        # Its time is that of the tool's work, and not of the wait.
        gated.timeout_seconds = None
        if self._gate.durable:
            gated.needs_approval = True
        return gated

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        """Runs the tool if it is approved; what the model reads otherwise is the result."""
        has_begun = False

        async def body(run: Run) -> Any:
            nonlocal has_begun
            try:
                self._arguments.check(run.arguments)
            except Unfit as error:
                raise InvalidArguments(tool_name=self.name, path=error.path, problem=error.problem) from None
            approved = json.dumps(run.arguments, ensure_ascii=False)
            _put(approved, context)
            has_begun = True
            return await invoke_function_tool(function_tool=self._bare, context=context, arguments=approved)

        try:
            self._refuse_sticky(context)
            agent_name = getattr(getattr(context, "agent", None), "name", None)
            call = self.call(context, arguments, agent_name, getattr(context, "tool_call_id", None))
            return await run_bound_async(self._gate.client, call, lambda run: lambda: body(run))
        except Exception as error:
            if has_begun:
                return await self._failed(context, error)
            if isinstance(error, Refusal) and self._gate.returns:
                return told(error)
            raise

    def call(
        self, context: RunContextWrapper[Any], arguments: str, agent_name: str | None, call_id: str | None
    ) -> Call:
        """The call to ask for; raises InvalidArguments for what the model made up."""
        try:
            parsed: Any = json.loads(arguments) if arguments else {}
        except (ValueError, RecursionError):
            raise InvalidArguments(tool_name=self.name, path="", problem="is not JSON") from None
        if not isinstance(parsed, dict):
            raise InvalidArguments(tool_name=self.name, path="", problem="is not a JSON object")
        try:
            shown = self._arguments.shown(parsed)
        except Unfit as error:
            raise InvalidArguments(tool_name=self.name, path=error.path, problem=error.problem) from None
        return self._gate.call(
            self.name,
            shown,
            context,
            agent_name=agent_name,
            call_id=call_id,
            arguments_schema=self._schema,
        )

    def _refuse_sticky(self, context: RunContextWrapper[Any]) -> None:
        """Refuses to run beside an approval of the SDK for all calls of this tool."""
        approvals: dict[Any, Any] = getattr(context, "_approvals", {})
        for key, record in approvals.items():
            name = getattr(key, "tool_key", key)
            if getattr(record, "approved", None) is True and name in (self.tool.name, self.name):
                raise UserError(
                    f"{self.name} has a standing approval in this run (always_approve), and Signoff decides on each "
                    "call: approve calls of gated tools without always_approve"
                )

    async def _failed(self, context: ToolContext[Any], error: Exception) -> Any:
        """The result of a tool that began and failed, as the tool itself says; else the error."""
        _log.debug("the tool %s failed", self.name, exc_info=error)
        if isinstance(error, Refusal) and self._gate.returns:
            return told(error)
        is_late = isinstance(error, ToolTimeoutError) and error.tool_name == self.tool.name
        if is_late and self.tool.timeout_behavior == "error_as_result":
            tell = self.tool.timeout_error_function
            seconds = self.tool.timeout_seconds or 0.0
            if tell is None:
                return default_tool_timeout_error_message(tool_name=self.tool.name, timeout_seconds=seconds)
            text: Any = tell(context, error)
            return await text if inspect.isawaitable(text) else text
        result = await maybe_invoke_function_tool_failure_error_function(
            function_tool=self.tool, context=context, error=error
        )
        if result is None:
            raise error
        return result


def invoker_of(tool: object) -> GatedTool | None:
    """What is around a gated tool; copies of the tool have it too."""
    invoke = getattr(tool, "on_invoke_tool", None)
    return invoke if isinstance(invoke, GatedTool) else None


def _qualified(tool: FunctionTool) -> str:
    namespace = getattr(tool, "_tool_namespace", None)
    return f"{namespace}.{tool.name}" if namespace else tool.name


def _put(arguments: str, context: ToolContext[Any]) -> None:
    """Makes a context say what runs, and not what the model asked for."""
    context.tool_arguments = arguments
    call = getattr(context, "tool_call", None)
    if call is not None:
        context.tool_call = call.model_copy(update={"arguments": arguments})
    # What the SDK prepared of the model's arguments.
    if hasattr(context, "_function_tool_arguments"):
        context._function_tool_arguments = None

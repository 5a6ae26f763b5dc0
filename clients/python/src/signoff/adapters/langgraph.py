"""LangGraph: tools of a ToolNode run only after an approval.

    tools = tool_node([send_email], client, agent_name="mailer")

The gate is at the tool's execution. `signoff.adapters.langchain` has the same as a middleware of `create_agent`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.graph import END
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Send, interrupt

from .._aio_client import AsyncClient, run_bound_async
from .._arguments import Unfit
from .._call import Call, Run
from .._call_options import CallOptions, check_flag, check_options
from .._client import Client, run_bound
from .._digest import stable_request_id
from .._handle import Handle
from .._warnings import Warnings
from ..refusals import InvalidArguments, Refusal
from ._asking import pending, pending_async
from ._langgraph_arguments import ToolArguments
from ._langgraph_tool import ApprovedTool, Failed, Outcome, settled

if TYPE_CHECKING:
    from typing_extensions import Unpack

Handler = Callable[[ToolCallRequest], Any]
AsyncHandler = Callable[[ToolCallRequest], Awaitable[Any]]
OptionsFor = Callable[[ToolCallRequest], CallOptions]

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")


class ToolGate:
    """Wraps the execution of tool calls: each runs at most once, with the approved arguments.

    client: a Client for graphs that run by `invoke` and `stream`, an AsyncClient for `ainvoke` and `astream`.
    durable: pause the graph with an `interrupt` instead of waiting. After the decision, `invoke(None, config)` resumes
        it, in any process. Needs a checkpointer and a `thread_id`.
    options_for: returns the options of one call, from its ToolCallRequest. An exception in it fails the
        run, and the tool does not run.
    options: those of Call, for all calls.

    A refusal is the call's ToolMessage, with status `error`. Raises TypeError or ValueError for invalid options.
    """

    def __init__(
        self,
        client: Client | AsyncClient,
        *,
        durable: bool = False,
        options_for: OptionsFor | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        if not isinstance(client, (Client, AsyncClient)):
            raise TypeError(f"client must be a Client or an AsyncClient, not {client!r}")
        check_flag("durable", durable)
        check_options(options)
        for name in _OF_ONE_CALL:
            if name in options:
                raise TypeError(f"{name} differs for each call: set it in options_for")
        self._client = client
        self._durable = durable
        self._options_for = options_for
        self._options = options
        self._warnings = Warnings()

    def wrap_tool_call(self, request: ToolCallRequest, handler: Handler) -> Any:
        """For `ToolNode(wrap_tool_call=…)`, which needs `awrap_tool_call` as well."""
        client = self._client
        if not isinstance(client, Client):
            raise TypeError("the graph was called by invoke or stream, which need a Client and not an AsyncClient")
        try:
            gated = self._gated(request)
            if self._durable:
                _check_durable(request)
                while waiting := pending(client, gated.call, self._warnings):
                    interrupt(_pause(request, waiting))
            outcome: Outcome = run_bound(client, gated.call, gated.bind(handler), self._warnings)
        except Failed as failed:
            outcome = failed.outcome
        except Refusal as refusal:
            return _refused(request, refusal)
        return settled(outcome)

    async def awrap_tool_call(self, request: ToolCallRequest, handler: AsyncHandler) -> Any:
        """For `ToolNode(awrap_tool_call=…)`, which needs `wrap_tool_call` as well."""
        client = self._client
        if not isinstance(client, AsyncClient):
            raise TypeError("the graph was called by ainvoke or astream, which need an AsyncClient and not a Client")
        try:
            gated = self._gated(request)
            if self._durable:
                _check_durable(request)
                while waiting := await pending_async(client, gated.call):
                    interrupt(_pause(request, waiting))
            outcome: Outcome = await run_bound_async(client, gated.call, gated.bind_async(handler))
        except Failed as failed:
            outcome = failed.outcome
        except Refusal as refusal:
            return _refused(request, refusal)
        return settled(outcome)

    def _gated(self, request: ToolCallRequest) -> _GatedCall:
        """The call to ask for; raises InvalidArguments for arguments that the tool does not take."""
        name = request.tool_call["name"]
        if request.tool is None:
            # Whatever would run it is a stranger to the gate.
            raise InvalidArguments(tool_name=name, path="", problem="is for a tool that this agent does not have")
        arguments = ToolArguments(request.tool)
        try:
            shown = arguments.shown(request.tool_call["args"])
        except Unfit as unfit:
            raise InvalidArguments(tool_name=name, path=unfit.path, problem=unfit.problem) from None
        options: dict[str, Any] = {**_known(request), "arguments_schema": arguments.schema, **self._options}
        if self._options_for:
            options.update(self._options_for(request))
        return _GatedCall(request, arguments, Call(name, shown, **options))


class _GatedCall:
    """One call, and how its tool is run once it is approved."""

    def __init__(self, request: ToolCallRequest, arguments: ToolArguments, call: Call) -> None:
        self._request = request
        self._arguments = arguments
        self.call = call

    def bind(self, handler: Handler) -> Callable[[Run], Callable[[], Any]]:
        """For the gate: what runs the tool by the framework's handler."""

        def bind(run: Run) -> Callable[[], Any]:
            tool, request = self._approved(run)

            def execute() -> Any:
                try:
                    result = handler(request)
                except Exception as error:  # noqa: BLE001 - it is raised again, outside of the gate
                    return tool.raised(error)
                return tool.returned(result)

            return execute

        return bind

    def bind_async(self, handler: AsyncHandler) -> Callable[[Run], Callable[[], Awaitable[Any]]]:
        """As `bind`, for asyncio."""

        def bind(run: Run) -> Callable[[], Awaitable[Any]]:
            tool, request = self._approved(run)

            async def execute() -> Any:
                try:
                    result = await handler(request)
                except Exception as error:  # noqa: BLE001 - it is raised again, outside of the gate
                    return tool.raised(error)
                return tool.returned(result)

            return execute

        return bind

    def _approved(self, run: Run) -> tuple[ApprovedTool, ToolCallRequest]:
        approved = self._arguments.fit(run.arguments)
        assert self._request.tool
        tool = ApprovedTool(self._request.tool, self._arguments, run.approval_id, approved)
        # A copy: what a middleware changes in it is noticed by the tool's stand-in.
        call: Any = {**self._request.tool_call, "args": copy.deepcopy(approved)}
        return tool, self._request.override(tool_call=call, tool=cast("BaseTool", tool))


def _refused(request: ToolCallRequest, refusal: Refusal) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=str(refusal), name=call["name"], tool_call_id=call["id"] or "", status="error")


def _pause(request: ToolCallRequest, handle: Handle) -> dict[str, Any]:
    """The interrupt's value for the application. Its answer decides nothing: the server does."""
    return {
        "type": "signoff_approval",
        "approval_id": handle.approval_id,
        "tool_name": handle.tool_name,
        "tool_call_id": request.tool_call["id"],
        "handle": handle.to_json(),
    }


def _check_durable(request: ToolCallRequest) -> None:
    """Raises TypeError where a pause would lose something."""
    config = request.runtime.config
    if not (config.get("configurable") or {}).get("thread_id"):
        raise TypeError("durable needs a checkpointer, and a thread_id in the config's configurable")
    path = (config.get("metadata") or {}).get("langgraph_path") or ()
    message = _message(request)
    if path[:1] == ("__pregel_pull",) and message and len(message.tool_calls) > 1:
        raise TypeError(
            "durable needs a task for each tool call, because a paused task runs again from its start: "
            "use one_task_per_call"
        )


def _known(request: ToolCallRequest) -> dict[str, Any]:
    """The framework's facts about the call: the agent's name, and ids that stay the same in a repeated run."""
    config = request.runtime.config
    metadata: dict[str, Any] = dict(config.get("metadata") or {})
    configurable: dict[str, Any] = dict(config.get("configurable") or {})
    run = configurable.get("thread_id") or config.get("run_id")
    run_id = str(run) if run else None
    known: dict[str, Any] = {"agent_name": metadata.get("lc_agent_name"), "run_id": run_id}
    call_id = request.tool_call["id"]
    # Models made for tests use a call's id again: it names the call only within the model's message, or the task.
    message, task = _message(request), metadata.get("langgraph_checkpoint_ns")
    within = (message and message.id) or task
    if call_id and run_id and within:
        known["call_id"] = json.dumps([within, call_id])
    elif call_id and task:
        known["request_id"] = stable_request_id(task, call_id)
    return known


def _message(request: ToolCallRequest) -> AIMessage | None:
    """The model's message that makes the call."""
    state: Any = request.state
    messages = state if isinstance(state, list) else _field(state, "messages") or []
    for message in reversed(messages):
        if isinstance(message, AIMessage) and any(each["id"] == request.tool_call["id"] for each in message.tool_calls):
            return message
    return None


def _field(state: Any, name: str) -> Any:
    return state.get(name) if isinstance(state, dict) else getattr(state, name, None)


def tool_node(
    tools: Sequence[BaseTool | Callable[..., Any]],
    client: Client | AsyncClient,
    *,
    name: str = "tools",
    durable: bool = False,
    options_for: OptionsFor | None = None,
    **options: Unpack[CallOptions],
) -> ToolNode:
    """A ToolNode whose tools are behind a ToolGate, which has the same options."""
    gate = ToolGate(client, durable=durable, options_for=options_for, **options)
    # Both: a ToolNode that has only the other kind's wrapper runs its tools without it.
    return ToolNode(tools, name=name, wrap_tool_call=gate.wrap_tool_call, awrap_tool_call=gate.awrap_tool_call)


def one_task_per_call(node: str = "tools", messages_key: str = "messages") -> Callable[[Any], list[Send] | str]:
    """A router for `add_conditional_edges`: the calls of the last message each in a task of its own, or the end.

    A paused task runs again from its start. A durable gate needs one task for each call, so that no finished call
    is in it.
    """

    def route(state: Any) -> list[Send] | str:
        messages = state if isinstance(state, list) else _field(state, messages_key) or []
        calls = getattr(messages[-1], "tool_calls", ()) if messages else ()
        with_state = [{"__type": "tool_call_with_context", "tool_call": call, "state": state} for call in calls]
        return [Send(node, each) for each in with_state] or END

    return route

"""The plugin that gates the tools of an app's agents."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from google.adk.agents.base_agent import BaseAgent
from google.adk.agents.callback_context import CallbackContext
from google.adk.agents.llm_agent import LlmAgent
from google.adk.flows.llm_flows.tools._agent_tools import process_agent_tools
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from ..._aio_client import AsyncClient
from ..._arguments import Unfit
from ..._call import Call, Run
from ..._call_options import CallOptions, check_flag, check_names, check_options
from ..._client import Client
from ...refusals import InvalidArguments, Refusal
from ._arguments import Arguments, arguments_of, check_parameters
from ._calls import known_of
from ._clients import AnyClient, Asking
from ._durable import can_pause, is_declined, pause, without_answer
from ._results import Failed, refuse_unfinished
from ._tools import Body, is_steering, put_gate

if TYPE_CHECKING:
    from typing_extensions import Unpack

OptionsFor = Callable[[ToolContext, dict[str, Any]], CallOptions]

_log = logging.getLogger("signoff")

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")

_ELSEWHERE = ("RemoteA2aAgent", "LangGraphAgent", "ManagedAgent", "AntigravityAgent")
"""ADK's agents whose tools are not ADK's."""

_DECLARATIONS = ("function_declarations", "computer_use")
"""What a model is told of tools that ADK runs in this process."""


class ApprovalPlugin(BasePlugin):
    """Runs each tool call of an app's agents only after an approval, once, with the approved arguments.

        app = App(name="mail", root_agent=agent, plugins=[ApprovalPlugin(signoff.AsyncClient())])

    The server's policy decides which calls need a person. It gates all agents of the app: sub-agents, and agents used
    as tools. The gate is around `run_async` of each tool, so that no callback or plugin comes between them. A gated
    tool does not run without this plugin.

    client: an AsyncClient, which belongs to one event loop, or a Client, which works in any; `Runner.run` needs a
        Client.
    durable: pause the run at a call instead of waiting within it; `decisions` returns when it can continue.
    ungated: names of tools without a gate, and of tools that run elsewhere: `google_search` and other tools of the
        provider, `code_executor`, remote agents.
    on_refusal: "return" makes the refusal's text the tool's result; "raise" fails the tool.
    options_for: returns the options of one call, from its ToolContext and arguments. An exception in it fails the tool.
    options: those of Call, for all calls.

    Raises TypeError or ValueError for invalid options. A run with tools that cannot be gated fails before
    the model is asked.
    """

    _signoff_gate = True

    def __init__(
        self,
        client: AnyClient,
        *,
        durable: bool = False,
        ungated: Sequence[str] = (),
        on_refusal: str = "return",
        options_for: OptionsFor | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        super().__init__(name="signoff")
        if not isinstance(client, (AsyncClient, Client)):
            raise TypeError(f"client must be an AsyncClient or a Client, not {client!r}")
        check_flag("durable", durable)
        check_names("ungated", ungated)
        if on_refusal not in ("return", "raise"):
            raise ValueError(f'on_refusal must be "return" or "raise", not {on_refusal!r}')
        if not (options_for is None or callable(options_for)):
            raise TypeError(f"options_for must be a function, not {options_for!r}")
        check_options(options)
        for name in _OF_ONE_CALL:
            if name in options:
                raise TypeError(f"{name} differs for each call: set it in options_for")
        self._asking = Asking(client)
        self._durable = durable
        self._ungated = frozenset(ungated)
        self._returns = on_refusal == "return"
        self._options_for = options_for
        self._options = options
        self._warned: set[str] = set()

    async def before_agent_callback(self, *, agent: BaseAgent, callback_context: CallbackContext) -> None:
        """Refuses agents that run code or tools beside the gate."""
        if getattr(agent, "code_executor", None) is not None and "code_executor" not in self._ungated:
            raise TypeError(
                f"the agent {agent.name} has a code_executor, which runs the model's code without approval: remove it, "
                'or name "code_executor" in ungated'
            )
        kinds = [each.__name__ for each in type(agent).__mro__ if each.__module__.startswith("google.adk.")]
        if any(each in kinds for each in _ELSEWHERE) and agent.name not in self._ungated:
            raise TypeError(
                f"the tools of the agent {agent.name} ({type(agent).__name__}) run elsewhere: gate them there, and "
                "name the agent in ungated"
            )
        invocation = callback_context._invocation_context
        if isinstance(agent, LlmAgent) and invocation.live_request_queue is not None:
            # A live run asks no plugin before it connects, nor for audio: its request is made here once more.
            request = LlmRequest(model=agent.canonical_model.model)
            await process_agent_tools(invocation, request)
            await self.before_model_callback(callback_context=callback_context, llm_request=request)

    async def before_model_callback(
        self,
        *,
        callback_context: CallbackContext,  # noqa: ARG002
        llm_request: LlmRequest,
    ) -> LlmResponse | None:
        """Refuses tools that cannot be gated before the model can call them, and gates the others."""
        for tool in llm_request.tools_dict.values():
            self._gate(tool)
        for each in llm_request.config.tools or []:
            for name in _run_by_provider(each):
                if name not in self._ungated:
                    raise TypeError(
                        f"{name} cannot be gated: it runs at the model's provider. Remove it, or name it in ungated"
                    )
        return None

    async def before_tool_callback(
        self,
        *,
        tool: BaseTool,
        tool_args: dict[str, Any],  # noqa: ARG002
        tool_context: ToolContext,  # noqa: ARG002
    ) -> dict[str, Any] | None:
        """Gates the tool, which runs only after all other plugins and callbacks."""
        self._asking.check_loop()
        self._gate(tool)
        return None

    def _gate(self, tool: BaseTool) -> None:
        if tool.name in self._ungated:
            # It may be gated for another plugin: `run` passes it.
            return
        if isinstance(tool, AgentTool) and not tool.include_plugins:
            raise TypeError(
                f"{tool.name} runs its agent without this plugin (include_plugins=False), and so without approval: "
                "remove that, or name it in ungated"
            )
        if isinstance(tool, AgentTool) or not is_steering(tool):
            if getattr(tool, "_require_confirmation", False):
                raise TypeError(
                    f"{tool.name} has require_confirmation of its own, beside the approval: remove it, or name the "
                    "tool in ungated"
                )
            function = getattr(tool, "func", None)
            if hasattr(function, "ask") and hasattr(function, "resume"):
                raise TypeError(f"{tool.name} has @requires_approval already, and each call would ask twice: remove it")
            check_parameters(tool)
            put_gate(tool)

    async def run(self, tool: BaseTool, args: dict[str, Any], context: ToolContext, body: Body) -> Any:
        """For a gated tool: runs it if it is approved; what the model reads otherwise is the result."""
        if tool.name in self._ungated or is_steering(tool):
            return await body(args)
        has_begun = False

        def bind(run: Run) -> Callable[[], Coroutine[Any, Any, Any]]:
            typed = arguments.read(run.arguments)

            async def execute() -> Any:
                nonlocal has_begun
                has_begun = True
                # For the callbacks after the tool.
                args.clear()
                args.update(json.loads(json.dumps(run.arguments)))
                with without_answer(context):
                    result = await body(typed)
                refuse_unfinished(tool, result, context)
                return result

            return execute

        try:
            self._asking.check_loop()
            _refuse_live(tool, context)
            if is_declined(context):
                return {"error": "This tool call is rejected."}
            arguments = arguments_of(tool)
            call = self._call(tool, arguments, args, context)
            if self._durable and can_pause(context):
                handle = await self._asking.pending(call)
                if handle:
                    return pause(context, handle)
            return await self._asking.run(call, bind)
        except Failed as failed:
            return failed.result
        except Refusal as refusal:
            if has_begun or not self._returns:
                raise
            return {"error": _told(refusal)}

    def _call(self, tool: BaseTool, arguments: Arguments, given: dict[str, Any], context: ToolContext) -> Call:
        try:
            shown = arguments.shown(given)
        except Unfit as unfit:
            raise InvalidArguments(tool_name=tool.name, path=unfit.path, problem=unfit.problem) from None
        options: dict[str, Any] = {**known_of(context), "arguments_schema": self._schema(tool, arguments)}
        options.update(self._options)
        if self._options_for:
            own = self._options_for(context, shown)
            check_options(own)
            options.update(own)
        return Call(tool.name, shown, **options)

    def _schema(self, tool: BaseTool, arguments: Arguments) -> dict[str, Any] | None:
        if not self._options.get("derive_schema", True):
            return None
        if arguments.schema is None and tool.name not in self._warned:
            self._warned.add(tool.name)
            _log.warning(
                "No schema is sent with calls to %s: it is recursive, not JSON, or larger than 16 KiB. "
                "An edit that does not fit is rejected only after the approval.",
                tool.name,
            )
        return arguments.schema


def _run_by_provider(tool: object) -> list[str]:
    """What of a model's tools this process does not run, by ADK's names for it."""
    if not isinstance(tool, types.Tool):
        # Such as a function that the model's own client would call.
        return [getattr(tool, "__name__", type(tool).__name__)]
    return [name for name in type(tool).model_fields if name not in _DECLARATIONS and getattr(tool, name) is not None]


def _refuse_live(tool: BaseTool, context: ToolContext) -> None:
    """Refuses tools of live runs whose work would not end within the gate."""
    if context._invocation_context.live_request_queue is None:
        return
    if inspect.isasyncgenfunction(getattr(tool, "func", None)):
        raise TypeError(
            f"{tool.name} is a streaming tool, whose work goes on after it was approved: it cannot be gated in a live "
            "run. Name it in ungated"
        )


def _told(refusal: Refusal) -> str:
    """The refusal's text for the model. What is for people only is logged: the exception ends here."""
    text = str(refusal)
    if refusal.developer_text != text:
        _log.warning("The call to %s was not run: %s", refusal.tool_name, refusal.developer_text)
    return text

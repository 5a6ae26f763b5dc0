"""Pydantic AI: tools of an agent run only after an approval.

    agent = Agent(model, tools=[send_email], capabilities=[Approval(client)])

`ApprovalToolset` has the same for one toolset.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import rfc8785
from pydantic import ValidationError
from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_core import PydanticSerializationError, to_jsonable_python

from .._aio_client import AsyncClient, run_bound_async
from .._arguments import Unfit, checked
from .._call import Call, Run
from .._call_options import CallOptions, check_flag, check_options
from ..refusals import InvalidArguments, Refusal
from ._asking import pending_async
from ._hidden import refuse_hidden
from ._json_schemas import sendable
from ._sets import with_sorted_sets

if TYPE_CHECKING:
    from typing_extensions import Unpack

OptionsFor = Callable[[RunContext[Any], dict[str, Any]], CallOptions]

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")


@dataclass
class _Gate:
    """What an ApprovalToolset is made with."""

    client: AsyncClient
    durable: bool
    options_for: OptionsFor | None
    options: CallOptions

    def __post_init__(self) -> None:
        """Refuses options that cannot be used."""
        if not isinstance(self.client, AsyncClient):
            raise TypeError(f"client must be an AsyncClient, not {self.client!r}: Pydantic AI runs tools in asyncio")
        check_flag("durable", self.durable)
        check_options(self.options)
        for name in _OF_ONE_CALL:
            if name in self.options:
                raise TypeError(f"{name} differs for each call: set it in options_for")


@dataclass(init=False)
class Approval(AbstractCapability[Any]):
    """Runs each tool call of an agent only after an approval; the options are those of ApprovalToolset.

    The server's policy decides which calls need a person. Put it last among the capabilities: a later one may change an
    approved call.
    """

    _gate: _Gate = field(repr=False)

    def __init__(
        self,
        client: AsyncClient,
        *,
        durable: bool = False,
        options_for: OptionsFor | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._gate = _Gate(client, durable, options_for, options)

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """All tools of the agent, behind the gate."""
        return _Gated(toolset, self._gate)


@dataclass
class _Gated(WrapperToolset[Any]):
    _gate: _Gate = field(repr=False)

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Runs the tool if it is approved; else the result is the refusal's text."""
        gate = self._gate
        try:
            gated = _GatedCall(self.wrapped, name, ctx, tool)
            call = gated.call(tool_args, gate)
            if gate.durable:
                handle = await pending_async(gate.client, call)
                # Approved or not by the framework's own means: the server decides.
                if handle:
                    raise ApprovalRequired(metadata=json.loads(handle.to_json()))
            return await run_bound_async(gate.client, call, gated.bind)
        except _Failed as failed:
            error = failed.error
        except Refusal as refusal:
            return str(refusal)
        # Here, as it would lose its own cause in there.
        raise error


def ApprovalToolset(  # noqa: N802 - it makes a toolset, as the framework's own classes do
    wrapped: AbstractToolset[Any],
    client: AsyncClient,
    *,
    durable: bool = False,
    options_for: OptionsFor | None = None,
    **options: Unpack[CallOptions],
) -> AbstractToolset[Any]:
    """A toolset whose tools run only after an approval, once, with the approved arguments.

    wrapped: the toolset, nearest to the tools: a wrapper between the gate and a tool may change an approved call.
    durable: end the run with DeferredToolRequests instead of waiting. After the decision, a run with the messages and
        `deferred_tool_results` continues, in any process. These results decide nothing.
    options_for: returns the options of one call, from its RunContext and arguments. An exception in it fails the run.
    options: those of Call, for all calls.

    Raises TypeError or ValueError for invalid options.
    """
    return _Gated(wrapped, _Gate(client, durable, options_for, options))


class _GatedCall:
    """One call, and how its tool is run once it is approved."""

    def __init__(self, toolset: AbstractToolset[Any], name: str, ctx: RunContext[Any], tool: ToolsetTool[Any]) -> None:
        self._toolset = toolset
        self._name = name
        self._ctx = ctx
        self._tool = tool

    def call(self, arguments: dict[str, Any], gate: _Gate) -> Call:
        """What to ask for; raises InvalidArguments for what has no JSON form that the tool reads as the same."""
        try:
            shown = self._shown(arguments)
        except Unfit as unfit:
            raise InvalidArguments(tool_name=self._name, path=unfit.path, problem=unfit.problem) from None
        schema = sendable(self._tool.tool_def.parameters_json_schema, closed=self._is_closed)
        options: dict[str, Any] = {**_known(self._ctx), "arguments_schema": schema, **gate.options}
        if gate.options_for:
            options.update(gate.options_for(self._ctx, shown))
        return Call(self._name, shown, **options)

    def bind(self, run: Run) -> Callable[[], Coroutine[Any, Any, Any]]:
        """For the gate: what runs the tool with what was approved."""
        arguments = self._read(run.arguments)
        names = self._properties if self._is_closed else ()
        for name in names:
            if name not in run.arguments:
                raise Unfit(name, "is missing")
        again = self._written(arguments)
        for name, value in run.arguments.items():
            if name not in again or rfc8785.dumps(again[name]) != rfc8785.dumps(value):
                raise Unfit(name, "is not in the form that the tool reads")

        async def execute() -> Any:
            try:
                if run.edited and self._tool.args_validator_func:
                    # The framework has asked it only about the arguments before the edit.
                    valid = self._tool.args_validator_func(self._ctx, **arguments)
                    if inspect.isawaitable(valid):
                        await valid
                return await self._toolset.call_tool(self._name, arguments, self._ctx, self._tool)
            except (ApprovalRequired, CallDeferred):
                raise TypeError(
                    f"{self._name} was deferred behind the gate: a gated tool cannot pause, as an approval is for "
                    "one run"
                ) from None
            except ValidationError as error:
                # Those of pydantic repeat what they are about, which may be more than the arguments.
                raise _Failed(_text(error), error) from None

        return execute

    def _shown(self, arguments: dict[str, Any]) -> dict[str, Any]:
        shown = self._written(arguments)
        for name, schema in self._properties.items():
            if name not in shown and "default" in schema:
                shown = checked({**shown, name: schema["default"]})
        again = self._read(shown)
        for name, value in arguments.items():
            if name not in again or again[name] != value:
                raise Unfit(name, "has a JSON form that does not read back as the same value")
        return shown

    def _written(self, arguments: dict[str, Any]) -> dict[str, Any]:
        refuse_hidden(arguments)
        try:
            written: dict[str, Any] = with_sorted_sets(arguments, to_jsonable_python(arguments, by_alias=True))
        except PydanticSerializationError as error:
            raise Unfit("", f"has no JSON form: {error}") from None
        only = next(iter(written.values()), None) if len(written) == 1 else None
        if isinstance(only, dict) and not set(written) & set(self._properties):
            # A tool with one model as its parameter is called with the model's fields.
            written = only
        return checked(written)

    def _read(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            validator = self._tool.args_validator
            return dict(validator.validate_json(json.dumps(arguments), context=self._ctx.validation_context))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise Unfit(".".join(map(str, first["loc"])), f"does not fit: {first['msg']}") from None

    @property
    def _properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self._tool.tool_def.parameters_json_schema.get("properties", {})
        return properties

    @property
    def _is_closed(self) -> bool:
        return self._tool.tool_def.parameters_json_schema.get("additionalProperties") is False


class _Failed(Exception):
    """The tool failed, and is to be reported with this text in place of the error's own."""

    def __init__(self, text: str, error: Exception) -> None:
        super().__init__(text)
        self.error = error


def _known(ctx: RunContext[Any]) -> dict[str, Any]:
    """The framework's facts about the call: the agent's name, and ids that stay the same in a repeated run."""
    run_id = getattr(ctx, "conversation_id", None) or ctx.run_id
    known: dict[str, Any] = {"agent_name": ctx.agent.name if ctx.agent else None, "run_id": run_id}
    response = _response(ctx)
    if run_id and ctx.tool_call_id and response:
        # TestModel uses a call's id again, in other runs and in one: it names the call within the model's response.
        known["call_id"] = json.dumps([response.run_id, response.timestamp.isoformat(), ctx.tool_call_id])
    return known


def _response(ctx: RunContext[Any]) -> ModelResponse | None:
    """The model's response that makes the call."""
    for message in reversed(ctx.messages):
        if isinstance(message, ModelResponse) and any(
            isinstance(part, ToolCallPart) and part.tool_call_id == ctx.tool_call_id for part in message.parts
        ):
            return message
    return None


def _text(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)

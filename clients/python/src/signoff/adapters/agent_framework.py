"""Microsoft Agent Framework: tools of an agent run only with an approval.

    agent = gate(Agent(model, tools=[send_email], name="mailer"), client)

The gate is at the tool's execution, after all middlewares. `decisions` waits for what a paused run needs.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agent_framework import (
    Agent,
    AgentContext,
    AgentMiddleware,
    ChatContext,
    ChatMiddleware,
    Content,
    FunctionInvocationContext,
    FunctionInvocationLayer,
    FunctionMiddleware,
    FunctionTool,
    MiddlewareFailure,
    MiddlewareTermination,
    UserInputRequiredException,
)

from .._aio_client import AsyncClient, run_bound_async
from .._arguments import Unfit
from .._call import Call, Run
from .._call_options import CallOptions, check_flag, check_names, check_options
from .._error_texts import error_text
from .._handle import Handle
from ..refusals import DigestMismatch, InvalidArguments, Refusal, StillWaiting, Unavailable
from ._agent_framework_arguments import ToolArguments
from ._agent_framework_tools import Invoke, agent_behind, expected, gateable, marked, put_around
from ._asking import pending_async

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log = logging.getLogger("signoff")

Next = Callable[[], Awaitable[None]]
OptionsFor = Callable[[FunctionInvocationContext, dict[str, Any]], CallOptions]

_Agent = TypeVar("_Agent", bound=Agent[Any])

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")
_MAX_CHAIN = 16
"""Agents in a chain; servers take no more."""
_HANDLE = "signoff"
"""Where the framework's request has the handle, among its additional properties."""
_REQUEST_ID, _IS_REPLACEMENT = "_approval_request_id", "_replacement_approval_request"
"""What the framework knows a request by that takes the place of one that was answered."""
_KEPT = ("_approved_function_arguments", "_prepared_function_arguments")
"""Where the framework keeps the arguments that its own request was answered for, and would take a reviewer's edit for
another call; and those that it prepared, which middlewares may have changed since."""

_callers: ContextVar[tuple[str, ...]] = ContextVar("signoff_agent_framework_callers", default=())
"""The agents whose tools run around what runs, the outermost first."""


def gate(
    agent: _Agent,
    client: AsyncClient,
    *,
    durable: bool = False,
    ungated: Sequence[str] = (),
    on_refusal: str = "return",
    options_for: OptionsFor | None = None,
    **options: Unpack[CallOptions],
) -> _Agent:
    """Puts the tools of an agent behind approval, and returns the agent: each call runs once, with what was approved.

        agent = gate(Agent(model, tools=[send_email], name="mailer"), signoff.AsyncClient())

    The agent itself is changed, so that no other reference leads around the gate. Its tools are its own, those of a
    run, of MCP servers and of context providers, and those that are added later. An agent that it uses as a tool is
    gated as well, its call is not. The gate comes after all middlewares, whatever their order.

    durable: pause the run with a function approval request instead of waiting. Once there is a decision, a run with the
        same session and the answer of `decisions` goes on, in any process. Needs a session.
    ungated: names of tools that may run without, as no function of this process runs them: those of the model's
        provider, such as web search, and those that are only declared.
    on_refusal: "return" hands the refusal's text to the model as the tool's result; "raise" ends the run with
        MiddlewareFailure, whose cause is the refusal.
    options_for: gives a call's own options, by its FunctionInvocationContext and arguments. What it raises ends the
        run; the tool is not run.
    options: as of Call, for all calls.

    Raises TypeError or ValueError for options that cannot be used, and for agents and tools that cannot be gated. A run
    raises it for such tools that are added later, before the model is called.
    """
    if not isinstance(client, AsyncClient):
        raise TypeError(f"client must be an AsyncClient, not {client!r}: agents run tools in asyncio")
    check_flag("durable", durable)
    check_names("ungated", ungated)
    if on_refusal not in ("return", "raise"):
        raise ValueError(f'on_refusal must be "return" or "raise", not {on_refusal!r}')
    check_options(options)
    for name in _OF_ONE_CALL:
        if name in options:
            raise TypeError(f"{name} is of one call: give it by options_for")
    if gate_of(agent):
        raise TypeError(f"the agent {agent.name} is gated already")
    Gate(client, durable, frozenset(ungated), on_refusal == "return", options_for, options).put_around(agent)
    return agent


async def decisions(client: AsyncClient, requests: Sequence[Content]) -> list[Content]:
    """Waits until at least one of the calls that a run paused for is decided, and returns the answers to go on with.

        response = await agent.run(await decisions(client, response.user_input_requests), session=session)

    The run goes on with the calls that are decided, and pauses again for the others. What the answers say only means:
    go on. Requests of others are left alone. Raises Unavailable when the server cannot be reached, and TypeError when a
    durable gate made none of the requests.
    """
    handles = [(each, _handle_in(each)) for each in requests]
    waits = [asyncio.ensure_future(_decided(client, handle)) for _, handle in handles if handle]
    if not waits:
        raise TypeError("none of these requests was made by a gate with durable=True")
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        decided = [wait for wait in waits if wait.done() and not wait.cancelled()]
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    for wait in decided:
        wait.result()
    # All of them: what the framework has no answer for, it leaves out of the model's next turn.
    return [each.to_function_approval_response(approved=True) for each, handle in handles if handle]


def _handle_in(request: Content) -> Handle | None:
    text = (request.additional_properties or {}).get(_HANDLE)
    return Handle.from_json(text) if isinstance(text, str) else None


async def _decided(client: AsyncClient, handle: Handle) -> None:
    """Returns when the call is decided, however. Raises what leaves it undecided."""
    try:
        await client.wait(handle)
    except (StillWaiting, Unavailable):
        raise
    except Refusal:
        # The gate around the tool tells the model.
        return


@dataclass(frozen=True)
class Gate:
    """What `gate` was given."""

    client: AsyncClient
    durable: bool
    ungated: frozenset[str]
    returns: bool
    options_for: OptionsFor | None
    options: CallOptions

    def put_around(self, agent: Any) -> None:
        """Gates an agent; one that is gated stays as it is."""
        if gate_of(agent):
            return
        _check_agent(agent)
        before = agent.middleware
        # First, as agents may use each other as tools.
        agent.middleware = [*(before or ()), _OfAgent(self)]
        try:
            self.check(agent.default_options.get("tools"))
        except TypeError:
            agent.middleware = before
            raise

    def check(self, tools: Any) -> None:
        """Gates tools, and the agents behind them; raises TypeError for those that cannot be."""
        for tool in gateable(tools, self.ungated):
            if self.durable and tool.approval_mode == "always_require":
                raise TypeError(
                    f"{tool.name} has approval_mode='always_require', and durable pauses by itself: remove it"
                )
            self.put_around_tool(tool)

    def put_around_tool(self, tool: FunctionTool) -> bool:
        """Gates a tool; returns whether an agent is behind it, whose own tools then are."""
        put_around(tool)
        behind = agent_behind(tool)
        if behind is not None:
            self.put_around(behind)
        return behind is not None


def gate_of(agent: object) -> Gate | None:
    """The gate of an agent, if it has one."""
    middlewares = cast("Sequence[object]", getattr(agent, "middleware", None) or ())
    return next((each.gate for each in middlewares if isinstance(each, _OfAgent)), None)


def _check_agent(agent: Any) -> None:
    if not isinstance(agent, Agent) or not isinstance(agent.client, FunctionInvocationLayer):
        # Others run tools by themselves, past all middlewares, or have none.
        kind = type(agent).__name__
        raise TypeError(f"only an Agent can be gated, with a chat client that invokes functions, and not {kind}")


class _OfAgent(AgentMiddleware):
    """Begins each run of an agent: gives the run a gate of its own, which knows the agent."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def process(self, context: AgentContext, call_next: Next) -> None:
        agent: Any = context.agent
        _check_agent(agent)
        # An agent that is used as a tool cannot pause the run around it.
        durable = self.gate.durable and not _callers.get()
        if durable:
            _check_durable(context)
        run = _OfRun(self.gate, durable, getattr(agent, "name", None), str(uuid.uuid4()))
        others = context.client_kwargs.get("middleware") or ()
        # The first, so that it also knows the calls that other middlewares make of the tool themselves.
        context.client_kwargs["middleware"] = [run, *others, _OfModel(self.gate)]
        await call_next()


def _check_durable(context: AgentContext) -> None:
    if context.session is None:
        raise TypeError("durable needs a session, which the run goes on with: agent.run(…, session=…)")
    for each in getattr(context.agent, "middleware", None) or ():
        if type(each).__name__ == "ToolApprovalMiddleware":
            raise TypeError("ToolApprovalMiddleware answers the requests that a durable run pauses for: remove it")


class _OfModel(ChatMiddleware):
    """Looks at the tools that a model has, each time that it is called."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def process(self, context: ChatContext, call_next: Next) -> None:
        self._gate.check((context.options or {}).get("tools"))
        await call_next()


@dataclass(eq=False)
class _OfRun(FunctionMiddleware):
    """Marks the calls of a run, so that the gate around their tools knows them."""

    gate: Gate
    durable: bool
    agent_name: str | None
    run_id: str
    """For runs without a session."""

    async def process(self, context: FunctionInvocationContext, call_next: Next) -> None:
        try:
            asks = not self.gate.put_around_tool(context.function)
        except TypeError as error:
            raise MiddlewareFailure(str(error)) from error
        before = marked.set(_GatedCall(self, context, asks))
        try:
            await call_next()
        finally:
            marked.reset(before)


class _GatedCall:
    """One call, and how its tool is run once it is approved."""

    def __init__(self, run: _OfRun, context: FunctionInvocationContext, asks: bool) -> None:
        self.tool: FunctionTool = context.function
        self._asks = asks
        self._run = run
        self._context = context

    async def invoke(self, invoke: Invoke, arguments: Any) -> Any:
        """Runs the tool if it is approved; what the model reads otherwise is the result."""
        gate = self._run.gate
        if not self._asks:
            with self._inside():
                return await invoke(arguments)
        try:
            fit = ToolArguments(self.tool)
            shown = self._shown(fit, arguments)
            call = self._call(fit, shown)
            # Answered or not, a request only pauses: the server decides.
            if self._run.durable:
                handle = await pending_async(gate.client, call)
                if handle:
                    return self._pause(shown, handle)
            outcome: _Outcome = await run_bound_async(gate.client, call, lambda run: self._bind(fit, invoke, run))
        except _Failed as failed:
            outcome = _Outcome(ended=failed.error)
        except Refusal as refusal:
            if gate.returns:
                return [Content.from_text(_told(refusal))]
            raise MiddlewareFailure(str(refusal)) from refusal
        except MiddlewareFailure:
            raise
        except Exception as error:
            # The framework would tell the model that the function failed, and go on.
            raise MiddlewareFailure(f"the gate of {self.tool.name} failed: {type(error).__name__}") from error
        if outcome.ended:
            raise outcome.ended
        return outcome.result

    def _shown(self, fit: ToolArguments, arguments: Any) -> dict[str, Any]:
        try:
            return fit.shown(arguments)
        except Unfit as unfit:
            raise InvalidArguments(tool_name=self.tool.name, path=unfit.path, problem=unfit.problem) from None

    def _call(self, fit: ToolArguments, shown: dict[str, Any]) -> Call:
        gate, session = self._run.gate, self._context.session
        options: dict[str, Any] = {
            "agent_name": self._run.agent_name,
            "chain": _callers.get()[-_MAX_CHAIN:],
            "run_id": session.session_id if session else self._run.run_id,
            "call_id": self._context.metadata.get("call_id"),
            **gate.options,
        }
        if gate.options_for:
            own = gate.options_for(self._context, copy.deepcopy(shown))
            check_options(own)
            options.update(own)
        if options.get("derive_schema", True) and options.get("arguments_schema") is None:
            options["arguments_schema"] = fit.schema()
        return Call(self.tool.name, shown, **options)

    def _bind(self, fit: ToolArguments, invoke: Invoke, run: Run) -> Callable[[], Awaitable[_Outcome]]:
        fit.check(run.arguments)
        approved = _Approved(self.tool, fit, run)

        async def execute() -> _Outcome:
            for name in _KEPT:
                self._context.metadata.pop(name, None)
            try:
                with self._inside(approved):
                    return _Outcome(await invoke(run.arguments))
            except MiddlewareTermination as ended:
                # The tool has ended, and tells the framework to end the run.
                return _Outcome(ended=ended)
            except UserInputRequiredException:
                raise _Failed(
                    MiddlewareFailure(
                        f"{self.tool.name} asked for input behind the gate: a gated tool cannot pause, as an approval "
                        "is for one run"
                    )
                ) from None
            except Exception as error:
                if approved.problem:
                    raise approved.problem from None
                raise _Failed(error) from error

        return execute

    @contextmanager
    def _inside(self, approved: _Approved | None = None) -> Generator[None]:
        """While the tool runs: what it calls itself is not this call, and agents in it have this one's as caller."""
        callers = _callers.set((*_callers.get(), self._run.agent_name or "agent"))
        before = marked.set(None)
        expects = expected.set(approved)
        try:
            yield
        finally:
            expected.reset(expects)
            marked.reset(before)
            _callers.reset(callers)

    def _pause(self, shown: dict[str, Any], handle: Handle) -> Content:
        """The framework's request, which only pauses."""
        metadata = self._context.metadata
        call_id: str = metadata["call_id"]
        occurrence: str | None = metadata.get("function_call_occurrence_id")
        call = Content.from_function_call(
            call_id=call_id, name=self.tool.name, arguments=json.dumps(shown, ensure_ascii=False)
        )
        call.id = occurrence
        request_id, properties = occurrence or call_id, {_HANDLE: handle.to_json()}
        if "approval_response" in metadata:
            # The one before was answered: this one takes its place.
            request_id = f"{request_id}:replacement:{uuid.uuid4().hex}"
            properties.update({_REQUEST_ID: request_id, _IS_REPLACEMENT: True})
        return Content.from_function_approval_request(
            id=request_id, function_call=call, additional_properties=properties
        )


class _Approved:
    """What was approved, and is looked for just before the tool's function."""

    def __init__(self, tool: FunctionTool, fit: ToolArguments, run: Run) -> None:
        self.tool = tool
        self.problem: DigestMismatch | None = None
        self._fit = fit
        self._run = run

    def check(self, arguments: dict[str, Any]) -> None:
        """Raises DigestMismatch for other arguments."""
        if not self._fit.are_got(self._run.arguments, arguments):
            # Noted, as this may come through other hands.
            self.problem = DigestMismatch(tool_name=self.tool.name, approval_id=self._run.approval_id)
            raise self.problem


@dataclass(frozen=True)
class _Outcome:
    """What became of a run: its result, or how it ends the agent's run."""

    result: Any = None
    ended: Exception | None = None


class _Failed(Exception):
    """The tool's own error, which goes the framework's way."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error_text(error))
        self.error = error


def _told(refusal: Refusal) -> str:
    """The refusal's text for the model. What is for people only is logged: the exception ends here."""
    text = str(refusal)
    if refusal.developer_text != text:
        _log.warning("The call to %s was not run: %s", refusal.tool_name, refusal.developer_text)
    return text

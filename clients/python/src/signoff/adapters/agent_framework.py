"""Microsoft Agent Framework: tools of an agent run only after an approval.

    agent = gate(Agent(model, tools=[send_email], name="mailer"), client)

The gate is around the tool's execution, after all middlewares. `decisions` waits for the decisions of a paused run.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
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
)

from .._aio_client import AsyncClient
from .._call_options import CallOptions, check_flag, check_names, check_options
from .._handle import Handle
from ..refusals import Refusal, StillWaiting, Unavailable
from ._agent_framework_call import HANDLE, GatedCall, GatedRun, OptionsFor, Settings, callers
from ._agent_framework_tools import MARK, agent_behind, gateable, marked, put_around

if TYPE_CHECKING:
    from typing_extensions import Unpack

Next = Callable[[], Awaitable[None]]

_Agent = TypeVar("_Agent", bound=Agent[Any])

_OF_ONE_CALL = ("request_id", "call_id", "arguments_schema", "cancel_handle")


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
    """Gates the tools of an agent, and returns the agent: each call runs once, with the approved arguments.

        agent = gate(Agent(model, tools=[send_email], name="mailer"), signoff.AsyncClient())

    The agent itself is changed, so that no other reference bypasses the gate. Its tools are its own, those of a
    run, of MCP servers and of context providers, and those that are added later. An agent that it uses as a tool is
    gated too; its call is not. The gate comes after all middlewares, in any order.

    durable: pause the run with a function approval request instead of waiting. After the decision, a run with the same
        session and the answer of `decisions` continues, in any process. Needs a session.
    ungated: names of tools that no function of this process runs: tools of the model's provider, such as web search,
        and tools that are only declared.
    on_refusal: "return" makes the refusal's text the tool's result; "raise" ends the run with
        MiddlewareFailure, whose cause is the refusal.
    options_for: returns the options of one call, from its FunctionInvocationContext and arguments. An exception in it
        ends the run, and the tool does not run.
    options: those of Call, for all calls.

    Raises TypeError or ValueError for invalid options, and for agents and tools that cannot be gated. A run
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
            raise TypeError(f"{name} differs for each call: set it in options_for")
    if gate_of(agent):
        raise TypeError(f"the agent {agent.name} is gated already")
    if durable:
        _refuse_answers(agent)
    settings = Settings(client, durable, frozenset(ungated), on_refusal == "return", options_for, options)
    Gate(settings).put_around(agent)
    return agent


async def decisions(client: AsyncClient, requests: Sequence[Content]) -> list[Content]:
    """Waits until at least one call that paused the run is decided, and returns the answers to continue with.

        response = await agent.run(await decisions(client, response.user_input_requests), session=session)

    The run continues with the decided calls, and pauses again for the others. The answers only mean: continue. Other
    requests stay unchanged. Raises Unavailable when the server is unreachable, and TypeError when a
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
    text = (request.additional_properties or {}).get(HANDLE)
    return Handle.from_json(text) if isinstance(text, str) else None


async def _decided(client: AsyncClient, handle: Handle) -> None:
    """Returns after any decision on the call. Raises other errors."""
    try:
        await client.wait(handle)
    except (StillWaiting, Unavailable):
        raise
    except Refusal:
        # The gate around the tool tells the model.
        return


class Gate:
    """What `gate` puts around agents."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
        for tool in gateable(tools, self.settings.ungated):
            if self.settings.durable and tool.approval_mode == "always_require":
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
        settings = self.gate.settings
        # An agent that is used as a tool cannot pause the run around it.
        durable = settings.durable and not callers.get()
        if durable and context.session is None:
            raise TypeError("durable needs a session, which the run goes on with: agent.run(…, session=…)")
        if durable:
            _refuse_answers(agent)
        run = GatedRun(settings, durable, agent.name, str(uuid.uuid4()))
        others = context.client_kwargs.get("middleware") or ()
        # The first, so that it also knows the calls that other middlewares make of the tool themselves.
        context.client_kwargs["middleware"] = [_OfRun(self.gate, run), *others, _OfModel(self.gate)]
        await call_next()


def _refuse_answers(agent: Any) -> None:
    for each in getattr(agent, "middleware", None) or ():
        # By its name, as the framework may still change where it is.
        if type(each).__name__ == "ToolApprovalMiddleware":
            raise TypeError("ToolApprovalMiddleware answers the requests that a durable run pauses for: remove it")


class _OfModel(ChatMiddleware):
    """Looks at the tools that a model has, each time that it is called."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def process(self, context: ChatContext, call_next: Next) -> None:
        self._gate.check((context.options or {}).get("tools"))
        await call_next()


class _OfRun(FunctionMiddleware):
    """Marks the calls of a run, so that the gate around their tools knows them."""

    def __init__(self, gate: Gate, run: GatedRun) -> None:
        self._gate = gate
        self._run = run

    async def process(self, context: FunctionInvocationContext, call_next: Next) -> None:
        try:
            asks = not self._gate.put_around_tool(context.function)
        except TypeError as error:
            raise MiddlewareFailure(str(error)) from error
        call = GatedCall(self._run, context, asks)
        context.metadata[MARK] = call
        before = marked.set(call)
        try:
            await call_next()
        finally:
            marked.reset(before)

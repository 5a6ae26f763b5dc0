"""What stands around the gate: middlewares, other agents, and tools that it cannot be put around."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from agent_framework import (
    Agent,
    ContextProvider,
    FunctionInvocationContext,
    FunctionTool,
    RawAgent,
    chat_middleware,
    function_middleware,
)
from reviewing import approve, before_its_end, reject, reviewing
from runs import Mail, Runner, Scripted, call, results_in, run_as

import signoff
from reviewers import all_of, decide, pending
from signoff._structs import from_struct
from signoff.adapters.agent_framework import gate
from signoff.v1.approval_pb2 import Approval, ExecutionResult

Next = Callable[[], Awaitable[None]]
SEARCH = {"type": "web_search"}


def anywhere(agent: Runner, middleware: Any) -> list[dict[str, Any]]:
    """How a middleware is given: to the agent, to the run, to the chat client, by a context provider."""

    class Provider(ContextProvider):
        async def before_run(self, *, context: Any, **_: Any) -> None:
            context.extend_middleware(self.source_id, middleware)

    return [
        {"of_agent": {"middleware": [middleware]}},
        {"of_run": {"middleware": [middleware]}},
        {"of_agent": {"context_providers": [Provider("provider")]}},
        {"of_model": {"middleware": [middleware]}},
    ]


PLACES = range(4)
BEHIND_THE_MARK = range(3)
"""Those of the chat client come before."""


@pytest.mark.parametrize("place", PLACES)
def test_a_middleware_that_changes_a_call(agent: Runner, mail: Mail, tool: str, place: int) -> None:
    """Wherever it is, the reviewer sees what would run."""

    @function_middleware
    async def change(context: FunctionInvocationContext, call_next: Next) -> None:
        context.arguments = {"to": "eve@example.com", "count": "2"}
        await call_next()

    given = anywhere(agent, change)[place]
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], **given)
    assert [from_struct(each.arguments) for each in seen] == mail.runs == [{"to": "eve@example.com", "count": 2}]


@pytest.mark.parametrize("place", PLACES)
def test_a_middleware_that_runs_a_call_again(agent: Runner, mail: Mail, tool: str, place: int) -> None:
    results: list[str] = []

    @function_middleware
    async def again(context: FunctionInvocationContext, call_next: Next) -> None:
        for _ in range(2):
            await call_next()
            results.append(str(context.result[0].text))

    given = anywhere(agent, again)[place]
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], **given)
    assert len(seen) == len(mail.runs) == 1
    assert results[0] == "sent 1 to alice@example.com"
    assert results[1].startswith("NOT RUN AGAIN.")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("arguments", [{"to": "alice"}, {"to": "alice", "count": 1}])
def test_a_middleware_that_changes_what_was_approved(
    agent: Runner, mail: Mail, tool: str, place: int, arguments: dict[str, Any]
) -> None:
    """While the call waits: what runs is a copy. The framework keeps the arguments, and would take them again."""
    contexts: list[FunctionInvocationContext] = []

    @function_middleware
    async def keep(context: FunctionInvocationContext, call_next: Next) -> None:
        contexts.append(context)
        await call_next()

    def change(_: Approval) -> dict[str, Any]:
        [context] = contexts
        context.arguments["to"] = "eve"  # type: ignore[index]
        return {"approve": True}

    given = anywhere(agent, keep)[place]
    with reviewing(agent.server, tool, change):
        agent.run([mail.tool], [call(tool, **arguments)], **given)
    assert mail.runs == [{"to": "alice", "count": 1}]


@pytest.mark.parametrize("place", BEHIND_THE_MARK)
def test_a_middleware_that_runs_the_tool_itself(agent: Runner, mail: Mail, tool: str, place: int) -> None:
    @function_middleware
    async def run(context: FunctionInvocationContext, call_next: Next) -> None:
        context.result = await context.function.invoke(arguments={"to": "eve"})

    given = anywhere(agent, run)[place]
    with reviewing(agent.server, tool, reject) as seen:
        results = agent.run([mail.tool], [call(tool)], **given)
    assert [from_struct(each.arguments) for each in seen] == [{"to": "eve", "count": 1}]
    assert "Use the staging list." in results["call-1"]
    assert not mail.runs


def test_a_tool_that_is_called_with_something_else(agent: Runner, tool: str) -> None:
    """By what comes after the gate, such as a tool's own class: it is looked at just before the function."""

    class Own(FunctionTool):
        async def _invoke_function(self, call_kwargs: Any) -> Any:
            return await super()._invoke_function({**call_kwargs, "to": "eve"})

    mail = Mail(tool)
    mail.tool.__class__ = Own
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)]).values()
    assert (
        result == f"NOT RUN. The approved call differs from the call to {tool} that would run. Do not work around it."
    )
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED


def test_two_calls_with_one_id(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool), call(tool)])
    assert len(seen) == len(mail.runs) == 1


def test_agents_that_use_each_other(agent: Runner) -> None:
    first, second = Agent(Scripted(), name="first"), Agent(Scripted(), name="second")
    first.default_options["tools"] = [second.as_tool()]
    second.default_options["tools"] = [first.as_tool(), SEARCH]
    client = signoff.AsyncClient(agent.address)
    with pytest.raises(TypeError, match="web_search"):
        gate(first, client)
    # Nothing has changed.
    gate(second, client, ungated=["web_search"])
    with pytest.raises(TypeError, match="the agent first is gated already"):
        gate(first, client)


def test_a_middleware_that_answers_in_the_tools_place(agent: Runner, mail: Mail, tool: str) -> None:
    """Nothing runs, so nobody is asked. Hand-offs of the framework are such calls."""

    @function_middleware
    async def answer(context: FunctionInvocationContext, call_next: Next) -> None:
        context.result = "cached"

    assert agent.run([mail.tool], [call(tool)], of_run={"middleware": [answer]}) == {"call-1": "cached"}
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_a_middleware_that_sees_the_result(agent: Runner, mail: Mail, tool: str) -> None:
    """Of a refusal it has the form of a tool's."""
    seen: list[Any] = []

    @function_middleware
    async def look(context: FunctionInvocationContext, call_next: Next) -> None:
        await call_next()
        seen.extend(context.result)

    with reviewing(agent.server, tool, reject):
        agent.run([mail.tool], [call(tool)], of_run={"middleware": [look]})
    assert [each.type for each in seen] == ["text"]
    assert "Use the staging list." in seen[0].text


def test_a_middleware_that_gives_up(agent: Runner, mail: Mail, tool: str) -> None:
    """It has a time limit: nothing runs by a decision that comes too late."""

    @function_middleware
    async def hurry(context: FunctionInvocationContext, call_next: Next) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call_next(), 0.5)
        context.result = "late"

    assert agent.run([mail.tool], [call(tool)], of_run={"middleware": [hurry]}) == {"call-1": "late"}
    decide(agent.server, pending(agent.server, tool), approve=True)
    assert not mail.runs
    assert not all_of(agent.server, tool)[0].HasField("claim")


def test_tools_of_a_run(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, reject):
        agent.run([], [call(tool)], of_run={"tools": [mail.tool]})
    assert not mail.runs


def test_a_function_as_a_tool_of_a_run(agent: Runner, tool: str) -> None:
    def plain(to: str) -> str:
        raise AssertionError(to)

    plain.__name__ = tool
    with reviewing(agent.server, tool, reject) as seen:
        agent.run([], [call(tool)], of_run={"tools": plain})
    assert len(seen) == 1


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_tools_that_are_added_later(agent: Runner, mail: Mail, tool: str) -> None:
    def load(ctx: FunctionInvocationContext) -> str:
        ctx.add_tools([mail.tool])
        return "loaded"

    loader = FunctionTool(name=f"auto.{tool}", func=load)
    with reviewing(agent.server, tool, reject) as seen:
        results = agent.run([loader], [call(loader.name, "call-0")], [call(tool)])
    assert "Use the staging list." in results["call-1"]
    assert len(seen) == 1
    assert not mail.runs


def test_calls_one_after_the_other(agent: Runner, mail: Mail, tool: str) -> None:
    model = Scripted([call(tool, f"call-{to}", to=to) for to in ("alice", "bob")])
    model.function_invocation_configuration["allow_concurrent_invocation"] = False
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], model=model)
    assert [each["to"] for each in mail.runs] == ["alice", "bob"]


def test_limits_count_what_ran(agent: Runner, tool: str) -> None:
    mail = Mail(tool, max_invocations=1)

    def not_bob(approval: Approval) -> dict[str, Any]:
        return {"approve": approval.arguments["to"] != "bob"}

    with reviewing(agent.server, tool, not_bob):
        results = agent.run([mail.tool], [call(tool, "call-1", to="bob")], [call(tool, "call-2", to="alice")])
    assert results["call-2"] == "sent 1 to alice"


def test_the_frameworks_own_approval_decides_nothing(agent: Runner, tool: str) -> None:
    mail = Mail(tool, approval_mode="always_require")
    session = Agent(Scripted()).create_session()
    agent.run([mail.tool], [call(tool)], session=session)
    [request] = agent.response.user_input_requests
    assert not all_of(agent.server, tool)
    with reviewing(agent.server, tool, reject):
        agent.run([mail.tool], given=[request.to_function_approval_response(True)], session=session)
    assert "Use the staging list." in agent.model.read[-1]["call-1"]
    assert not mail.runs


def test_an_edit_of_what_the_framework_approved(agent: Runner, tool: str) -> None:
    mail = Mail(tool, approval_mode="always_require")
    session = Agent(Scripted()).create_session()
    agent.run([mail.tool], [call(tool)], session=session)
    [request] = agent.response.user_input_requests

    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": "bob@example.com", "count": 2}}

    with reviewing(agent.server, tool, edit):
        agent.run([mail.tool], given=[request.to_function_approval_response(True)], session=session)
    assert mail.runs == [{"to": "bob@example.com", "count": 2}]


def test_an_agent_as_a_tool(agent: Runner, mail: Mail, tool: str) -> None:
    """Its tools are gated, and say who called it; its call itself is not."""
    inner = Agent(Scripted([call(tool)]), name="mailer", tools=[mail.tool])
    middle = Agent(Scripted([call("mailer", task="mail")]), name="manager", tools=[inner.as_tool()])
    outer = Agent(Scripted([call("manager", task="manage")]), name="boss", tools=[middle.as_tool()])

    async def main() -> Any:
        async with signoff.AsyncClient(agent.address, token=agent.server.agent) as client:
            running = asyncio.ensure_future(run_as(agent.kind, gate(outer, client)))
            return await before_its_end(running, lambda: approved(agent, tool)) and await running

    response = asyncio.run(main())
    assert results_in(response.messages) == {"call-1": "done"}
    [approval] = all_of(agent.server, tool)
    assert (approval.agent.name, list(approval.agent.chain)) == ("mailer", ["boss", "manager"])
    assert len(mail.runs) == 1
    assert not all_of(agent.server, "manager")


def approved(agent: Runner, tool: str) -> Approval:
    return decide(agent.server, pending(agent.server, tool), approve=True)


def test_an_agent_behind_a_tool_that_cannot_be_gated(agent: Runner) -> None:
    inner = Agent(Scripted(), name="searcher", tools=[SEARCH])
    outer = Agent(Scripted(), tools=[inner.as_tool()])
    with pytest.raises(TypeError, match="no function of this process runs web_search"):
        gate(outer, signoff.AsyncClient(agent.address))
    gate(outer, signoff.AsyncClient(agent.address), ungated=["web_search"])


def test_a_tool_that_an_ungated_agent_has_too(agent: Runner, mail: Mail, tool: str) -> None:
    """It runs there as before, also while the gated agent's call runs."""
    other = Agent(Scripted([call(tool, "call-9", to="carol")]), name="other", tools=[mail.tool])

    async def ask() -> str:
        return str(await other.run("go"))

    asks = FunctionTool(name=f"{tool}2", func=ask)
    with reviewing(agent.server, tool, reject), reviewing(agent.server, asks.name, approve):
        results = agent.run([mail.tool, asks], [call(tool), call(asks.name, "call-2")])
    assert "Use the staging list." in results["call-1"]
    assert results["call-2"] == "done"
    assert mail.runs == [{"to": "carol", "count": 1}]


def test_a_tool_that_runs_another_itself(agent: Runner, mail: Mail, tool: str) -> None:
    """That is its own work, also if it runs itself."""

    async def outer(to: str) -> str:
        if to == "alice@example.com":
            await both.invoke(arguments={"to": "bob"})
        return str(await mail.tool.invoke(arguments={"to": to}, skip_parsing=True))

    both = FunctionTool(name=f"{tool}2", func=outer)
    with reviewing(agent.server, both.name, approve) as seen:
        assert agent.run([both, mail.tool], [call(both.name)]) == {"call-1": "sent 1 to alice@example.com"}
    assert len(seen) == 1
    assert [each["to"] for each in mail.runs] == ["bob", "alice@example.com"]


DECLARED = FunctionTool(name="show_map", func=None)


@pytest.mark.parametrize(
    ("hosted", "name"),
    [
        (SEARCH, "web_search"),
        ({"type": "function", "function": {"name": "theirs"}}, "theirs"),
        ({"type": "mcp", "name": "github"}, "github"),
        (DECLARED, "show_map"),
        (object(), "object"),
    ],
)
def test_tools_that_run_elsewhere(agent: Runner, mail: Mail, hosted: Any, name: str) -> None:
    client = signoff.AsyncClient(agent.address)
    with pytest.raises(TypeError, match=f"no function of this process runs {name}, so it cannot be gated"):
        gate(Agent(Scripted(), tools=[mail.tool, hosted]), client)
    gate(Agent(Scripted(), tools=[mail.tool, hosted]), client, ungated=[name])
    # Of a run.
    with pytest.raises(TypeError, match=f"no function of this process runs {name}"):
        agent.run([mail.tool], [call(mail.tool.name)], of_run={"tools": [hosted]})
    assert agent.model.turns == 0
    agent.run([mail.tool], of_run={"tools": [hosted]}, ungated=[name])
    assert agent.model.turns == 1


def test_what_a_middleware_adds_for_the_model(agent: Runner, mail: Mail) -> None:
    @chat_middleware
    async def add(context: Any, call_next: Next) -> None:
        context.options["tools"] = [*context.options["tools"], SEARCH]
        await call_next()

    with pytest.raises(TypeError, match="web_search"):
        agent.run([mail.tool], of_run={"middleware": [add]})
    assert agent.model.turns == 0


def test_an_ungated_name_does_not_ungate_a_function(agent: Runner, mail: Mail, tool: str) -> None:
    """Such as one of an MCP server, which chooses its names."""
    with reviewing(agent.server, tool, reject):
        agent.run([mail.tool], [call(tool)], ungated=[tool])
    assert not mail.runs


def test_what_cannot_be_gated(agent: Runner, mail: Mail, tool: str) -> None:
    client = signoff.AsyncClient(agent.address)
    with pytest.raises(TypeError, match="only an Agent can be gated"):
        gate(RawAgent(Scripted(), tools=[mail.tool]), client)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="only an Agent can be gated"):
        gate(Agent(object(), tools=[mail.tool]), client)  # type: ignore[arg-type]
    twice = gate(Agent(Scripted(), name="mailer", tools=[mail.tool]), client)
    with pytest.raises(TypeError, match="the agent mailer is gated already"):
        gate(twice, client)

    @signoff.requires_approval(client)
    async def send(to: str) -> str:
        return to

    with pytest.raises(TypeError, match="has @requires_approval already"):
        gate(Agent(Scripted(), tools=[FunctionTool(name=tool, func=send)]), client)
    own = Mail(tool).tool
    own.invoke = own.invoke  # type: ignore[method-assign]
    with pytest.raises(TypeError, match="has an invoke of its own"):
        gate(Agent(Scripted(), tools=[own]), client)


def test_another_chat_client_later(agent: Runner, mail: Mail, tool: str) -> None:
    """The agent's chat client is looked at again when it runs."""

    async def main() -> None:
        async with signoff.AsyncClient(agent.address, token=agent.server.agent) as client:
            gated = gate(Agent(Scripted(), tools=[mail.tool]), client)
            gated.client = object()  # type: ignore[assignment]
            await run_as(agent.kind, gated)

    with pytest.raises(TypeError, match="only an Agent can be gated"):
        asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_middleware_that_names_another_function(agent: Runner, mail: Mail, tool: str, place: int) -> None:
    """The framework runs the call's own tool all the same; those of the chat client come before the gate's mark."""
    other = Mail(f"other_{tool}")

    @function_middleware
    async def replace(context: FunctionInvocationContext, call_next: Next) -> None:
        context.function = other.tool
        await call_next()

    given = anywhere(agent, replace)[place]
    with reviewing(agent.server, tool, reject) as seen:
        results = agent.run([mail.tool], [call(tool)], **given)
    assert len(seen) == 1
    assert "Use the staging list." in results["call-1"]
    assert not mail.runs + other.runs


@pytest.mark.parametrize("place", PLACES)
def test_a_middleware_that_goes_on_elsewhere(agent: Runner, mail: Mail, tool: str, place: int) -> None:
    """In a context of its own, where the call is not known."""

    @function_middleware
    async def away(context: FunctionInvocationContext, call_next: Next) -> None:
        async def rest() -> None:
            await call_next()

        loop = asyncio.get_running_loop()
        await contextvars.Context().run(loop.create_task, rest())

    given = anywhere(agent, away)[place]
    with reviewing(agent.server, tool, reject) as seen:
        results = agent.run([mail.tool], [call(tool)], **given)
    assert len(seen) == 1
    assert "Use the staging list." in results["call-1"]
    assert not mail.runs

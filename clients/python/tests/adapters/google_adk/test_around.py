"""What else ADK has around tools: other agents, toolsets, workflows, and what cannot be gated."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from agents_at_work import (
    Body,
    a_runner,
    an_agent,
    an_app,
    approve,
    calls,
    events_of,
    one_call,
    results,
    run,
    says,
    scripted,
)
from google.adk.agents.base_agent import BaseAgent
from google.adk.agents.parallel_agent import ParallelAgent
from google.adk.agents.run_config import RunConfig, ToolThreadPoolConfig
from google.adk.apps.app import App
from google.adk.code_executors.unsafe_local_code_executor import UnsafeLocalCodeExecutor
from google.adk.events.event import Event
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.exit_loop_tool import exit_loop
from google.adk.tools.function_tool import FunctionTool
from google.adk.tools.google_search_tool import GoogleSearchTool
from google.adk.tools.long_running_tool import LongRunningFunctionTool
from google.adk.tools.tool_context import ToolContext
from google.adk.workflow import START, Workflow
from google.genai import types
from reviewing import approve as approving
from reviewing import before_its_end, beside, reviewing

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin
from signoff.v1.approval_pb2 import ExecutionResult


def test_agent_that_is_handed_on_to(desk: Server, name: str) -> None:
    """The hand-off needs no approval; the calls say who handed on. One that is used as a tool likewise."""
    body = Body(name)
    last = an_agent(body.tool, name="last", steps=[one_call(name)])
    inner = an_agent(AgentTool(last), name="inner", steps=[calls(("i-1", "last", {"request": "go"}))])
    outer = an_agent(
        name="outer", sub_agents=[inner], steps=[calls(("o-1", "transfer_to_agent", {"agent_name": "inner"}))]
    )
    with reviewing(desk, name, approving) as seen:
        run(desk, outer)
    assert (seen[0].agent.name, list(seen[0].agent.chain)) == ("last", ["inner"])
    assert len(body.runs) == 1
    assert all_of(desk, "transfer_to_agent") == all_of(desk, "last") == []


def test_exit_loop(desk: Server) -> None:
    """ADK's own says only that the task has ended; a tool of the same name is a tool."""
    steps = [calls(("call-1", "exit_loop", {}))]
    run(desk, an_agent(exit_loop, steps=list(steps)))
    assert all_of(desk, "exit_loop") == []
    runs: list[int] = []

    def own() -> str:
        runs.append(1)
        return "left"

    own.__name__ = "exit_loop"
    told = results(run(desk, an_agent(own, steps=list(steps)), timeout=1))
    assert told["call-1"].startswith("NOT RUN.")
    assert len(all_of(desk, "exit_loop")) == 1
    assert runs == []


class OwnAgentTool(AgentTool):
    """One that an application has made."""


@pytest.mark.parametrize("kind", [AgentTool, OwnAgentTool])
def test_agent_tool_without_plugins(desk: Server, name: str, kind: type[AgentTool]) -> None:
    body = Body(name)
    helper = an_agent(body.tool, name="helper", steps=[one_call(name)])
    triage = an_agent(kind(helper, include_plugins=False), steps=[calls(("t-1", "helper", {"request": "go"}))])
    with pytest.raises(RuntimeError, match="include_plugins=False"):
        run(desk, triage)
    assert body.runs == []


def test_gated_tool_in_a_run_without_the_plugin(desk: Server, name: str) -> None:
    """It does not run; nor does a copy of it."""
    body = Body(name)
    tool = FunctionTool(body.tool)
    with reviewing(desk, name, approving):
        run(desk, an_agent(tool, steps=[one_call(name)]))
    assert type(tool).__name__ == "FunctionTool"
    for each in (tool, copy.copy(tool)):
        runner = a_runner(an_app(an_agent(each, steps=[one_call(name)])))
        with pytest.raises(TypeError, match="no ApprovalPlugin"):
            asyncio.run(events_of(runner))
    # Another app asks with its own plugin.
    with reviewing(desk, name, approving):
        run(desk, an_agent(tool, steps=[one_call(name)]), labels={"app": "second"})
    assert len(body.runs) == 2
    assert {dict(each.labels).get("app") for each in all_of(desk, name)} == {None, "second"}


def test_subclass_of_a_gated_tool(desk: Server, name: str) -> None:
    """A class that is made of the gated one has no gate yet; nor are there two."""
    body = Body(name)
    tool = FunctionTool(body.tool)
    with reviewing(desk, name, approving):
        run(desk, an_agent(tool, steps=[one_call(name)]))

    class Sub(type(tool)):  # type: ignore[misc]
        async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> Any:
            return await FunctionTool.run_async(self, args=args, tool_context=tool_context)

    with reviewing(desk, name, approving):
        assert results(run(desk, an_agent(Sub(body.tool), steps=[one_call(name)]))) == {"call-1": "done for alice"}
    assert len(body.runs) == len(all_of(desk, name)) == 2


def test_two_calls_with_one_id(desk: Server, name: str) -> None:
    """They cannot be told apart later: one runs, with what was approved."""
    body = Body(name)
    turn = calls(("call-1", name, {"to": "alice"}), ("call-1", name, {"to": "bob"}))
    with reviewing(desk, name, approving) as seen:
        run(desk, an_agent(body.tool, steps=[turn]))
    assert [each["to"] for each in body.runs] == [each.arguments["to"] for each in seen]
    assert len(seen) == 1


@pytest.mark.filterwarnings("ignore:ParallelAgent is deprecated")
def test_agents_beside_each_other_that_use_one_id(desk: Server, name: str) -> None:
    """They are two calls, each with its own approval."""
    body = Body(name)
    agents = [an_agent(body.tool, name=f"for_{to}", steps=[one_call(name, to=to)]) for to in ("alice", "bob")]
    with reviewing(desk, name, approving) as seen:
        run(desk, ParallelAgent(name="both", sub_agents=agents))
    assert sorted(each["to"] for each in body.runs) == ["alice", "bob"]
    assert sorted((each.agent.name, each.arguments["to"]) for each in seen) == [
        ("for_alice", "alice"),
        ("for_bob", "bob"),
    ]


class Answering(BaseTool):
    """A tool of which only the schema is known, such as one of an MCP server."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        super().__init__(name=name, description="Answers.")
        self.schema = schema
        self.runs: list[dict[str, Any]] = []

    def _get_declaration(self) -> types.FunctionDeclaration:
        return types.FunctionDeclaration(name=self.name, description="Answers.", parameters_json_schema=self.schema)

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> Any:  # noqa: ARG002
        self.runs.append(args)
        return "answered"


class Toolset(BaseToolset):
    """Tools that are made anew for each turn."""

    def __init__(self, *tools: BaseTool, **options: Any) -> None:
        super().__init__(**options)
        self._tools = tools

    async def get_tools(self, readonly_context: Any = None) -> list[BaseTool]:  # noqa: ARG002
        return [copy.copy(each) for each in self._tools]

    async def close(self) -> None:
        pass


SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "count": {"type": "integer", "default": 1}},
    "required": ["to"],
}


def test_toolset(desk: Server, name: str) -> None:
    """By its name with the prefix; of its arguments the schema says which there are."""
    tool = Answering(name, SCHEMA)
    full = f"mail_{name}"
    agent = an_agent(Toolset(tool, tool_name_prefix="mail"), steps=[one_call(full, to="alice")])
    seen: list[dict[str, Any]] = []

    def review() -> None:
        waiting = pending(desk, full)
        seen.append(dict(waiting.arguments.items()))
        # The server knows the schema.
        with pytest.raises(Exception, match="count"):
            decide(desk, waiting, approve=True, edited={"to": "bob", "count": "many"})
        decide(desk, waiting, approve=True, edited={"to": "bob", "count": 2})

    assert results(run(desk, agent, review)) == {"call-1": "answered"}
    assert seen == [{"to": "alice", "count": 1}]
    assert tool.runs == [{"to": "bob", "count": 2}]


@pytest.mark.parametrize("arguments", [{"to": 7}, {"to": "alice", "bcc": "eve"}, {}])
@pytest.mark.parametrize("derive_schema", [True, False])
def test_arguments_that_do_not_fit_a_schema(
    desk: Server, name: str, arguments: dict[str, Any], derive_schema: bool
) -> None:
    """Whether the server knows the schema or not; likewise for an edit."""
    tool = Answering(name, SCHEMA)
    agent = an_agent(tool, steps=[calls(("call-1", name, arguments))])
    told = results(run(desk, agent, derive_schema=derive_schema, timeout=1))
    assert told["call-1"].startswith("NOT RUN.")
    assert all_of(desk, name) == []
    if not derive_schema:
        agent = an_agent(tool, steps=[one_call(name, to="alice")])

        def review() -> None:
            decide(desk, pending(desk, name), approve=True, edited=arguments or {"count": 1})

        assert results(run(desk, agent, review, derive_schema=False))["call-1"].startswith("NOT RUN.")
        assert not all_of(desk, name)[0].HasField("claim")
    assert tool.runs == []


def test_tool_that_a_callback_adds(desk: Server, name: str) -> None:
    body = Body(name)

    def before_model(callback_context: Any, llm_request: Any) -> None:
        llm_request.append_tools([FunctionTool(body.tool)])

    agent = an_agent(steps=[one_call(name)], before_model_callback=before_model)
    with reviewing(desk, name, approving):
        run(desk, agent)
    assert len(body.runs) == len(all_of(desk, name)) == 1


def test_what_cannot_be_gated(desk: Server) -> None:
    """The run fails before the model is asked, unless it is named."""

    def refused(match: str, agent: Any, **options: Any) -> None:
        with pytest.raises(RuntimeError, match=match):
            run(desk, agent, **options)

    search = an_agent(GoogleSearchTool(bypass_multi_tools_limit=False))
    search.model = scripted()
    search.model.model = "gemini-2.5-flash"
    refused("google_search cannot be gated.*ungated", search)
    assert search.model.read == []
    run(desk, search, ungated=["google_search"])
    assert len(search.model.read) == 1

    executing = an_agent(code_executor=UnsafeLocalCodeExecutor())
    refused("mailer has a code_executor", executing)
    run(desk, executing, ungated=["code_executor"])

    confirmed = an_agent(FunctionTool(Body("ask_x").tool, require_confirmation=True))
    refused("ask_x has require_confirmation", confirmed)

    gated = signoff.requires_approval(signoff.AsyncClient(desk.address), "ask_x")(Body("ask_x").tool)
    refused("ask twice", an_agent(gated))

    replaced = FunctionTool(Body("ask_x").tool)
    replaced.run_async = Answering("ask_x", SCHEMA).run_async  # type: ignore[method-assign]
    refused("ask_x has a run_async that was set", an_agent(replaced))

    class RemoteA2aAgent(BaseAgent):
        __module__ = "google.adk.agents.remote_a2a_agent"

        async def _run_async_impl(self, ctx: Any) -> AsyncGenerator[Event, None]:  # noqa: ARG002
            yield Event(author="far", content=says("hello"))

    refused("run elsewhere", RemoteA2aAgent(name="far"))
    run(desk, RemoteA2aAgent(name="far"), ungated=["far"])

    class AntigravityAgent(RemoteA2aAgent):
        __module__ = "google.adk.labs.antigravity._antigravity_agent"

    AntigravityAgent.__mro__[1].__module__ = __name__
    refused("run elsewhere", AntigravityAgent(name="far"))


async def variadic(**others: Any) -> str:
    return str(others)


def test_parameters_that_cannot_be_shown(desk: Server) -> None:
    """ADK drops what is named otherwise, without a word."""
    agent = an_agent(variadic)
    with pytest.raises(RuntimeError, match="variadic takes"):
        run(desk, agent)
    assert agent.model.read == []  # type: ignore[union-attr]


def test_options_that_cannot_be_used(desk: Server) -> None:
    client = signoff.AsyncClient(desk.address)

    def refused(kind: type[Exception], match: str, *args: Any, **options: Any) -> None:
        with pytest.raises(kind, match=match):
            ApprovalPlugin(*(args or (client,)), **options)

    refused(TypeError, "client must be", "http://localhost")
    refused(TypeError, "durable", durable="yes")
    refused(TypeError, "ungated", ungated="google_search")
    refused(ValueError, "on_refusal", on_refusal="ignore")
    refused(TypeError, "request_id differs for each call", request_id="one")
    refused(TypeError, "unknown option 'lable'", lable={})
    refused(TypeError, "options_for", options_for=7)
    with pytest.raises(ValueError, match="already registered"):
        a_runner(an_app(an_agent(), ApprovalPlugin(client), ApprovalPlugin(client)))


def test_ungated_tool(desk: Server, name: str) -> None:
    """By this plugin, also when it is gated for another."""
    body = Body(name)
    tool = FunctionTool(body.tool)
    run(desk, an_agent(tool, steps=[one_call(name)]), ungated=[name])
    with reviewing(desk, name, approving):
        run(desk, an_agent(tool, steps=[one_call(name)]))
    run(desk, an_agent(tool, steps=[one_call(name)]), ungated=[name])
    assert len(body.runs) == 3
    assert len(all_of(desk, name)) == 1


def test_tool_that_puts_its_work_off(desk: Server, name: str) -> None:
    """As tools do that need a sign-in, or a confirmation: each time is a call of its own, with its own approval."""
    runs: list[bool] = []

    def send(to: str, tool_context: ToolContext) -> Any:
        runs.append(bool(tool_context.tool_confirmation))
        if not tool_context.tool_confirmation:
            tool_context.request_confirmation(hint="Really?")
            return {"status": "waits"}
        return f"sent to {to}"

    send.__name__ = name

    async def main() -> None:
        sessions = InMemorySessionService()
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            runner = a_runner(
                an_app(an_agent(send, steps=[one_call(name, to="alice")]), ApprovalPlugin(client)), sessions
            )
            with reviewing(desk, name, approving) as seen:
                events = await events_of(runner)
                [asked] = [c for e in events for c in e.get_function_calls() if c.name == "adk_request_confirmation"]
                answer = types.FunctionResponse(id=asked.id, name=asked.name, response={"confirmed": True})
                message = types.Content(role="user", parts=[types.Part(function_response=answer)])
                assert results(await events_of(runner, message)) == {"call-1": "sent to alice"}
            assert len(seen) == 2

    asyncio.run(main())
    assert runs == [False, True]
    outcomes = sorted(each.claim.outcome.result for each in all_of(desk, name))
    assert outcomes == [ExecutionResult.EXECUTION_RESULT_SUCCEEDED, ExecutionResult.EXECUTION_RESULT_FAILED]


def test_long_running_tool(desk: Server, name: str) -> None:
    """It is started once; its refusal is its result."""
    body = Body(name)
    agent = an_agent(LongRunningFunctionTool(body.tool), steps=[one_call(name)])
    assert results(run(desk, agent, lambda: approve(desk, name))) == {"call-1": "done for alice"}
    agent = an_agent(LongRunningFunctionTool(body.tool), steps=[one_call(name)])
    told = results(run(desk, agent, lambda: decide(desk, pending(desk, name), approve=False)))
    assert told["call-1"].startswith("NOT RUN.")
    assert len(body.runs) == 1


def test_tool_in_a_thread(desk: Server, name: str) -> None:
    """With a pool for tools ADK runs synchronous functions in threads: after the approval."""
    threads: list[bool] = []

    def send(to: str) -> str:
        threads.append(threading.current_thread() is threading.main_thread())
        return f"sent to {to}"

    send.__name__ = name

    async def main() -> list[Event]:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            runner = a_runner(an_app(an_agent(send, steps=[one_call(name, to="alice")]), ApprovalPlugin(client)))
            config = RunConfig(tool_thread_pool_config=ToolThreadPoolConfig())
            running = asyncio.ensure_future(events_of(runner, run_config=config))
            await before_its_end(running, lambda: pending(desk, name))
            assert threads == []
            await beside(lambda: approve(desk, name))
            return await running

    assert results(asyncio.run(main())) == {"call-1": "sent to alice"}
    assert threads == [False]


def test_generator(desk: Server, name: str) -> None:
    """Its work ends within the gate."""
    runs: list[str] = []

    async def send(to: str) -> AsyncGenerator[str, None]:
        runs.append(to)
        yield f"sent to {to}"

    send.__name__ = name
    events = run(desk, an_agent(send, steps=[one_call(name, to="alice")]), lambda: approve(desk, name))
    assert results(events) == {"call-1": "sent to alice"}
    assert runs == ["alice"]
    [approval] = all_of(desk, name)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def test_workflow_with_a_tool_node(desk: Server, name: str) -> None:
    """ADK runs such a tool without a model."""
    body = Body(name)
    tool = FunctionTool(body.tool)

    def ask(node_input: Any) -> dict[str, Any]:
        return {"to": "alice", "amount": 2}

    workflow = Workflow(name="flow", edges=[(START, ask), (ask, tool)])
    with reviewing(desk, name, approving):
        run(desk, workflow)
    assert len(body.runs) == len(all_of(desk, name)) == 1
    run(desk, workflow, lambda: decide(desk, pending(desk, name), approve=False))
    assert len(body.runs) == 1


def test_plugins_of_a_runner(desk: Server, name: str) -> None:
    """Without an App."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            app = App(name="mail", root_agent=an_agent(body.tool, steps=[one_call(name)]))
            runner = Runner(
                app_name="mail",
                agent=app.root_agent,
                plugins=[ApprovalPlugin(client)],
                session_service=InMemorySessionService(),
                auto_create_session=True,
            )
            with reviewing(desk, name, approving):
                assert results(await events_of(runner)) == {"call-1": "done for alice"}

    asyncio.run(main())
    assert len(body.runs) == 1

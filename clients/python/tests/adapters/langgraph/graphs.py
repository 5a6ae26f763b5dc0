"""An agent with a scripted model, in each form that LangChain and LangGraph have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Interrupt

import signoff
from reviewers import pending
from servers import Server
from signoff.adapters.langchain import ApprovalMiddleware
from signoff.adapters.langgraph import one_task_per_call, tool_node


class Scripted(BaseChatModel):
    """A model that makes its calls in its first turn, and says "done" when it has read the results."""

    calls: list[dict[str, Any]]
    read: list[str]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, *_: Any, **__: Any) -> Runnable[Any, Any]:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        results = [str(each.content) for each in messages if isinstance(each, ToolMessage)]
        self.read.extend(results)
        calls = [] if isinstance(messages[-1], ToolMessage) else self.calls
        message = AIMessage(
            content="" if calls else "done", tool_calls=[{"type": "tool_call", **call} for call in calls]
        )  # type: ignore[misc]
        return ChatResult(generations=[ChatGeneration(message=message)])


class State(TypedDict):
    messages: Annotated[list[BaseMessage], add_messages]
    secret: str


def built_agent(model: Scripted, tools: Sequence[Any], client: Any, checkpointer: Any = None, **options: Any) -> Any:
    """By create_agent, with the middleware."""
    from langchain.agents import AgentState

    class WithSecret(AgentState):  # type: ignore[type-arg]
        secret: str

    around = options.pop("around", ())
    within = options.pop("within", ())
    middleware = [*around, ApprovalMiddleware(client, **options), *within]
    return create_agent(
        model, list(tools), middleware=middleware, checkpointer=checkpointer, state_schema=WithSecret, name="mailer"
    )


def built_graph(model: Scripted, tools: Sequence[Any], client: Any, checkpointer: Any = None, **options: Any) -> Any:
    """By hand, all calls of a turn in one node."""
    options.setdefault("agent_name", "mailer")
    graph = StateGraph(State)

    def ask(state: State) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def route(state: State) -> str:
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else "__end__"

    graph.add_node("model", ask)
    graph.add_node("tools", tool_node(tools, client, **options))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=checkpointer)


def built_graph_of_tasks(
    model: Scripted, tools: Sequence[Any], client: Any, checkpointer: Any = None, **options: Any
) -> Any:
    """By hand, each call in a task of its own."""
    options.setdefault("agent_name", "mailer")
    graph = StateGraph(State)

    def ask(state: State) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph.add_node("model", ask)
    graph.add_node("tools", tool_node(tools, client, **options))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", one_task_per_call())
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=checkpointer)


BUILDERS = {"agent": built_agent, "graph": built_graph, "tasks": built_graph_of_tasks}


class Agent:
    """An agent, by `invoke` or by `ainvoke`."""

    def __init__(self, server: Server, build: Callable[..., Any], *, is_async: bool) -> None:
        self.server = server
        self.build = build
        self.is_async = is_async
        self.address = server.address
        self.swaps_clients = False
        self.interrupts: list[Interrupt] = []
        self.model = Scripted(calls=[], read=[])

    def run(
        self,
        tools: Sequence[Any],
        calls: Sequence[dict[str, Any]],
        *,
        secret: str = "none",
        config: dict[str, Any] | None = None,
        **options: Any,
    ) -> list[ToolMessage]:
        """The results that the model gets for its calls, in their order."""
        self.model = Scripted(calls=list(calls), read=[])
        return self._run(tools, {"messages": [HumanMessage("go")], "secret": secret}, config, **options)

    def resume(
        self, tools: Sequence[Any], config: Any, checkpointer: Any, *, given: Any = None, **options: Any
    ) -> list[ToolMessage]:
        """Goes on from a checkpoint."""
        return self._run(tools, given, config, checkpointer=checkpointer, **options)

    def is_before_tools(self, checkpoint: CheckpointTuple) -> bool:
        """Whether the tools' node runs next."""
        values = checkpoint.checkpoint["channel_values"]
        return bool(getattr(values.get("messages", [None])[-1], "tool_calls", None))

    def _run(
        self,
        tools: Sequence[Any],
        given: Any,
        config: Any,
        *,
        prepare: Callable[[Any], None] = lambda _: None,
        gives_up: bool = False,
        **options: Any,
    ) -> list[ToolMessage]:
        async def in_a_loop() -> Any:
            kind = signoff.Client if self.swaps_clients else signoff.AsyncClient
            client: Any = kind(self.address, token=self.server.agent)
            graph = self.build(self.model, tools, client, **options)
            prepare(graph)
            running = asyncio.ensure_future(graph.ainvoke(given, config))
            if gives_up:
                await asyncio.to_thread(pending, self.server, tools[0].name)
                running.cancel()
            try:
                return await running
            finally:
                if not self.swaps_clients:
                    await client.close()

        def blocking() -> Any:
            kind = signoff.AsyncClient if self.swaps_clients else signoff.Client
            client: Any = kind(self.address, token=self.server.agent)
            graph = self.build(self.model, tools, client, **options)
            prepare(graph)
            return graph.invoke(given, config)

        state = asyncio.run(in_a_loop()) if self.is_async else blocking()
        self.interrupts = list(state.get("__interrupt__", ()))
        messages = [each for each in state["messages"] if isinstance(each, ToolMessage)]
        if state["messages"][-1].content == "done":
            assert self.model.read[-len(messages) :] == [str(each.content) for each in messages]
        return messages


class Mail:
    """A tool that remembers what it ran with."""

    def __init__(self, name: str, result: Any = None) -> None:
        self.runs: list[dict[str, Any]] = []

        def send(to: str, count: int = 1) -> str:
            """Sends."""
            self.runs.append({"to": to, "count": count})
            if isinstance(result, Exception):
                raise result
            if result:
                result()
            return f"sent {count} to {to}"

        async def asend(to: str, count: int = 1) -> str:
            """Sends."""
            return send(to, count)

        self.tool = StructuredTool.from_function(send, asend, name=name)


def call(name: str, call_id: str = "call-1", /, **arguments: Any) -> dict[str, Any]:
    """What a model asks for."""
    return {"name": name, "args": arguments or {"to": "alice@example.com"}, "id": call_id}

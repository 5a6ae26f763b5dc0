"""The decorator below `@tool` of LangChain: what is injected is hidden."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

import signoff
from fakes import Fake
from signoff._digest import stable_request_id
from signoff._structs import from_struct

pytest.importorskip("langchain")

from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, InjectedStore, ToolNode
from langgraph.store.memory import InMemoryStore

CALL: dict[str, Any] = {"name": "send", "args": {"to": "alice"}, "id": "call-1", "type": "tool_call"}


def test_in_a_tool_node(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:

        @tool
        @signoff.requires_approval(client)
        def send(
            to: str,
            config: RunnableConfig,
            runtime: ToolRuntime[Any, Any],
            state: Annotated[dict[str, Any], InjectedState],
            store: Annotated[Any, InjectedStore()],
            call_id: Annotated[str, InjectedToolCallId],
        ) -> str:
            """Sends."""
            assert config["configurable"]["thread_id"] == "thread-1"
            assert store is runtime.store
            return f"{runtime.tool_call_id} {call_id} {state['messages'][0].content} {to}"

        assert list(send.tool_call_schema.model_json_schema()["properties"]) == ["to"]
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode([send]))
        graph.add_edge(START, "tools")
        message = AIMessage("hush", tool_calls=[CALL])
        config: Any = {"configurable": {"thread_id": "thread-1", "secret": "hush"}}
        result = graph.compile(checkpointer=MemorySaver(), store=InMemoryStore()).invoke(
            {"messages": [message]}, config
        )
    assert result["messages"][-1].content == "call-1 call-1 hush alice"
    [ask] = fake.asks
    assert from_struct(ask.arguments) == {"to": "alice"}
    assert ask.agent.run_id == "thread-1"
    assert ask.request_id == stable_request_id("thread-1", "call-1")
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)


def test_alone(fake: Fake) -> None:
    """Without a graph there is no run, and the id of the call alone is not used."""
    with signoff.Client(fake.address) as client:

        @tool
        @signoff.requires_approval(client)
        def send(
            to: str,
            user: Annotated[str, InjectedToolArg],
            call_id: Annotated[str, InjectedToolCallId],
            config: RunnableConfig,
        ) -> str:
            """Sends."""
            return f"{call_id} {user} {'hush' in str(config)}"

        # What the framework sets the model cannot set, and what the model can set is shown.
        sent = {"to": "alice", "user": "admin", "call_id": "hush", "config": {"configurable": {"thread_id": "hush"}}}
        answer = send.invoke({**CALL, "args": sent})
    assert answer.content == "call-1 admin False"
    [ask] = fake.asks
    assert from_struct(ask.arguments) == {"to": "alice", "user": "admin"}
    assert not ask.agent.run_id
    assert not ask.request_id.startswith("call:")
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)


def test_a_config_that_the_model_may_set_is_shown(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:

        @tool
        @signoff.requires_approval(client)
        def send(to: str, mine: RunnableConfig | None = None) -> str:
            """Sends."""
            return str(mine)

        answer = send.invoke({**CALL, "args": {"to": "alice", "mine": {"run_name": "x"}}})
    assert answer.content == "{'run_name': 'x'}"
    assert from_struct(fake.asks[0].arguments) == {"to": "alice", "mine": {"run_name": "x"}}


def test_in_a_tool_node_the_model_sets_no_context(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:

        @tool
        @signoff.requires_approval(client)
        def send(
            to: str,
            config: RunnableConfig,
            runtime: ToolRuntime[Any, Any],
            state: Annotated[dict[str, Any], InjectedState],
            store: Annotated[Any, InjectedStore()],
            call_id: Annotated[str, InjectedToolCallId],
        ) -> str:
            """Sends."""
            got = (runtime.tool_call_id, call_id, state.get("x"), type(store).__name__, config["metadata"].get("x"))
            return " ".join(map(str, got))

        hush: Any = {"x": "hush", "metadata": {"x": "hush"}, "tool_call_id": "hush"}
        sent = {"to": "alice", "config": hush, "runtime": hush, "state": hush, "store": hush, "call_id": "hush"}
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode([send]))
        graph.add_edge(START, "tools")
        message = AIMessage("", tool_calls=[{**CALL, "args": sent}])
        result = graph.compile(store=InMemoryStore()).invoke({"messages": [message]})
    assert result["messages"][-1].content == "call-1 call-1 None InMemoryStore None"

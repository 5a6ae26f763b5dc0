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
            secret: Annotated[str, InjectedToolArg],
            call_id: Annotated[str, InjectedToolCallId],
            config: RunnableConfig,
        ) -> str:
            """Sends."""
            return f"{call_id} {secret}"

        answer = send.invoke({**CALL, "args": {"to": "alice", "secret": "hush"}})
    assert answer.content == "call-1 hush"
    [ask] = fake.asks
    assert from_struct(ask.arguments) == {"to": "alice"}
    assert not ask.agent.run_id
    assert not ask.request_id.startswith("call:")
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)

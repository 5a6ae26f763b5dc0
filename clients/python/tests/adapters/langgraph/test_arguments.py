"""What reviewers see of a LangChain tool's arguments, what the tool gets, and what stays between it and the graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from graphs import Agent, call
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, StructuredTool
from langgraph.prebuilt import InjectedState, ToolRuntime
from pydantic import BaseModel, Field, SecretStr
from reviewing import approve, reviewing

from reviewers import all_of
from servers import Server
from signoff._structs import from_struct
from signoff.v1.approval_pb2 import Approval, ExecutionResult

SECRET = "hunter2-very-secret"


def tool_of(function: Callable[..., str], name: str, **options: Any) -> StructuredTool:
    return StructuredTool.from_function(function, name=name, description="Sends.", **options)


def files_with(server: Server, text: str) -> list[Path]:
    """What the server wrote that holds the text."""
    directory = server._directory  # pyright: ignore[reportPrivateUsage]
    return [each for each in directory.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_injected_values_stay_here(
    agent: Agent, tool: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    got: list[str] = []

    def send(
        to: str,
        secret: Annotated[str, InjectedState("secret")],
        state: Annotated[dict[str, Any], InjectedState],
        call_id: Annotated[str, InjectedToolCallId],
        runtime: ToolRuntime,
        config: RunnableConfig,
    ) -> str:
        assert config["configurable"]["password"] == SECRET
        assert state["secret"] == runtime.state["secret"] == secret
        assert call_id == runtime.tool_call_id == "call-1"
        got.append(secret)
        return f"sent to {to}"

    caplog.set_level(logging.DEBUG)
    config: dict[str, Any] = {"configurable": {"thread_id": tool, "password": SECRET}, "metadata": {"p": SECRET}}
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([tool_of(send, tool)], [call(tool)], secret=SECRET, config=config)
    assert result.content == "sent to alice@example.com"
    assert got == [SECRET]
    [approval] = all_of(agent.server, tool)
    assert from_struct(approval.arguments) == {"to": "alice@example.com"}
    # That this would find it: the arguments are there.
    assert files_with(agent.server, "alice@example.com")
    assert not files_with(agent.server, SECRET)
    signoffs = [each.getMessage() for each in caplog.records if each.name.startswith("signoff")]
    assert SECRET not in str(signoffs) + str(capfd.readouterr()) + str(agent.model.read)


def test_an_injected_value_that_is_wrong_stays_here(agent: Agent, tool: str) -> None:
    """Errors of pydantic repeat what they are about."""

    def send(to: str, secret: Annotated[int, InjectedState("secret")]) -> str:
        return f"sent to {to}"

    with reviewing(agent.server, tool, approve):
        agent.run([tool_of(send, tool)], [call(tool)], secret=SECRET)
    [approval] = all_of(agent.server, tool)
    outcome = approval.claim.outcome
    assert outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert outcome.message.startswith("secret: Input should be a valid integer")
    assert not files_with(agent.server, SECRET)


def test_models_cannot_forge_what_is_injected(agent: Agent, tool: str) -> None:
    got: list[str] = []

    def send(to: str, sender: Annotated[str, InjectedToolArg] = "us@example.com") -> str:
        got.append(sender)
        return "sent"

    gated = tool_of(send, tool)
    with reviewing(agent.server, tool, approve) as seen:
        [forged] = agent.run([gated], [call(tool, to="alice", sender="boss@example.com")])
        [result] = agent.run([gated], [call(tool, to="alice")])
    assert "argument sender is not a parameter of the tool" in forged.text
    assert result.content == "sent"
    assert (len(seen), got) == (1, ["us@example.com"])


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("1.50")


def test_types(agent: Agent, tool: str) -> None:
    """The tool gets them in its own types, edited or not."""
    got: list[dict[str, Any]] = []

    def buy(items: list[Item], at: datetime, ratio: float, note: str | None = None) -> str:
        got.append({"items": items, "at": at, "ratio": ratio, "note": note})
        return "bought"

    at = datetime(2026, 11, 29, 20, tzinfo=timezone.utc)

    def edit(approval: Approval) -> dict[str, Any]:
        arguments = from_struct(approval.arguments)
        assert arguments == {
            "items": [{"name": "pen", "price": "1.50"}],
            "at": "2026-11-29T20:00:00Z",
            "ratio": 10,
            "note": None,
        }
        return {"approve": True, "edited": {**arguments, "items": [{"name": "ink", "price": "2.00"}], "ratio": 3}}

    given = call(tool, items=[{"name": "pen"}], at=at.isoformat(), ratio=10)
    for decision in (edit, approve):
        with reviewing(agent.server, tool, decision):
            [result] = agent.run([tool_of(buy, tool)], [given])
        assert result.content == "bought"
    assert got[0] == {"items": [Item(name="ink", price=Decimal("2.00"))], "at": at, "ratio": 3.0, "note": None}
    assert got[1] == {"items": [Item(name="pen")], "at": at, "ratio": 10.0, "note": None}
    assert [type(each["ratio"]) for each in got] == [float, float]


def test_what_does_not_read_back_is_refused(agent: Agent, tool: str) -> None:
    def sign_in(password: SecretStr) -> str:
        raise AssertionError

    [result] = agent.run([tool_of(sign_in, tool)], [call(tool, password="hunter2")])
    assert "argument password has a JSON form that does not read back as the same value" in result.text
    assert not all_of(agent.server, tool)


def test_edits_in_another_form_are_refused(agent: Agent, tool: str) -> None:
    """Where the schema lets an edit pass that the tool would read as something else than what was approved."""

    def pay(amount: Decimal) -> str:
        raise AssertionError

    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"amount": 5}}

    with reviewing(agent.server, tool, edit):
        [result] = agent.run([tool_of(pay, tool)], [call(tool, amount="10.00")])
    assert "argument amount is not in the form that the tool reads. Ask for approval again." in result.text
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


def test_schemas_that_the_server_refuses_are_left_out(agent: Agent, tool: str) -> None:
    def plant(tree: Tree) -> str:
        return tree.children[0].name

    with reviewing(agent.server, tool, approve):
        [result] = agent.run([tool_of(plant, tool)], [call(tool, tree={"name": "a", "children": [{"name": "b"}]})])
    assert result.content == "b"
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("arguments_schema")


def test_a_tool_with_a_json_schema(agent: Agent, tool: str) -> None:
    """As the tools of MCP servers have it. LangChain does not check it: the server does."""
    got: list[dict[str, Any]] = []

    def send(**arguments: Any) -> str:
        got.append(arguments)
        return "sent"

    schema = {
        "type": "object",
        "properties": {"to": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["to"],
        "additionalProperties": False,
    }
    gated = tool_of(send, tool, args_schema=schema)
    with reviewing(agent.server, tool, approve):
        good, bad = agent.run([gated], [call(tool, "a", to="alice", count=2), call(tool, "b", count="two")])
    assert good.content == "sent"
    assert bad.text.startswith(f"NOT RUN. The call to {tool} could not be approved: ")
    assert got == [{"to": "alice", "count": 2}]


class Labels(BaseModel):
    names: frozenset[str] = Field(alias="all")


def test_sets_are_the_same_in_each_process(agent: Agent, tool: str) -> None:
    """Their order is not, and a call that is made again in another process would be another."""
    got: list[Any] = []
    letters = list("jihgfedcba")

    def label(tags: set[str], of: list[Labels]) -> str:
        got.append((tags, [each.names for each in of]))
        return "done"

    with reviewing(agent.server, tool, approve) as seen:
        [result] = agent.run([tool_of(label, tool)], [call(tool, tags=letters, of=[{"all": letters}])])
    assert result.content == "done"
    assert [from_struct(each.arguments) for each in seen] == [{"tags": letters[::-1], "of": [{"all": letters[::-1]}]}]
    assert got == [(set(letters), [set(letters)])]

"""What a reviewer sees of a call, and what the tool gets."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal

import grpc
import pytest
from agent_framework import FunctionInvocationContext, FunctionTool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FieldSerializationInfo, SecretStr, field_serializer
from reviewing import approve, reviewing
from runs import Runner, call

from reviewers import all_of, decide
from signoff._structs import from_struct
from signoff.v1.approval_pb2 import Approval


def refused(agent: Runner, tool: FunctionTool, **arguments: Any) -> str:
    """What the model reads; nobody is asked."""
    [result] = agent.run([tool], [call(tool.name, **arguments)]).values()
    assert result.startswith("NOT RUN.")
    assert not all_of(agent.server, tool.name)
    return result


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("1.50")


def test_types(agent: Runner, tool: str) -> None:
    """The tool gets them as the framework gives them, edited or not."""
    got: list[dict[str, Any]] = []

    def buy(items: list[Item], at: datetime, ratio: float, tags: set[str], note: str | None = None) -> str:
        got.append({"items": items, "at": at, "ratio": ratio, "tags": tags, "note": note})
        return "bought"

    at = datetime(2026, 11, 29, 20, tzinfo=timezone.utc)

    def edit(approval: Approval) -> dict[str, Any]:
        arguments = from_struct(approval.arguments)
        assert arguments == {
            "items": [{"name": "pen", "price": "1.50"}],
            "at": "2026-11-29T20:00:00Z",
            "ratio": 10,
            "tags": ["a", "b", "c"],
            "note": None,
        }
        return {"approve": True, "edited": {**arguments, "items": [{"name": "ink", "price": "2.00"}], "ratio": 3}}

    given = call(tool, items=[{"name": "pen"}], at=at.isoformat(), ratio=10, tags=["c", "a", "b"])
    for decision in (edit, approve):
        with reviewing(agent.server, tool, decision):
            assert agent.run([FunctionTool(name=tool, func=buy)], [given]) == {"call-1": "bought"}
    others = {"at": at, "tags": {"a", "b", "c"}, "note": None}
    assert got[0] == {"items": [{"name": "ink", "price": Decimal("2.00")}], "ratio": 3.0, **others}
    assert got[1] == {"items": [{"name": "pen", "price": Decimal("1.50")}], "ratio": 10.0, **others}
    assert [type(each["ratio"]) for each in got] == [float, float]


def test_what_does_not_fit_is_refused_before_anybody_is_asked(agent: Runner, tool: str) -> None:
    def pay(amount: int) -> str:
        raise AssertionError(amount)

    function = FunctionTool(name=tool, func=pay)
    result = refused(agent, function, amount="much")
    assert "argument amount does not fit: input should be a valid integer" in result


def test_a_default_that_does_not_fit_its_type(agent: Runner, tool: str) -> None:
    """It is a habit: the function takes it all the same, and the reviewer may leave it out."""
    got: list[Any] = []

    def send(to: str, cc: str = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
        got.append((to, cc))
        return "sent"

    def edit(approval: Approval) -> dict[str, Any]:
        assert from_struct(approval.arguments) == {"to": "alice@example.com"}
        return {"approve": True, "edited": {"to": "bob@example.com"}}

    for decision in (edit, approve):
        with reviewing(agent.server, tool, decision):
            assert agent.run([FunctionTool(name=tool, func=send)], [call(tool)]) == {"call-1": "sent"}
    with reviewing(agent.server, tool, approve):
        agent.run([FunctionTool(name=tool, func=send)], [call(tool, to="alice", cc="bob")])
    assert got == [("bob@example.com", None), ("alice@example.com", None), ("alice", "bob")]


def test_what_changes_with_each_reading_is_refused(agent: Runner, tool: str) -> None:
    def pay(to: Annotated[str, AfterValidator(lambda to: to + "!")]) -> str:
        raise AssertionError(to)

    result = refused(agent, FunctionTool(name=tool, func=pay), to="alice")
    assert "argument to has a JSON form that does not read back as the same value" in result


def test_what_does_not_read_back_is_refused(agent: Runner, tool: str) -> None:
    def sign_in(password: SecretStr) -> str:
        raise AssertionError

    result = refused(agent, FunctionTool(name=tool, func=sign_in), password="hunter2")
    assert "argument password has a JSON form that does not read back as the same value" in result


class Shouted(BaseModel):
    to: str

    @field_serializer("to")
    def shout(self, to: str, info: FieldSerializationInfo) -> str:
        return to.upper() if info.mode == "python" else to


def test_what_the_function_gets_is_what_is_shown(agent: Runner, tool: str) -> None:
    """The framework gives the function what the model's serializers make of it in Python, which JSON would not show."""
    got: list[str] = []

    def send(to: str) -> str:
        got.append(to)
        return "sent"

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([FunctionTool(name=tool, func=send, input_model=Shouted)], [call(tool, to="alice")])
    assert [from_struct(each.arguments) for each in seen] == [{"to": "ALICE"}]
    assert got == ["ALICE"]


class Renamed(BaseModel):
    to: str = Field("nobody", alias="recipient")


def test_aliases_are_refused(agent: Runner, tool: str) -> None:
    def send(to: str) -> str:
        raise AssertionError(to)

    result = refused(agent, FunctionTool(name=tool, func=send, input_model=Renamed), recipient="alice")
    assert "argument to is not a parameter of the tool" in result


class Either(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    to: str = Field(alias="recipient")


def test_aliases_that_may_be_named_by_field(agent: Runner, tool: str) -> None:
    got: list[str] = []

    def send(to: str) -> str:
        got.append(to)
        return "sent"

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([FunctionTool(name=tool, func=send, input_model=Either)], [call(tool, recipient="alice")])
    assert [from_struct(each.arguments) for each in seen] == [{"to": "alice"}]
    assert got == ["alice"]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    to: str


def test_a_model_that_takes_any_name(agent: Runner, tool: str) -> None:
    got: list[dict[str, Any]] = []

    def send(**arguments: Any) -> str:
        got.append(arguments)
        return "sent"

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([FunctionTool(name=tool, func=send, input_model=Open)], [call(tool, to="alice", cc="bob")])
    assert [from_struct(each.arguments) for each in seen] == got == [{"to": "alice", "cc": "bob"}]


def test_edits_in_another_form_are_refused(agent: Runner, tool: str) -> None:
    def pay(amount: Decimal) -> str:
        raise AssertionError

    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"amount": 5}}

    with reviewing(agent.server, tool, edit):
        [result] = agent.run([FunctionTool(name=tool, func=pay)], [call(tool, amount="10.00")]).values()
    assert "argument amount is not in the form that the tool reads. Ask for approval again." in result
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


@pytest.mark.parametrize("derive", [True, False])
def test_edits_without_a_name_or_with_another_one(agent: Runner, tool: str, derive: bool) -> None:
    """Where no schema is sent, the call is not run."""

    def pay(amount: int, to: str = "alice") -> str:
        raise AssertionError

    for edited, problem in (
        ({"amount": 5}, "argument to is missing"),
        ({"amount": 5, "to": "a", "of": 1}, "argument of"),
    ):

        def edit(approval: Approval, edited: Any = edited, problem: str = problem) -> dict[str, Any]:
            if not derive:
                return {"approve": True, "edited": edited}
            with pytest.raises(grpc.RpcError):
                decide(agent.server, approval, approve=True, edited=edited)
            return {"approve": False, "comment": problem}

        with reviewing(agent.server, tool, edit):
            given = [call(tool, amount=1)]
            [result] = agent.run([FunctionTool(name=tool, func=pay)], given, derive_schema=derive).values()
        assert problem in result


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "mode": {"enum": ["fast", "slow"], "default": "slow"}},
    "required": ["to"],
}


def with_schema(name: str, got: list[dict[str, Any]], schema: dict[str, Any] = SCHEMA) -> FunctionTool:
    """A tool of which only the schema is known, as those of MCP servers."""

    async def send(ctx: FunctionInvocationContext, **arguments: Any) -> str:
        got.append(arguments)
        return "sent"

    return FunctionTool(name=name, func=send, input_model=schema)


def test_a_schema_only(agent: Runner, tool: str) -> None:
    got: list[dict[str, Any]] = []

    def edit(approval: Approval) -> dict[str, Any]:
        assert from_struct(approval.arguments) == {"to": "alice", "mode": "slow"}
        with pytest.raises(grpc.RpcError):
            decide(agent.server, approval, approve=True, edited={"to": "alice", "mode": "soon"})
        return {"approve": True, "edited": {"to": "bob", "mode": "fast"}}

    with reviewing(agent.server, tool, edit):
        assert agent.run([with_schema(tool, got)], [call(tool, to="alice")]) == {"call-1": "sent"}
    assert got == [{"to": "bob", "mode": "fast"}]


@pytest.mark.parametrize("name", ["ctx", "_meta", "key"])
def test_a_name_that_the_schema_has_not(agent: Runner, tool: str, name: str) -> None:
    """The framework would pass it on."""
    result = refused(agent, with_schema(tool, []), to="alice", **{name: "mine"})
    assert f"argument {name} is not a parameter of the tool" in result


def test_a_schema_that_takes_any_name(agent: Runner, tool: str) -> None:
    got: list[dict[str, Any]] = []
    schema = {**SCHEMA, "additionalProperties": {"type": "string"}}
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([with_schema(tool, got, schema)], [call(tool, to="alice", cc="bob")])
    assert [from_struct(each.arguments) for each in seen] == got == [{"to": "alice", "mode": "slow", "cc": "bob"}]
    # But what the framework injects it does not.
    result = refused(agent, with_schema(f"{tool}2", got, schema), to="alice", ctx="mine")
    assert "argument ctx is not a parameter of the tool" in result


def test_an_unfit_schema_value(agent: Runner, tool: str) -> None:
    """The framework says so itself; the gate refuses what it lets pass to middlewares."""
    result = refused(agent, with_schema(tool, []), mode="fast")
    assert "argument to is missing" in result


def test_literal(agent: Runner, tool: str) -> None:
    got: list[str] = []

    def move(to: Literal["north", "south"] = "north") -> str:
        got.append(to)
        return to

    def edit(approval: Approval) -> dict[str, Any]:
        with pytest.raises(grpc.RpcError):
            decide(agent.server, approval, approve=True, edited={"to": "up"})
        return {"approve": True, "edited": {"to": "south"}}

    with reviewing(agent.server, tool, edit):
        agent.run([FunctionTool(name=tool, func=move)], [call(tool, to="north")])
    assert got == ["south"]

"""Values, as reviewers see them and as tools get them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from agents_at_work import an_agent, calls, one_call, results, run
from google.adk.tools.function_tool import FunctionTool
from google.protobuf.json_format import MessageToDict
from pydantic import BaseModel
from reviewing import approve, reviewing

from reviewers import all_of, decide, pending
from servers import Server
from signoff.v1.approval_pb2 import Approval


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    item: str
    price: float = 2.5


class Order(BaseModel):
    lines: list[Line]
    note: str | None = None


def called(server: Server, function: Any, name: str, edited: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """What the reviewer saw of a call that is approved, edited or not."""
    function.__name__ = name
    seen: list[Any] = []

    def decision(approval: Approval) -> dict[str, Any]:
        seen.append(dict(server_json(approval)))
        return {"approve": True, "edited": edited} if edited else {"approve": True}

    agent = an_agent(function, steps=[calls(("call-1", name, arguments))])
    with reviewing(server, name, decision):
        told = results(run(server, agent))
    assert told["call-1"] == "ran", told
    return seen[0]


def server_json(approval: Approval) -> dict[str, Any]:
    return MessageToDict(approval.arguments)


def test_types(desk: Server, name: str) -> None:
    """A function gets what it declares, and not JSON, edited or not."""
    got: list[tuple[Any, ...]] = []

    def order(when: datetime, total: Decimal, color: Color, order: Order, rate: float, size: Literal["s", "m"]) -> str:
        got.append((when, total, color, order, rate, size))
        return "ran"

    given = {
        "when": "2026-11-29T20:00:00Z",
        "total": "10.00",
        "color": "red",
        "order": {"lines": [{"item": "pen"}]},
        "rate": 10,
        "size": "m",
    }
    seen = called(desk, order, name, **given)
    assert seen == {**given, "order": {"lines": [{"item": "pen", "price": 2.5}], "note": None}}
    expected = Order(lines=[Line(item="pen")])
    at = datetime(2026, 11, 29, 20, tzinfo=timezone.utc)
    assert got[0] == (at, Decimal("10.00"), Color.RED, expected, 10.0, "m")
    assert type(got[0][4]) is float
    edited = {**seen, "color": "blue", "rate": 3, "order": {"lines": [{"item": "ink", "price": 4}], "note": "fast"}}
    called(desk, order, name, edited, **given)
    price = got[1][3].lines[0].price
    assert got[1][2:5] == (Color.BLUE, Order(lines=[Line(item="ink", price=4.0)], note="fast"), 3.0)
    assert type(price) is float


def test_numbers(desk: Server, name: str) -> None:
    """Session stores make floats of whole numbers; a function that declares none gets an integer."""
    got: list[tuple[Any, ...]] = []

    def count(some: int, any_number, many: list[int], optional: int = None) -> str:  # type: ignore[no-untyped-def, assignment] # noqa: RUF013
        got.append((some, any_number, many, optional))
        return "ran"

    seen = called(desk, count, name, some=3.0, any_number=-0.0, many=[1.0, 2])
    assert seen == {"some": 3, "any_number": 0, "many": [1, 2], "optional": None}
    assert repr(got[0]) == "(3, 0, [1, 2], None)"


@pytest.mark.parametrize(
    "arguments",
    [
        {"some": 2**53},
        {"some": 1.5},
        {"some": float("nan")},
        {"some": True},
        {"some": "3"},
        {"some": None},
        {},
        {"some": 1, "other": 2},
    ],
)
def test_what_cannot_be_approved(desk: Server, name: str, arguments: dict[str, Any]) -> None:
    """The model reads why, and nobody is asked."""
    got: list[Any] = []

    def count(some: int) -> str:
        got.append(some)
        return "ran"

    count.__name__ = name
    told = results(run(desk, an_agent(count, steps=[calls(("call-1", name, arguments))]), timeout=1))
    assert told["call-1"].startswith(f"NOT RUN. The call to {name} c")
    assert got == []
    assert all_of(desk, name) == []


def test_edit_that_does_not_fit(desk: Server, name: str) -> None:
    """The server refuses it by the tool's types; without them the gate does, before the claim."""
    got: list[Any] = []

    def count(some: int) -> str:
        got.append(some)
        return "ran"

    count.__name__ = name

    def review() -> None:
        with pytest.raises(Exception, match="some"):
            decide(desk, pending(desk, name), approve=True, edited={"some": "many"})
        decide(desk, pending(desk, name), approve=True, edited={"some": 4})

    run(desk, an_agent(count, steps=[one_call(name, some=1)]), review)
    assert got == [4]

    def careless() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"some": "many"})

    told = results(run(desk, an_agent(count, steps=[one_call(name, some=1)]), careless, derive_schema=False))
    assert told["call-1"].startswith("NOT RUN.")
    assert got == [4]
    assert not all_of(desk, name)[0].HasField("claim") or not all_of(desk, name)[1].HasField("claim")


class Mailer:
    """Methods, and objects that are called, are tools as well."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, to: str) -> str:
        self.sent.append(to)
        return "ran"

    async def __call__(self, to: str) -> str:
        self.sent.append(to)
        return "ran"


def test_methods(desk: Server) -> None:
    mailer = Mailer()
    with reviewing(desk, "send", approve), reviewing(desk, "Mailer", approve):
        turn = calls(("call-1", "send", {"to": "alice"}), ("call-2", "Mailer", {"to": "bob"}))
        told = results(run(desk, an_agent(mailer.send, FunctionTool(mailer), steps=[turn])))
    assert told == {"call-1": "ran", "call-2": "ran"}
    assert sorted(mailer.sent) == ["alice", "bob"]


def test_result_that_has_not_begun(desk: Server) -> None:
    """A function as the result would run outside of the gate."""
    got: list[str] = []

    def auto_later(to: str) -> Any:
        return lambda: got.append(to)

    with pytest.raises(TypeError, match="returned a function"):
        run(desk, an_agent(auto_later, steps=[one_call("auto_later", to="alice")]))
    assert got == []

"""Models of pydantic as parameters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_validator

import signoff
from fakes import Fake
from signoff._structs import from_struct
from streams import edited


class Line(BaseModel):
    name: str
    price: float


class Order(BaseModel):
    number: int = Field(alias="orderNumber", ge=1)
    lines: list[Line] = []
    due: datetime | None = None
    total: Decimal = Decimal(0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def count(self) -> int:
        return len(self.lines)


class Loud(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def shout(cls, name: str) -> str:
        return name.upper()


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


DUE = datetime(2027, 1, 15, tzinfo=timezone.utc)


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def test_models_are_rebuilt(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def buy(order: Order, others: dict[str, Line] | None = None) -> tuple[Order, Any]:
        return order, others

    order = Order(orderNumber=7, lines=[Line(name="a", price=1)], due=DUE, total=Decimal("1.10"))
    got, others = buy(order, {"x": Line(name="b", price=2.5)})
    assert got == order
    assert got is not order
    assert others == {"x": Line(name="b", price=2.5)}
    assert from_struct(fake.asks[0].arguments) == {
        "order": {
            "due": "2027-01-15T00:00:00Z",
            "lines": [{"name": "a", "price": 1}],
            "orderNumber": 7,
            "total": "1.10",
        },
        "others": {"x": {"name": "b", "price": 2.5}},
    }


VALID: dict[str, Any] = {"orderNumber": 7, "lines": [], "due": None, "total": "0"}


@pytest.mark.parametrize(
    ("order", "path", "problem"),
    [
        ({**VALID, "orderNumber": "7"}, "order.orderNumber", "is not an integer"),
        ({**VALID, "orderNumber": 0}, "order.orderNumber", "does not fit Order: Input should be greater than or equal"),
        ({**VALID, "lines": [{"name": "a", "price": "five"}]}, "order.lines[0].price", "is not a number"),
        ({**VALID, "discount": 100}, "order.discount", "is not a parameter of the function"),
        ({"orderNumber": 7}, "order.lines", "is missing"),
        (7, "order", "is not an object"),
    ],
)
def test_22_edits_that_do_not_fit_a_model(
    client: signoff.Client, fake: Fake, order: Any, path: str, problem: str
) -> None:
    @signoff.requires_approval(client)
    def buy(order: Order) -> None:
        raise AssertionError

    fake.on_ask = [edited({"order": order})]
    with pytest.raises(signoff.InvalidEdit) as refused:
        buy(Order(orderNumber=7))
    assert refused.value.path == path
    assert refused.value.problem.startswith(problem)
    assert not fake.claims


def test_edits_that_do(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def buy(order: Order) -> Order:
        return order

    fake.on_ask = [edited({"order": {**VALID, "orderNumber": 8}})]
    assert buy(Order(orderNumber=7)) == Order(orderNumber=8)


def test_models_that_say_something_else(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(who: Loud) -> Any:
        return who

    # The function would get what nobody has seen.
    value: Any = {"name": "a"}
    with pytest.raises(signoff.InvalidArguments, match="is changed by Loud"):
        send(value)
    assert not fake.asks


def test_what_else_a_model_holds_is_shown(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(who: Open) -> Any:
        return who

    more: Any = {"name": "a", "more": 1.0}
    assert send(Open(**more)) == Open(**more)
    assert from_struct(fake.asks[0].arguments) == {"who": {"name": "a", "more": 1}}

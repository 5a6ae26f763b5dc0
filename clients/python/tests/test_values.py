"""Values that JSON has no form of its own for, and the schemas that are derived: values.json, for Python's types."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Optional, TypedDict
from uuid import UUID

import grpc
import pytest
from jsonschema import Draft202012Validator
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, field_serializer
from typing_extensions import NotRequired

import signoff
from conformance import vectors
from fakes import Fake
from reviewers import decide, pending, stored
from servers import Server
from signoff._arguments import Unfit, checked_value
from signoff._declared import declared
from signoff._schema import Making, NoSchema, checked_size
from signoff._structs import from_struct
from signoff.v1.approval_pb2 import ApprovalStatus
from streams import edited

TYPES: dict[str, Any] = {
    "integer": int,
    "floating point": float,
    "boolean": bool,
    "text": str,
    "decimal": Decimal,
    "point in time": datetime,
    "date and time": datetime,
    "date": date,
    "time of day": time,
    "duration": timedelta,
    "UUID": UUID,
    "set of text": set[str],
    "list of integers": list[int],
    "map of text": dict[str, str],
}
VECTORS: dict[str, Any] = {each["name"]: each for each in vectors("values")["types"]}
# Both are datetime, which does not say whether there is an offset.
BOTH = ("point in time", "date and time")


def test_the_list_is_whole() -> None:
    assert set(VECTORS) - set(TYPES) == {"big integer"}


@pytest.mark.parametrize("vector", vectors("schemas")["schemas"], ids=lambda vector: vector["name"])
def test_limits_of_schemas(vector: dict[str, Any]) -> None:
    if vector["sent"]:
        assert checked_size(vector["schema"]) == vector["schema"]
    else:
        with pytest.raises(NoSchema, match="the maximum is"):
            checked_size(vector["schema"])


def schema_of(annotation: Any) -> Any:
    return declared(annotation).schema(Making())


def accepts(schema: Any, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))  # pyright: ignore


@pytest.mark.parametrize("name", TYPES)
def test_schemas(name: str) -> None:
    schema = schema_of(TYPES[name])
    Draft202012Validator.check_schema(schema)
    if name in BOTH:
        assert schema == {"anyOf": [VECTORS[each]["schema"] for each in BOTH]}
    else:
        assert schema == VECTORS[name]["schema"]


ACCEPTED = [(name, *pair) for name in TYPES for pair in VECTORS[name]["accepted"]]
REFUSED = [(name, value) for name in TYPES for value in VECTORS[name]["refused"]]
NO_CALENDAR = {"2026-02-29", "2026-02-30T20:00:00", "2026-02-30T20:00:00Z"}


@pytest.mark.parametrize(("name", "value", "written"), ACCEPTED)
def test_accepted(name: str, value: Any, written: Any) -> None:
    kind = declared(TYPES[name])
    made = kind.read(checked_value(value), "x")
    assert checked_value(kind.write(made)) == checked_value(written)
    # What is read and written again is the same.
    assert kind.write(kind.read(written, "x")) == written
    assert accepts(schema_of(TYPES[name]), value)
    assert accepts(schema_of(TYPES[name]), written)


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_refused(name: str, value: Any) -> None:
    if name in BOTH and any(value == each for other in BOTH for each, _ in VECTORS[other]["accepted"]):
        # It is one of the other.
        return
    with pytest.raises(Unfit):
        # An integer beyond what a double holds exactly is a float in canonical JSON.
        declared(TYPES[name]).read(float(value) if _is_too_large(value) else checked_value(value), "x")
    assert not accepts(schema_of(TYPES[name]), value) or value in NO_CALENDAR


def _is_too_large(value: Any) -> bool:
    return type(value) is int and abs(value) >= 2**53


class Color(Enum):
    RED = "red"
    BLUE = 2


class Address(TypedDict):
    street: str
    since: NotRequired[date]


@dataclass
class Item:
    name: str
    price: Decimal
    due: datetime | None = None


class Line(BaseModel):
    item: Item
    count: int = Field(alias="howMany", ge=1)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    when: timedelta


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list["Tree"])


CET = timezone(timedelta(hours=1))
UUID_1 = UUID("0190F3C4-0000-7000-8000-000000000001")

WRITTEN: list[tuple[Any, Any, Any]] = [
    (Decimal, Decimal("1E+3"), "1000"),
    (Decimal, Decimal("10.00"), "10.00"),
    (Decimal, Decimal("-0.0"), "0.0"),
    (Decimal, Decimal("1E-7"), "0.0000001"),
    (datetime, datetime(2026, 11, 29, 21, 0, 0, 500000, tzinfo=CET), "2026-11-29T21:00:00.5+01:00"),
    (datetime, datetime(26, 1, 2, tzinfo=timezone.utc), "0026-01-02T00:00:00Z"),
    (datetime, datetime(2026, 1, 2, tzinfo=timezone(timedelta(minutes=-30))), "2026-01-02T00:00:00-00:30"),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006"),
    (date, date(2026, 11, 29), "2026-11-29"),
    (time, time(20, 0, 0, 250000), "20:00:00.25"),
    (timedelta, timedelta(days=2), "PT48H"),
    (timedelta, timedelta(milliseconds=-500), "-PT0.5S"),
    (timedelta, timedelta(days=-1, seconds=1), "-PT23H59M59S"),
    (timedelta, timedelta(), "PT0S"),
    (UUID, UUID_1, "0190f3c4-0000-7000-8000-000000000001"),
    (Path, Path("/tmp/ü"), "/tmp/ü"),
    (PurePosixPath, PurePosixPath("a/b"), "a/b"),
    (set[str], {"é", "z", "Z"}, ["Z", "z", "é"]),
    (frozenset[int], frozenset({10, 9}), [10, 9]),
    (set[Decimal], {Decimal("1.5"), Decimal("10")}, ["1.5", "10"]),
    (tuple[date, Color], (date(2026, 1, 2), Color.BLUE), ["2026-01-02", 2]),
    (dict[str, UUID], {"a": UUID_1}, {"a": str(UUID_1)}),
    (Address, {"street": "a", "since": date(2026, 1, 2)}, {"since": "2026-01-02", "street": "a"}),
    (Item, Item("a", Decimal("1.50")), {"due": None, "name": "a", "price": "1.50"}),
    (
        Line,
        Line(item=Item("a", Decimal(1)), howMany=2),
        {"howMany": 2, "item": {"due": None, "name": "a", "price": "1"}},
    ),
    (Open, Open.model_validate({"when": timedelta(1), "more": [1.0]}), {"more": [1], "when": "PT24H"}),
    (Optional[date], None, None),  # noqa: UP045
    (Decimal | int, Decimal("1.0"), "1.0"),
    (Decimal | int, 1, 1),
    (Optional[Annotated[date, "day"]], date(2026, 1, 2), "2026-01-02"),  # noqa: UP045
]


@pytest.mark.parametrize(("annotation", "value", "written"), WRITTEN)
def test_written_and_read(annotation: Any, value: Any, written: Any) -> None:
    kind = declared(annotation)
    assert checked_value(kind.write(value)) == written
    read = kind.read(checked_value(written), "x")
    assert repr(read) == repr(value) or (read == value and type(read) is type(value))
    schema = schema_of(annotation)
    Draft202012Validator.check_schema(schema)
    assert accepts(schema, written)


class Fancy(datetime):
    pass


UNWRITTEN: list[tuple[Any, Any]] = [
    (Decimal, Decimal("NaN")),
    (Decimal, Decimal("Infinity")),
    (Decimal, Decimal("1E+999999")),
    (Decimal, Decimal("1E-999999")),
    (Decimal, 1.5),
    (datetime, Fancy(2026, 1, 2)),
    (datetime, datetime(2026, 1, 2, tzinfo=timezone(timedelta(seconds=1)))),
    (date, datetime(2026, 1, 2, tzinfo=timezone.utc)),
    (time, time(1, tzinfo=timezone.utc)),
    (UUID, "0190f3c4"),
    (set[str], ["a", "a"]),
    (set[str], frozenset("a")),
    (Any, date(2026, 1, 2)),
    (Line, Line.model_construct(item=None, count=0)),
]


@pytest.mark.parametrize(("annotation", "value"), UNWRITTEN)
def test_what_has_no_form(annotation: Any, value: Any) -> None:
    kind = declared(annotation)
    with pytest.raises(Unfit):
        kind.read(checked_value(kind.write(value), "x"), "x")


UNHELD: list[tuple[Any, Any]] = [
    (datetime, "2026-11-29T20:00:00.1234567Z"),
    (timedelta, "PT0.1234567S"),
    (timedelta, "P999999999DT24H"),
    (date, "0000-01-01"),
    (Decimal, "1" * 1001),
    (date, "2026-11-29\n"),
    (set[float], [1, 1.0]),
    (set[timedelta], ["PT60S", "PT1M"]),
    (set[Any], [{}]),
    (date | str, "2026-11-29"),
    (Line, {"item": {"due": None, "name": "a", "price": "1"}, "howMany": 0}),
]


@pytest.mark.parametrize(("annotation", "value"), UNHELD)
def test_what_python_cannot_hold(annotation: Any, value: Any) -> None:
    with pytest.raises(Unfit):
        declared(annotation).read(checked_value(value), "x")


RECORD = {"type": "object", "additionalProperties": False}


def test_schemas_of_what_is_made_of_others() -> None:
    text, day = {"type": "string"}, VECTORS["date"]["schema"]
    cases: list[tuple[Any, Any]] = [
        (Any, {}),
        (None, {"type": "null"}),
        (Path, text),
        (Color, {"enum": ["red", 2]}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (list, {"type": "array"}),
        (dict[str, Any], {"type": "object"}),
        (tuple[str, date], {"type": "array", "prefixItems": [text, day], "minItems": 2, "maxItems": 2}),
        (tuple[date, ...], {"type": "array", "items": day}),
        (str | None, {"anyOf": [text, {"type": "null"}]}),
        (Address, {**RECORD, "properties": {"street": text, "since": day}, "required": ["street"]}),
        (
            Open,
            {"type": "object", "properties": {"when": schema_of(timedelta)}, "required": ["when"]},
        ),
    ]
    for annotation, schema in cases:
        assert schema_of(annotation) == schema
    line = schema_of(Line)
    assert line["required"] == ["item", "howMany"]
    assert line["properties"]["item"]["required"] == ["name", "price", "due"]


class Link(BaseModel):
    url: AnyUrl


class Loud(BaseModel):
    name: str

    @field_serializer("name")
    def shout(self, name: str) -> str:
        return name.upper()


class Names(RootModel[list[str]]):
    pass


@pytest.mark.parametrize(
    ("model", "value"), [(Link, Link(url=AnyUrl("https://a.com/"))), (Names, Names(["a"])), (Loud, Loud(name="A"))]
)
def test_models_with_a_form_of_their_own(model: Any, value: Any) -> None:
    kind = declared(list[model])
    assert kind.read(checked_value(kind.write([value])), "x") == [value]
    with pytest.raises(NoSchema, match="has a JSON form of its own"):
        schema_of(list[model])


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def test_functions_get_their_types(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def pay(amount: Decimal, due: date, tags: set[str], item: Item) -> Any:
        return amount, due, tags, item

    given = (Decimal("1.50"), date(2026, 1, 2), {"b", "a"}, Item("a", Decimal(1)))
    assert pay(*given) == given
    assert from_struct(fake.asks[0].arguments) == {
        "amount": "1.50",
        "due": "2026-01-02",
        "item": {"due": None, "name": "a", "price": "1"},
        "tags": ["a", "b"],
    }
    fake.on_ask = [edited({**from_struct(fake.asks[0].arguments), "amount": "2.0", "tags": ["c", "a"]})]
    assert repr(pay(*given)[0]) == "Decimal('2.0')"
    with pytest.raises(signoff.InvalidArguments, match="argument due is not JSON, but a datetime"):
        pay(Decimal(1), datetime(2026, 1, 2), set(), given[3])


def test_the_schema_of_a_function(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, hidden=["ctx"])
    def pay(ctx: object, amount: Decimal, note, day: date = date(2026, 1, 2)) -> None: ...  # type: ignore[no-untyped-def] # pyright: ignore

    pay(None, Decimal(1), 1)
    assert from_struct(fake.asks[-1].arguments_schema) == {
        **RECORD,
        "properties": {"amount": VECTORS["decimal"]["schema"], "day": VECTORS["date"]["schema"], "note": {}},
        "required": ["amount", "note", "day"],
    }
    with signoff.call_options(arguments_schema={"type": "object"}):
        pay(None, Decimal(1), 1)
    assert from_struct(fake.asks[-1].arguments_schema) == {"type": "object"}
    with signoff.call_options(derive_schema=False):
        pay(None, Decimal(1), 1)
    assert not fake.asks[-1].HasField("arguments_schema")


def test_methods(client: signoff.Client, fake: Fake) -> None:
    class Mail:
        @signoff.requires_approval(client)
        def send(self, to: str) -> None: ...

    Mail().send("alice")
    assert from_struct(fake.asks[-1].arguments_schema)["required"] == ["to"]


class Large(TypedDict):
    one: Literal["a" * 16384]  # type: ignore[valid-type] # pyright: ignore


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (Tree, "Tree contains itself"),
        (list[Tree], "Tree contains itself"),
        (Large, "it has 16"),
        (Link, "Link has a JSON form of its own"),
    ],
)
def test_left_out_with_one_warning(
    client: signoff.Client, fake: Fake, caplog: pytest.LogCaptureFixture, annotation: Any, why: str
) -> None:
    def send(what: Any = None) -> None: ...

    send.__annotations__["what"] = annotation
    gated: Any = signoff.requires_approval(client, request_id="r")(send)
    with caplog.at_level(logging.WARNING, "signoff"):
        gated()
        gated()
    assert not fake.asks[-1].HasField("arguments_schema")
    [warning] = caplog.messages
    assert warning.startswith(f"No schema is sent with calls to send: {why}")


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_28_29_edits_at_the_server(server: Server, tool: str, kind: str) -> None:
    """An edit that does not fit fails while the reviewer can mend it; one that fits runs, in the declared types."""
    got: list[Any] = []

    def take(*values: Any) -> str:
        got.append(values)
        return "done"

    def decided() -> None:
        approval = pending(server, tool)
        shown = from_struct(approval.arguments)
        for unfit in (
            {**shown, "amount": 1.5},
            {**shown, "when": "tomorrow"},
            {**shown, "day": "2026-1-2"},
            {**shown, "kind": "green"},
            {**shown, "tags": ["a", "a"]},
            {**shown, "pair": ["a"]},
            {**shown, "id": "x"},
            {**shown, "item": {"name": "a"}},
            {**shown, "more": 1},
            {name: value for name, value in shown.items() if name != "amount"},
        ):
            with pytest.raises(grpc.RpcError) as failed:
                decide(server, approval, approve=True, edited=unfit)
            assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert stored(server, approval.id).status == ApprovalStatus.APPROVAL_STATUS_PENDING
        fit = {**shown, "amount": "2.50", "lasts": "-PT0.5S", "count": 3, "tags": ["z"], "more_or_less": 2}
        decide(server, approval, approve=True, edited=fit)

    given: dict[str, Any] = {
        "amount": Decimal("1.50"),
        "when": datetime(2026, 11, 29, 20, tzinfo=CET),
        "day": date(2026, 1, 2),
        "at": time(20, 0),
        "lasts": timedelta(days=2),
        "id": UUID_1,
        "file": Path("/tmp/a"),
        "kind": Color.RED,
        "tags": {"b", "a"},
        "pair": ("a", 1),
        "item": Item("a", Decimal(1)),
        "line": Line(item=Item("a", Decimal(1)), howMany=2),
        "count": 1,
        "more_or_less": 1.5,
    }

    def send(
        amount: Decimal,
        when: datetime,
        day: date,
        at: time,
        lasts: timedelta,
        id: UUID,  # noqa: A002
        file: Path,
        kind: Color,
        tags: set[str],
        pair: tuple[str, int],
        item: Item,
        line: Line,
        count: int,
        more_or_less: float,
    ) -> str:
        return take(amount, when, day, at, lasts, id, file, kind, tags, pair, item, line, count, more_or_less)

    async def send_later(
        amount: Decimal,
        when: datetime,
        day: date,
        at: time,
        lasts: timedelta,
        id: UUID,  # noqa: A002
        file: Path,
        kind: Color,
        tags: set[str],
        pair: tuple[str, int],
        item: Item,
        line: Line,
        count: int,
        more_or_less: float,
    ) -> str:
        return take(amount, when, day, at, lasts, id, file, kind, tags, pair, item, line, count, more_or_less)

    async def run_async() -> None:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:
            gated = signoff.requires_approval(client, tool)(send_later)
            running = asyncio.create_task(gated(**given))
            await asyncio.to_thread(decided)
            assert await running == "done"

    def run() -> None:
        with signoff.Client(server.address, token=server.agent) as client:
            handle = signoff.requires_approval(client, tool)(send).ask(**given)
            decided()
            assert signoff.requires_approval(client, tool)(send).resume(handle) == "done"

    if kind == "asyncio":
        asyncio.run(run_async())
    else:
        run()
    changed = {"amount": Decimal("2.50"), "lasts": timedelta(milliseconds=-500), "count": 3, "tags": {"z"}}
    expected = {**given, **changed, "more_or_less": 2.0}
    assert got == [tuple(expected.values())]
    assert [type(each) for each in got[0]] == [type(each) for each in expected.values()]

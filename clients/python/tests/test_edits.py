"""What a function gets: its arguments rebuilt from what was approved, in the types that it declares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, TypeVar, Union

import pytest
from typing_extensions import NotRequired

import signoff
from fakes import Fake
from signoff._arguments import Unfit, checked_value
from signoff._declared import declared
from signoff._digest import digest
from signoff._kind import NoJsonForm
from streams import edited


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Bits(Flag):
    ONE = 1


class Mixed(Enum):
    NOTHING = None


class Address(TypedDict):
    street: str
    number: NotRequired[int]


class Loose(TypedDict, total=False):
    name: str


@dataclass
class Item:
    name: str
    price: float
    parts: list[Item] = field(default_factory=list["Item"])


@dataclass
class Trimmed:
    name: str

    def __post_init__(self) -> None:
        self.name = self.name.strip()


@dataclass
class Derived:
    name: str
    length: int = field(init=False, default=0)


@dataclass
class Positive:
    amount: int

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("amount must be positive")


class Plain:
    pass


UserId = NewType("UserId", str)
T = TypeVar("T")
Number = TypeVar("Number", int, float)
Text = TypeVar("Text", bound=str)


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def rebuilt(annotation: Any, value: Any) -> Any:
    """What becomes of a value on its way to the reviewer and back."""
    kind = declared(annotation)
    return kind.read(checked_value(kind.write(value)), "x")


REBUILT: list[tuple[Any, Any, Any]] = [
    (float, 10, 10.0),
    (float, 10.0, 10.0),
    (float, -0.0, 0.0),
    (float, 1e300, 1e300),
    (int, 10, 10),
    (int, 10.0, 10),
    (bool, True, True),
    (str, "a", "a"),
    (None, None, None),
    (Any, 10.0, 10),
    (Any, -0.0, 0),
    (object, {"b": 1, "a": [2.0]}, {"a": [2], "b": 1}),
    (list, [1.0], [1]),
    (list[float], [1, 2.5], [1.0, 2.5]),
    (Sequence[int], [1], [1]),
    (dict, {"a": 1.0}, {"a": 1}),
    (dict[str, float], {"a": 1}, {"a": 1.0}),
    (Mapping[str, list[float]], {"a": [1]}, {"a": [1.0]}),
    (Optional[float], 1, 1.0),  # noqa: UP045
    (Optional[float], None, None),  # noqa: UP045
    (float | None, 1, 1.0),
    (int | float, 1.5, 1.5),
    (int | str, "a", "a"),
    (Union[list[int], int], [1], [1]),  # noqa: UP007
    (Annotated[float, "dollars"], 1, 1.0),
    (UserId, "u", "u"),
    (T, 1.0, 1),
    (Text, "a", "a"),
    (Number, 1.5, 1.5),
    (Literal["a", 1, True, None], 1, 1),
    (Literal["a", None], None, None),
    (Color, Color.RED, Color.RED),
    (Color, "red", Color.RED),
    (Level, Level.HIGH, Level.HIGH),
    (list[Color], [Color.BLUE], [Color.BLUE]),
    (Color | None, Color.RED, Color.RED),
    (tuple[int, str], (1, "a"), (1, "a")),
    (tuple[float, ...], (1, 2), (1.0, 2.0)),
    (Address, {"street": "a"}, {"street": "a"}),
    (Address, {"street": "a", "number": 1.0}, {"number": 1, "street": "a"}),
    (Loose, {}, {}),
    (Item, Item("a", 1, [Item("b", 2)]), Item("a", 1.0, [Item("b", 2.0)])),
    (Item, {"name": "a", "price": 1, "parts": []}, Item("a", 1.0)),
    (dict[str, Item], {"x": Item("a", 1)}, {"x": Item("a", 1.0)}),
    (Item | None, None, None),
    (Trimmed, Trimmed("a"), Trimmed("a")),
    (Item | None | None, None, None),
    (NewType("MaybeItem", Item | None) | None, None, None),  # pyright: ignore
]


@pytest.mark.parametrize(("annotation", "value", "expected"), REBUILT)
def test_rebuilt(annotation: Any, value: Any, expected: Any) -> None:
    result = rebuilt(annotation, value)
    # As text too: 1 equals 1.0, and True equals 1.
    assert repr(result) == repr(expected)


UNFIT: list[tuple[Any, Any, str, str]] = [
    (float, "five", "x", "is not a number"),
    (float, True, "x", "is not a number"),
    (float, None, "x", "is not a number"),
    (int, 1.5, "x", "is not an integer"),
    (int, 1e20, "x", "is not an integer"),
    (int, "1", "x", "is not an integer"),
    (int, True, "x", "is not an integer"),
    (bool, 1, "x", "is not a boolean"),
    (str, 1, "x", "is not a string"),
    (None, 1, "x", "is not null"),
    (list[int], {"a": 1}, "x", "is not a list"),
    (list[int], [1, "2"], "x[1]", "is not an integer"),
    (dict[str, int], [1], "x", "is not an object"),
    (dict[str, list[int]], {"a": [1.5]}, "x.a[0]", "is not an integer"),
    (float | None, "five", "x", "is not a number"),
    (int | list[int], "five", "x", "fits none of the types that are declared"),
    (Literal["a", 1], True, "x", "is not one of 'a', 1"),
    (Literal["a", 1], "b", "x", "is not one of 'a', 1"),
    (Color, "green", "x", "is not one of 'red', 'blue'"),
    (Level, True, "x", "is not one of 1, 2"),
    (tuple[int, str], [1], "x", "is not a list of 2"),
    (tuple[int, ...], [1, "a"], "x[1]", "is not an integer"),
    (Address, {"number": 1}, "x.street", "is missing"),
    (Address, {"street": "a", "zip": 1}, "x.zip", "is not a parameter of the function"),
    (Address, {"street": "a", "number": "1"}, "x.number", "is not an integer"),
    (Item, {"name": "a", "price": 1}, "x.parts", "is missing"),
    (Item, {"name": "a", "price": 1, "parts": [], "tax": 1}, "x.tax", "is not a parameter of the function"),
    (list[Item], [{"name": "a", "price": "1", "parts": []}], "x[0].price", "is not a number"),
    (Trimmed, {"name": " a"}, "x", "is changed by Trimmed"),
    (Positive, {"amount": -1}, "x", "does not fit Positive: amount must be positive"),
    (Color | str, "red", "x", "fits more than one of the types that are declared"),
]


@pytest.mark.parametrize(("annotation", "value", "path", "problem"), UNFIT)
def test_unfit(annotation: Any, value: Any, path: str, problem: str) -> None:
    with pytest.raises(Unfit) as unfit:
        rebuilt(annotation, value)
    assert (unfit.value.path, unfit.value.problem) == (path, problem)


@pytest.mark.parametrize(
    "annotation",
    [Plain, bytes, Bits, Mixed, Derived, dict[int, str], type, complex, Literal[b"a"]],
)
def test_types_without_a_json_form(annotation: Any) -> None:
    for each in (annotation, list[annotation], annotation | None if isinstance(annotation, type) else annotation):
        with pytest.raises(NoJsonForm):
            declared(each)


def test_subclasses_are_not_their_classes() -> None:
    class More(Item):
        pass

    with pytest.raises(Unfit, match=r"is not JSON, but a .*More"):
        rebuilt(Item, More("a", 1))
    with pytest.raises(Unfit, match="is not JSON, but a Item"):
        rebuilt(Any, Item("a", 1))


def test_functions_get_what_was_digested(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def pay(amount: float, count: int, note: Any, extra: dict[str, Any]) -> str:
        return repr((amount, count, note, extra))

    text = "(10.0, 3, 0, {'a': 1, 'b': [2]})"
    assert pay(10, 3.0, -0.0, {"b": [2.0], "a": 1}) == text  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert pay(10.0, 3, 0, {"a": 1.0, "b": [2]}) == text
    arguments = {"amount": 10, "count": 3, "note": 0, "extra": {"a": 1, "b": [2]}}
    one, other = fake.asks
    assert one.arguments == other.arguments
    assert [claim.digest for claim in fake.claims] == [digest("pay", arguments)] * 2


def test_runs_get_what_was_digested(client: signoff.Client) -> None:
    arguments = {"b": 10.0, "a": -0.0, "c": [1e20, 1.5]}
    assert client.run(signoff.Call("t", arguments), lambda run: json.dumps(run.arguments)) == (
        '{"a": 0, "b": 10, "c": [1e+20, 1.5]}'
    )


def test_values_of_other_types_are_refused_before_anybody_is_asked(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def pay(amount: float, item: Item | None = None, note: str = None) -> None:  # type: ignore[assignment] # noqa: RUF013 # pyright: ignore
        assert isinstance(amount, float)

    wrong: Any = "five"
    with pytest.raises(signoff.InvalidArguments) as refused:
        pay(wrong)
    assert (refused.value.path, refused.value.problem) == ("amount", "is not a number")
    assert not fake.asks
    pay(5, Item("a", 1))


@dataclass
class Copied:
    payload: dict[str, Any]

    def __post_init__(self) -> None:
        self.payload["cc"].append("audit@x")


def test_what_a_class_changes_in_place_is_noticed(client: signoff.Client, fake: Fake) -> None:
    runs: list[Copied] = []

    @signoff.requires_approval(client)
    def send(mail: Copied) -> None:
        runs.append(mail)

    with pytest.raises(signoff.InvalidArguments, match="is changed by Copied"):
        send(Copied({"cc": []}))
    assert not fake.asks
    assert not runs


@pytest.mark.parametrize(
    ("arguments", "path", "problem"),
    [
        ({"amount": "five", "item": None}, "amount", "is not a number"),
        ({"amount": 5, "item": {"name": "a"}}, "item.price", "is missing"),
        ({"amount": 5}, "item", "is missing"),
        ({"amount": 5, "item": None, "to": "eve"}, "to", "is not a parameter of the function"),
    ],
)
def test_22_edits_that_do_not_fit(
    client: signoff.Client, fake: Fake, arguments: dict[str, Any], path: str, problem: str
) -> None:
    @signoff.requires_approval(client)
    def pay(amount: float, item: Item | None = None) -> None:
        raise AssertionError

    fake.on_ask = [edited(arguments)]
    with pytest.raises(signoff.InvalidEdit) as refused:
        pay(5)
    assert (refused.value.path, refused.value.problem) == (path, problem)
    assert refused.value.approval_id == "approval-1"
    assert not fake.claims
    assert not fake.reports


def test_edits_are_rebuilt_too(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def pay(amount: float, item: Item, color: Color = Color.RED) -> str:
        return repr((amount, item, color))

    fake.on_ask = [edited({"amount": 7, "item": {"name": "b", "price": 2, "parts": []}, "color": "blue"})]
    assert pay(5, Item("a", 1)) == repr((7.0, Item("b", 2.0), Color.BLUE))

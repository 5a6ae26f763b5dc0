"""What a value holds besides its JSON is refused before anybody is asked: the function would get something else."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_serializer

import signoff
from fakes import Fake
from signoff._structs import from_struct

T = TypeVar("T")


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def gated(client: signoff.Client, annotation: Any) -> Any:
    def send(what: Any) -> Any:
        return what

    send.__annotations__["what"] = annotation
    return signoff.requires_approval(client)(send)


class Excluded(BaseModel):
    to: str
    dry_run: bool = Field(default=False, exclude=True)


class Private(BaseModel):
    to: str
    _sender: str = PrivateAttr(default="me")


class Around(BaseModel):
    inner: Excluded


class UrlAround(BaseModel):
    url: AnyUrl
    inner: Excluded


class UrlAndExcluded(BaseModel):
    url: AnyUrl
    dry_run: bool = Field(default=False, exclude=True)


class UrlAndPrivate(BaseModel):
    url: AnyUrl
    _sender: str = PrivateAttr(default="me")


@dataclasses.dataclass
class Text(dict[str, int]):
    to: str


@dataclasses.dataclass
class NotGiven:
    to: str
    seen: bool = dataclasses.field(default=False, init=False)


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (Excluded, "Excluded omits dry_run from its JSON"),
        (UrlAround, "Excluded omits dry_run from its JSON"),
        (Around, "Excluded omits dry_run from its JSON"),
        (list[Excluded] | None, "Excluded omits dry_run from its JSON"),
        (UrlAndExcluded, "UrlAndExcluded omits dry_run from its JSON"),
        (Private, "Private has the private attribute _sender"),
        (UrlAndPrivate, "UrlAndPrivate has the private attribute _sender"),
        (Text, "Text is a dict too"),
        (NotGiven, "NotGiven is not made of its fields alone"),
    ],
)
def test_types_that_hold_more(client: signoff.Client, annotation: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        gated(client, annotation)


@dataclasses.dataclass
class Plain:
    to: str


@dataclasses.dataclass(slots=True)
class Slotted:
    to: str


class MoreSlots(Slotted):
    __slots__ = ("bcc",)


MoreSlotted = dataclasses.dataclass(MoreSlots)


@dataclasses.dataclass
class Counted:
    """Sets what follows from its fields."""

    to: str

    def __post_init__(self) -> None:
        self.length = len(self.to)


class Ignoring(BaseModel):
    to: str


class Sender:
    def __init__(self) -> None:
        self.name = "eve"


def with_more(value: Any, **more: Any) -> Any:
    for name, each in more.items():
        object.__setattr__(value, name, each)
    return value


class WithSecret(BaseModel):
    url: AnyUrl
    password: SecretStr


class Hushed(BaseModel):
    to: str
    inner: Any = None

    @field_serializer("to")
    def write(self, to: str) -> str:
        return to


class Masked(BaseModel):
    to: str

    @field_serializer("to")
    def mask(self, to: str) -> str:
        return to[:1]


class HushedAround(BaseModel):
    to: str
    inner: Excluded

    @field_serializer("to")
    def write(self, to: str) -> str:
        return to


class UrlAndTime(BaseModel):
    url: AnyUrl
    at: datetime


URL = AnyUrl("https://a.com/")
# 02:30 is there twice that night.
NAIVE = datetime(2026, 10, 25, 2, 30, fold=1)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (Plain, with_more(Plain("a"), bcc="eve"), "argument what holds bcc besides the fields of Plain"),
        (
            list[Plain],
            [Plain("a"), with_more(Plain("a"), b=1)],
            r"argument what\[1\] holds b besides the fields of Plain",
        ),
        (MoreSlotted, with_more(MoreSlotted("a"), bcc="eve"), "argument what holds bcc besides"),
        (Counted, with_more(Counted("a"), length=7), "argument what holds length besides"),
        (Counted, with_more(Counted("a"), sender=Sender()), "argument what holds sender besides"),
        (Ignoring, with_more(Ignoring(to="a"), bcc="eve"), "argument what holds bcc besides the fields of Ignoring"),
        (Ignoring, with_more(Ignoring(to="a"), __pydantic_extra__={"bcc": "eve"}), "holds bcc besides"),
        (Ignoring, with_more(Ignoring(to="a"), __pydantic_private__={"_bcc": "eve"}), "holds _bcc besides"),
        (WithSecret, WithSecret(url=URL, password=SecretStr("x")), "WithSecret is not what its JSON reads as"),
        (Masked, Masked(to="alice"), "Masked is not what its JSON reads as"),
        (Hushed, Hushed(to="a", inner=(1, 2)), "Hushed is not what its JSON reads as"),
        (Hushed, Hushed(to="a", inner=Sender()), "Hushed has no JSON form: "),
        (HushedAround, HushedAround(to="a", inner=Excluded(to="a", dry_run=True)), "HushedAround is not what its JSON"),
        (UrlAndTime, UrlAndTime(url=URL, at=NAIVE), "UrlAndTime is not what its JSON reads as"),
        (datetime, NAIVE, "argument what is a repeated local time"),
        (datetime | None, NAIVE, "argument what is"),
        (time, time(2, 30, fold=1), "argument what is a repeated local time"),
        (dict[str, list[datetime]], {"a": [NAIVE]}, r"argument what\.a\[0\] is a repeated local time"),
    ],
)
def test_values_that_hold_more(client: signoff.Client, fake: Fake, annotation: Any, value: Any, problem: str) -> None:
    with pytest.raises(signoff.InvalidArguments, match=problem):
        gated(client, annotation)(value)
    assert not fake.asks


@dataclasses.dataclass
class Uncompared:
    to: str
    tags: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any], compare=False, repr=False)


@dataclasses.dataclass
class Lazy:
    to: str

    @functools.cached_property
    def loud(self) -> str:
        return self.to.upper()


class LazyModel(BaseModel):
    to: str

    @functools.cached_property
    def loud(self) -> str:
        return self.to.upper()


class Box(BaseModel, Generic[T]):
    model_config = ConfigDict(extra="allow")
    value: T


def looked_at(value: Any) -> Any:
    assert value.loud == "A"
    return value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Uncompared, Uncompared("a", {"b": 1})),
        (Counted, Counted("abc")),
        (Lazy, looked_at(Lazy("a"))),
        (LazyModel, looked_at(LazyModel(to="a"))),
        (MoreSlotted, MoreSlotted("a")),
        (Box[int], Box[int].model_validate({"value": 1, "more": [2]})),
        (UrlAndTime, UrlAndTime(url=URL, at=datetime(2026, 10, 25, 2, 30))),
        (UrlAndTime, UrlAndTime(url=URL, at=datetime(2026, 10, 25, 2, 30, tzinfo=timezone.utc))),
        (Hushed, Hushed(to="a", inner={"b": [1.5, True, None]})),
        (HushedAround, HushedAround(to="a", inner=Excluded(to="a"))),
    ],
)
def test_values_that_their_json_says_all_of(client: signoff.Client, annotation: Any, value: Any) -> None:
    got = gated(client, annotation)(value)
    assert got == value
    if isinstance(value, Uncompared):
        assert got.tags == {"b": 1}


def test_the_second_of_two_equal_times_with_an_offset(client: signoff.Client, fake: Fake) -> None:
    late = NAIVE.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    got = gated(client, datetime)(late)
    assert got == datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc)
    assert got.utcoffset() == timedelta(hours=1)
    assert from_struct(fake.asks[0].arguments) == {"what": "2026-10-25T02:30:00+01:00"}


class Patch(BaseModel):
    name: str | None = None
    email: str | None = None


def test_all_members_are_set(client: signoff.Client, fake: Fake) -> None:
    """A reviewer sees the members that were not set too, so they count as set."""
    got = gated(client, Patch)(Patch(name="x"))
    assert got.model_dump(exclude_unset=True) == {"name": "x", "email": None}
    assert from_struct(fake.asks[0].arguments) == {"what": {"name": "x", "email": None}}

"""What a report says of an error: not the values that it is about, as they may be hidden from reviewers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

import signoff
from fakes import Fake

SECRET = "sk-4fd1c3a90b"


class Conf(BaseModel):
    url: str
    timeout: int


class A(BaseModel):
    kind: Literal["a"]


class B(BaseModel):
    kind: Literal["b"]


class Tagged(BaseModel):
    one: A | B = Field(discriminator="kind")


def invalid(secret: str) -> None:
    Conf.model_validate({"timeout": secret})


def cut(secret: str) -> None:
    try:
        Conf.model_validate({"timeout": secret})
    except ValidationError as error:
        raise RuntimeError(str(error).partition(", input_type=str")[0]) from None


def whole(secret: str) -> None:
    TypeAdapter(int).validate_python(secret)


def tag(secret: str) -> None:
    Tagged.model_validate({"one": {"kind": secret}})


def wrapped(secret: str) -> None:
    try:
        invalid(secret)
    except ValidationError as error:
        raise RuntimeError(f"Error invoking tool with error:\n {error}\n Please fix it.") from error


def quoted(secret: str) -> None:
    class Shown:
        def __repr__(self) -> str:
            return f"{secret}\n{secret}"

    try:
        Conf.model_validate({"url": Shown(), "timeout": 1})
    except ValidationError as error:
        raise RuntimeError(repr(str(error))) from None


class Group(Exception):
    """As ExceptionGroup, which Python 3.10 does not have."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__("2 failed", errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))


def grouped(secret: str) -> None:
    errors: list[Exception] = []
    for each in (invalid, whole):
        try:
            each(secret)
        except ValidationError as error:
            errors.append(error)
    raise Group(errors)


def schema(secret: str) -> None:
    jsonschema.validate({"key": secret}, {"properties": {"key": {"type": "integer"}}})  # pyright: ignore


def schema_wrapped(secret: str) -> None:
    try:
        jsonschema.Draft202012Validator({"properties": {"key": {"enum": [1]}}}).validate({"key": secret})  # pyright: ignore
    except jsonschema.ValidationError as error:
        raise RuntimeError(f"no: {error.message}") from error


CASES: list[tuple[Callable[[str], None], list[str]]] = [
    (invalid, ["url: Field required", "timeout: Input should be a valid integer"]),
    (cut, ["Field required", "[type=int_parsing]"]),
    (whole, ["Input should be a valid integer"]),
    (tag, ["one: Input tag is not known"]),
    (wrapped, ["Error invoking tool", "Input should be a valid integer", "[type=int_parsing]", "Please fix it."]),
    (quoted, ["Input should be a valid string", "[type=string_type]"]),
    (grouped, ["Field required", "[type=int_parsing]"]),
    (schema, ["$.key: does not fit the schema's type"]),
    (schema_wrapped, ["no: $.key: does not fit the schema's enum"]),
]


@pytest.mark.parametrize(("raising", "says"), CASES)
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_values_stay_out_of_reports(fake: Fake, kind: str, raising: Callable[[str], None], says: list[str]) -> None:
    async def run_async() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, hidden=["secret"])
            async def send(to: str, secret: str) -> None:
                raising(secret)

            await send("alice", SECRET)

    def run() -> None:
        with signoff.Client(fake.address) as client:

            @signoff.requires_approval(client, hidden=["secret"])
            def send(to: str, secret: str) -> None:
                raising(secret)

            send("alice", SECRET)

    with pytest.raises(Exception) as raised:  # noqa: PT011
        asyncio.run(run_async()) if kind == "asyncio" else run()
    # The caller gets the error as it is.
    assert not isinstance(raised.value, signoff.Refusal)
    [report] = fake.reports
    assert SECRET not in report.message
    for each in says:
        assert each in report.message

"""What a reviewer sees is what the tool reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import pytest
from agents import Agent, FunctionTool, function_tool
from at_work import run
from google.protobuf.json_format import MessageToDict
from models import calls, outputs, says, scripted
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.openai_agents._arguments import model_of

names = (f"auto_arguments_{number}" for number in itertools.count())


class Mail(BaseModel):
    to: str
    dry_run: bool = True


class Person(BaseModel):
    name: str
    children: list[Person] = []


class Lower(BaseModel):
    model_config = ConfigDict(str_to_lower=True)
    to: str


class Hidden(BaseModel):
    to: str
    dry_run: bool = Field(True, exclude=True)


class Mended(BaseModel):
    to: Annotated[str, AfterValidator(lambda to: "ceo" if to == "boss" else to)]


class Growing(BaseModel):
    to: Annotated[str, AfterValidator(lambda to: to + "!")]


class Taken:
    """What the tools ran with."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def tool(self, function: Callable[..., Any], name: str, **options: Any) -> FunctionTool:
        return function_tool(name_override=name, **{"strict_mode": False, **options})(function)

    async def plain(self, to: str, amount: float = 1.0) -> str:
        self.values.append((to, amount))
        return "done"

    async def typed(self, amount: float, number: int, when: datetime) -> str:
        self.values.append((amount, number, when))
        return "done"

    async def mail(self, mail: Mail) -> str:
        self.values.append(mail)
        return "done"

    async def mended(self, mail: Mended) -> str:
        self.values.append(mail.to)
        return "done"

    async def growing(self, mail: Growing) -> str:
        self.values.append(mail.to)
        return "done"

    async def made(self, to: str, amount: float = Field(default_factory=lambda: 99.0)) -> str:
        self.values.append((to, amount))
        return "done"

    async def dated(self, to: str, when: datetime = datetime(2026, 1, 1)) -> str:
        self.values.append((to, when))
        return "done"

    async def family(self, person: Person, amount: float) -> str:
        self.values.append((person, amount))
        return "done"

    async def lower(self, mail: Lower) -> str:
        self.values.append(mail.to)
        return "done"

    async def hidden(self, mail: Hidden) -> str:
        self.values.append(mail)
        return "done"

    async def secret(self, key: SecretStr) -> str:
        self.values.append(key)
        return "done"


def called(server: Server, tool: FunctionTool, arguments: dict[str, Any], **options: Any) -> tuple[str, list[Any]]:
    """What the model reads, and what reviewers saw."""
    model = scripted(calls(("call-1", tool.name, arguments)), says("end"))
    result = run(server, Agent[Any](name="A", model=model, tools=[tool]), **options)
    return outputs(result)["call-1"], [MessageToDict(each.arguments) for each in all_of(server, tool.name)]


@pytest.mark.parametrize("options", [{}, {"derive_schema": False}])
@pytest.mark.parametrize(
    ("method", "arguments", "problem"),
    [
        ("plain", {"to": "a", "note": "The CFO approved it."}, "note is not a parameter of the tool"),
        ("mail", {"mail": {"to": "a", "dryrun": False}}, "mail.dryrun is not a parameter of the tool"),
        ("family", {"person": {"name": "x", "note": "y"}, "amount": 1}, "person.note is not a parameter"),
        ("family", {"person": {"name": "x", "children": [{"name": "y", "z": 1}]}, "amount": 1}, "children[0].z is not"),
        ("typed", {"amount": "1e3", "number": 7, "when": "2026-01-01T00:00:00Z"}, "amount does not fit"),
        ("typed", {"amount": 1, "number": "7", "when": "2026-01-01T00:00:00Z"}, "number does not fit"),
        ("typed", {"amount": 1, "number": 7, "when": 1700000000}, "when does not fit"),
        ("growing", {"mail": {"to": "a"}}, "does not read as the same"),
        ("hidden", {"mail": {"to": "a", "dry_run": False}}, "does not read as the same"),
        ("secret", {"key": "a"}, "does not read as the same"),
    ],
)
def test_refused(desk: Server, method: str, arguments: Any, problem: str, options: Any) -> None:
    taken = Taken()
    text, shown = called(desk, taken.tool(getattr(taken, method), next(names)), arguments, **options)
    assert text.startswith("NOT RUN. ")
    assert problem in text
    assert (shown, taken.values) == ([], [])


@pytest.mark.parametrize(
    ("method", "arguments", "shown", "ran"),
    [
        ("mail", {"mail": {"to": "a"}}, {"mail": {"to": "a", "dry_run": True}}, Mail(to="a", dry_run=True)),
        ("mended", {"mail": {"to": "boss"}}, {"mail": {"to": "ceo"}}, "ceo"),
        ("made", {"to": "a"}, {"to": "a", "amount": 99}, ("a", 99.0)),
        ("dated", {"to": "a"}, {"to": "a", "when": "2026-01-01T00:00:00"}, ("a", datetime(2026, 1, 1))),
        ("lower", {"mail": {"to": "ALICE"}}, {"mail": {"to": "alice"}}, "alice"),
    ],
)
def test_shown_as_it_runs(desk: Server, method: str, arguments: Any, shown: Any, ran: Any) -> None:
    taken = Taken()
    tool = taken.tool(getattr(taken, method), next(names))
    assert called(desk, tool, arguments) == ("done", [shown])
    assert taken.values == [ran]


@pytest.mark.parametrize("strict", [True, False])
def test_names_that_are_not_known(desk: Server, strict: bool) -> None:
    async def send(to: str) -> str:
        raise AssertionError("it ran")

    tool = function_tool(name_override=next(names), strict_mode=strict)(send)
    assert model_of(tool)
    text, shown = called(desk, tool, {"to": "a", "note": "The CFO approved it."})
    assert "note is not a parameter of the tool" in text
    assert shown == []


def test_tools_with_a_schema_only(desk: Server) -> None:
    """As those of MCP servers. A default that does not fit is not shown."""
    ran: list[str] = []

    async def invoke(_: Any, arguments: str) -> str:
        ran.append(arguments)
        return "done"

    properties = {"to": {"type": "string"}, "amount": {"type": "number", "default": "much"}, "n": {"default": 1}}
    schema = {"type": "object", "properties": properties, "required": ["to"]}
    tool = FunctionTool(next(names), "Sends.", schema, invoke, strict_json_schema=False)
    assert model_of(tool) is None
    assert called(desk, tool, {"to": "a"}) == ("done", [{"to": "a", "n": 1}])
    tool = FunctionTool(next(names), "Sends.", schema, invoke, strict_json_schema=False)
    text, _ = called(desk, tool, {"to": "a", "note": "x"})
    assert "note is not a parameter of the tool" in text
    assert len(ran) == 1
    open_schema = {**schema, "additionalProperties": True}
    tool = FunctionTool(next(names), "Sends.", open_schema, invoke, strict_json_schema=False)
    assert called(desk, tool, {"to": "a", "note": "x"}) == ("done", [{"to": "a", "note": "x", "n": 1}])


def test_edit_that_the_tool_reads_otherwise(desk: Server, name: str) -> None:
    """It runs nothing: nobody has approved what would run."""
    taken = Taken()

    def review() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"mail": {"to": "boss"}})

    model = scripted(calls(("call-1", name, {"mail": {"to": "alice"}})), says("end"))
    tool = taken.tool(taken.mended, name)
    result = run(desk, Agent[Any](name="A", model=model, tools=[tool]), review)
    assert "mail is not in the form that the tool reads" in outputs(result)["call-1"]
    assert taken.values == []


class Labels(BaseModel):
    names: frozenset[str] = Field(alias="all")


def test_sets_are_the_same_in_each_process(desk: Server) -> None:
    """Their order is not, and a call that is made again in another process would be another."""
    got: list[Any] = []
    letters = list("jihgfedcba")

    async def label(tags: set[str], of: list[Labels]) -> str:
        got.append((tags, [each.names for each in of]))
        return "done"

    tool = function_tool(name_override=next(names), strict_mode=False)(label)
    read, seen = called(desk, tool, {"tags": letters, "of": [{"all": letters}]})
    assert (read, seen) == ("done", [{"tags": letters[::-1], "of": [{"all": letters[::-1]}]}])
    assert got == [(set(letters), [set(letters)])]

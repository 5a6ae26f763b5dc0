"""What a tool of CrewAI gets, and what it is asked for by."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any

import pytest
from crewai.tools import BaseTool
from crewai.tools import tool as tool_of
from pydantic import AfterValidator, BaseModel, Field, SecretStr
from reviewing import approve, reviewing
from runs import Mail, Runner, call

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct
from signoff.adapters.crewai import gate
from signoff.v1.approval_pb2 import Approval


@pytest.fixture(params=["crew native", "crew text"])
def crew(request: pytest.FixtureRequest, server: Server) -> Runner:
    """A crew whose model calls tools in either way."""
    return Runner(server, request.param)


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("1.50")


class Purchase(BaseModel):
    items: list[Item]
    at: datetime
    ratio: float
    note: str | None = None


class Buy(BaseTool):
    name: str = "buy"
    description: str = "Buys."
    args_schema: type[BaseModel] = Purchase
    got: list[dict[str, Any]] = Field(default_factory=list)

    def _run(self, **arguments: Any) -> str:
        self.got.append(arguments)
        return "bought"


def test_types(crew: Runner, tool: str) -> None:
    """The tool gets what CrewAI makes of the arguments, in its types, edited or not."""
    buy = Buy(name=tool)
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
        with reviewing(crew.server, tool, decision):
            assert crew.run([buy], [given]) == ["bought"]
    # CrewAI hands over dumped models, which are dicts.
    ink, pen = {"name": "ink", "price": Decimal("2.00")}, {"name": "pen", "price": Decimal("1.50")}
    assert buy.got[0] == {"items": [ink], "at": at, "ratio": 3.0, "note": None}
    assert buy.got[1] == {"items": [pen], "at": at, "ratio": 10.0, "note": None}
    assert [type(each["ratio"]) for each in buy.got] == [float, float]


class Renamed(BaseModel):
    to: str = Field(alias="recipient")


def test_aliases(crew: Runner, tool: str) -> None:
    """The reviewer sees the names that the tool gets."""
    buy = Buy(name=tool, args_schema=Renamed)

    def edit(approval: Approval) -> dict[str, Any]:
        assert from_struct(approval.arguments) == {"to": "alice"}
        return {"approve": True, "edited": {"to": "bob"}}

    with reviewing(crew.server, tool, edit):
        assert crew.run([buy], [call(tool, recipient="alice")]) == ["bought"]
    assert buy.got == [{"to": "bob"}]


class Password(BaseModel):
    password: SecretStr


class Louder(BaseModel):
    text: Annotated[str, AfterValidator(lambda text: text + "!")]


@pytest.mark.parametrize(("schema", "given"), [(Password, {"password": "hunter2"}), (Louder, {"text": "hello"})])
def test_what_does_not_read_back_is_refused(crew: Runner, tool: str, schema: Any, given: dict[str, Any]) -> None:
    buy = Buy(name=tool, args_schema=schema)
    [result] = crew.run([buy], [call(tool, **given)], timeout=1)
    assert "has a JSON form that does not read back as the same values" in result
    assert not buy.got
    assert not all_of(crew.server, tool)


class Amount(BaseModel):
    amount: Decimal


def test_edits_in_another_form_are_refused(crew: Runner, tool: str) -> None:
    buy = Buy(name=tool, args_schema=Amount)

    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"amount": 5}}

    with reviewing(crew.server, tool, edit):
        [result] = crew.run([buy], [call(tool, amount="10.00")])
    assert "argument amount is not in the form that the tool reads. Ask for approval again." in result
    assert not buy.got
    [approval] = all_of(crew.server, tool)
    assert not approval.HasField("claim")


class Nothing(BaseModel):
    pass


def test_a_schema_without_fields(server: Server, tool: str) -> None:
    """CrewAI passes on whatever the model says for it."""
    buy = Buy(name=tool, args_schema=Nothing)
    runner = Runner(server, "crew native")
    [result] = runner.run([buy], [call(tool, dry_run=False)], timeout=1)
    assert "argument dry_run is not a parameter of the tool" in result
    with reviewing(server, tool, approve):
        assert runner.run([buy], [(tool, {})]) == ["bought"]
    assert buy.got == [{}]


def test_coroutine_functions(agent: Runner, tool: str) -> None:
    got: list[str] = []

    @tool_of(tool)
    async def send(to: str) -> str:
        """Sends."""
        await asyncio.sleep(0)
        got.append(to)
        return f"sent to {to}"

    with reviewing(agent.server, tool, approve):
        assert agent.run([send], [call(tool, to="alice")]) == ["sent to alice"]
    assert got == ["alice"]


def test_one_tool(server: Server, mail: Mail, tool: str) -> None:
    """By itself, in any agent, and called by the program; by position, too."""
    with signoff.Client(server.address, token=server.agent) as client, reviewing(server, tool, approve) as seen:
        gated = gate([mail.tool], client)[0]
        assert gate(gated, client) is gated
        assert gated.run("alice", count=2) == "sent 2 to alice"
        assert gated.to_structured_tool().invoke({"to": "bob"}) == "sent 1 to bob"
        assert gated._run(to="carol") == "sent 1 to carol"
        with pytest.raises(TypeError, match="takes its arguments by name: to, count"):
            gated.run("alice", 1, 2)
    assert len(seen) == len(mail.runs) == 3


def test_one_coroutine_tool(server: Server, tool: str) -> None:
    loops: list[Any] = []

    @tool_of(tool)
    async def send(to: str) -> str:
        """Sends."""
        loops.append(asyncio.get_running_loop())
        return f"sent to {to}"

    async def approved(client: signoff.Client) -> None:
        with reviewing(server, tool, approve):
            assert await gate(send, client).arun(to="alice") == "sent to alice"
        assert loops == [asyncio.get_running_loop()]

    async def given_up(client: signoff.Client) -> None:
        running = asyncio.ensure_future(gate(send, client, timeout=20).arun(to="bob"))
        await asyncio.to_thread(pending, server, tool)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.get_running_loop().shutdown_default_executor()

    with signoff.Client(server.address, token=server.agent) as client:
        asyncio.run(approved(client))
        asyncio.run(given_up(client))
    [waiting] = [each for each in all_of(server, tool) if each.arguments["to"] == "bob"]
    decide(server, waiting, approve=True)
    assert len(loops) == 1


def test_a_function_that_is_no_coroutine_is_not_asked_for(server: Server, mail: Mail, tool: str) -> None:
    with signoff.Client(server.address, token=server.agent) as client, pytest.raises(NotImplementedError):
        asyncio.run(gate(mail.tool, client).arun(to="alice"))
    assert not all_of(server, tool)


class Overridden(Buy):
    def run(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(args, kwargs)


def test_tools_that_run_in_another_way(server: Server) -> None:
    with signoff.Client(server.address) as client:
        with pytest.raises(TypeError, match=r"has a run\(\) of its own"):
            gate(Overridden(), client)

        @tool_of("twice")
        @signoff.requires_approval(client)
        def twice(to: str) -> str:
            """Sends."""
            return to

        with pytest.raises(TypeError, match="each call would ask twice"):
            gate(twice, client)

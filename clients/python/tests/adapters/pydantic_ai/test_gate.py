"""Tool calls of Pydantic AI run once, with what was approved, or not at all."""

from __future__ import annotations

import asyncio
import logging
import socket
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import grpc
import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError
from pydantic_ai import Agent, ModelRetry, RunContext, Tool
from pydantic_ai.exceptions import ApprovalRequired
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.test import TestModel
from reviewing import approve, reject, reviewing
from runs import Mail, Runner, call

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct
from signoff.adapters.pydantic_ai import Approval as ApprovalCapability
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult

SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SECRET = "hunter2-very-secret"


@pytest.fixture
def mail(tool: str) -> Mail:
    return Mail(tool)


def test_approved(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve):
        results = agent.run([mail.tool], [call(tool)])
    assert results == {"call-1": "sent 1 to alice@example.com"}
    assert agent.read == ["sent 1 to alice@example.com"]
    assert agent.output == "done"
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]
    [approval] = all_of(agent.server, tool)
    # The default too: the reviewer sees all that the tool gets.
    assert from_struct(approval.arguments) == {"to": "alice@example.com", "count": 1}
    assert approval.claim.outcome.result == SUCCEEDED
    assert approval.agent.name == "mailer"


def test_edited(agent: Runner, mail: Mail, tool: str) -> None:
    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": "bob@example.com", "count": 7}}

    with reviewing(agent.server, tool, edit):
        assert agent.run([mail.tool], [call(tool)]) == {"call-1": "sent 7 to bob@example.com"}
    assert mail.runs == [{"to": "bob@example.com", "count": 7}]


def test_an_edit_that_does_not_fit_is_refused_while_it_can_be_mended(agent: Runner, mail: Mail, tool: str) -> None:
    refused: list[grpc.StatusCode] = []

    def edit(approval: Approval) -> dict[str, Any]:
        for edited in ({"to": "bob@example.com"}, {"to": "bob@example.com", "count": 1, "cc": "eve@example.com"}):
            with pytest.raises(grpc.RpcError) as problem:
                decide(agent.server, approval, approve=True, edited=edited)
            refused.append(problem.value.code())  # type: ignore[attr-defined]
        return {"approve": True}

    with reviewing(agent.server, tool, edit):
        agent.run([mail.tool], [call(tool)])
    assert refused == [grpc.StatusCode.INVALID_ARGUMENT] * 2
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]


def test_rejected(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, reject):
        results = agent.run([mail.tool], [call(tool)])
    assert results == {
        "call-1": f"NOT RUN. A reviewer rejected the call to {tool}: Use the staging list. Do not try it again."
    }
    assert agent.read == list(results.values())
    assert not mail.runs


def test_timed_out(agent: Runner, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(tool)], timeout=1).values()
    assert result == f"NOT RUN. No reviewer decided on the call to {tool} in time. Do not work around it."
    assert not mail.runs


def test_auto_approved(agent: Runner, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    assert agent.run([mail.tool], [call(mail.tool.name)]) == {"call-1": "sent 1 to alice@example.com"}
    assert len(mail.runs) == 1


def test_auto_rejected(agent: Runner, tool: str) -> None:
    mail = Mail(f"never.{tool}")
    [result] = agent.run([mail.tool], [call(mail.tool.name)]).values()
    assert "Dropping tables is not allowed." in result
    assert not mail.runs


def test_server_unreachable(agent: Runner, mail: Mail, tool: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        agent.address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        [result] = agent.run([mail.tool], [call(tool)], patience=0.5).values()
    assert "the approvals server cannot be reached" in result
    assert not mail.runs


def test_hook_crashing(agent: Runner, mail: Mail, tool: str) -> None:
    def crash(*_: object) -> signoff.CallOptions:
        raise RuntimeError("crashed")

    with pytest.raises(RuntimeError, match="crashed"):
        agent.run([mail.tool], [call(tool)], options_for=crash)
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_hook_timing_out(agent: Runner, mail: Mail, tool: str) -> None:
    with pytest.raises(asyncio.CancelledError):
        agent.run([mail.tool], [call(tool)], gives_up=True)
    # What the framework gave up stays open, and is not run by a decision that comes too late.
    approved = decide(agent.server, pending(agent.server, tool), approve=True)
    assert approved.status == ApprovalStatus.APPROVAL_STATUS_APPROVED
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


def test_three_calls_of_one_turn(agent: Runner, mail: Mail, tool: str) -> None:
    def each(approval: Approval) -> dict[str, Any]:
        match approval.arguments["to"]:
            case "alice":
                return {"approve": True}
            case "bob":
                return {"approve": False, "comment": "Not Bob."}
            case _:
                return {"approve": True, "edited": {"to": "carol", "count": 3}}

    calls = [call(tool, f"call-{to}", to=to) for to in ("alice", "bob", "carol")]
    with reviewing(agent.server, tool, each) as seen:
        results = agent.run([mail.tool], calls)
    assert len(seen) == len(all_of(agent.server, tool)) == 3
    assert results["call-alice"] == "sent 1 to alice"
    assert "Not Bob." in results["call-bob"]
    assert results["call-carol"] == "sent 3 to carol"
    assert sorted(run["to"] for run in mail.runs) == ["alice", "carol"]


def test_run_again(agent: Runner, mail: Mail, tool: str) -> None:
    """With the same messages, as after a crash: the call is found, and not made again."""
    with reviewing(agent.server, tool, approve):
        agent.run([mail.tool], [call(tool)])
    before = agent.messages[:2]
    [again] = agent.run([mail.tool], [call(tool)], run_options={"message_history": before}).values()
    assert again.startswith(f"NOT RUN AGAIN. The call to {tool} was approved and started at ")
    assert "and succeeded at" in again
    assert len(mail.runs) == len(all_of(agent.server, tool)) == 1


def test_ids_that_a_model_uses_again(agent: Runner, mail: Mail, tool: str) -> None:
    """As TestModel does: they are other calls, in one conversation too."""
    with reviewing(agent.server, tool, approve) as seen:
        for _ in range(2):
            agent.run([mail.tool], [], model=TestModel())
        agent.run([mail.tool], [call(tool)])
        again = {"user_prompt": "again", "message_history": agent.messages}
        agent.run([mail.tool], [call(tool)], run_options=again)
    assert len(seen) == len(mail.runs) == 4


def test_a_tool_that_asks_for_another_try(agent: Runner, tool: str) -> None:
    """The model tries again with the same id: a call of its own."""
    mail = Mail(tool, ModelRetry("mailbox full"))
    again = FunctionModel(lambda *_: ModelResponse([call(tool)]))
    with reviewing(agent.server, tool, approve) as seen, pytest.raises(Exception, match="retries"):
        agent.run([mail.tool], [], model=again)
    assert len(seen) == len(mail.runs) == 2
    outcomes = [each.claim.outcome for each in all_of(agent.server, tool)]
    assert [(each.result, each.message) for each in outcomes] == [(FAILED, "mailbox full")] * 2


def test_what_is_recorded(agent: Runner, mail: Mail, tool: str) -> None:
    def options_for(ctx: RunContext[Any], arguments: dict[str, Any]) -> signoff.CallOptions:
        return {"labels": {"call": ctx.tool_call_id or "", "to": arguments["to"]}, "reason": "Because."}

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], options_for=options_for, agent_name="other")
    [approval] = seen
    assert approval.agent.name == "other"
    assert approval.agent.run_id
    assert (approval.reason, dict(approval.labels)) == ("Because.", {"call": "call-1", "to": "alice@example.com"})


def test_injected_values_stay_here(agent: Runner, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    got: list[str] = []

    def send(ctx: RunContext[str], to: str) -> str:
        got.append(ctx.deps)
        return f"sent to {to}"

    caplog.set_level(logging.DEBUG)
    with reviewing(agent.server, tool, approve):
        results = agent.run([Tool(send, name=tool)], [call(tool)], secret=SECRET)
    assert results == {"call-1": "sent to alice@example.com"}
    assert got == [SECRET]
    [approval] = all_of(agent.server, tool)
    assert from_struct(approval.arguments) == {"to": "alice@example.com"}
    # That this would find it: the arguments are there.
    assert files_with(agent.server, "alice@example.com")
    assert not files_with(agent.server, SECRET)
    assert SECRET not in str([each.getMessage() for each in caplog.records]) + str(agent.messages)


def files_with(server: Server, text: str) -> list[Path]:
    """What the server wrote that holds the text."""
    directory = server._directory  # pyright: ignore[reportPrivateUsage]
    return [each for each in directory.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_errors_of_pydantic_keep_what_they_are_about(agent: Runner, tool: str) -> None:
    class Account(BaseModel):
        number: int

    def send(ctx: RunContext[str], to: str) -> str:
        Account.model_validate({"number": ctx.deps})
        return to

    with reviewing(agent.server, tool, approve), pytest.raises(Exception):  # noqa: B017, PT011 - by the version
        agent.run([Tool(send, name=tool, max_retries=0)], [call(tool)], secret=SECRET)
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == FAILED
    assert approval.claim.outcome.message.startswith("number: Input should be a valid integer")
    assert not files_with(agent.server, SECRET)


class Item(BaseModel):
    name: str
    price: Decimal = Decimal("1.50")


def test_types(agent: Runner, tool: str) -> None:
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
            assert agent.run([Tool(buy, name=tool)], [given]) == {"call-1": "bought"}
    assert got[0] == {"items": [Item(name="ink", price=Decimal("2.00"))], "at": at, "ratio": 3.0, "note": None}
    assert got[1] == {"items": [Item(name="pen")], "at": at, "ratio": 10.0, "note": None}
    assert [type(each["ratio"]) for each in got] == [float, float]


def test_one_model_as_the_parameter(agent: Runner, tool: str) -> None:
    """The model is called with the fields, and the reviewer sees them."""
    got: list[Item] = []

    def buy(item: Item) -> str:
        got.append(item)
        return "bought"

    def edit(approval: Approval) -> dict[str, Any]:
        assert from_struct(approval.arguments) == {"name": "pen", "price": "1.50"}
        return {"approve": True, "edited": {"name": "ink", "price": "1.50"}}

    with reviewing(agent.server, tool, edit):
        assert agent.run([Tool(buy, name=tool)], [call(tool, name="pen")]) == {"call-1": "bought"}
    assert got == [Item(name="ink")]


class Rehearsal(BaseModel):
    to: str
    dry_run: bool = Field(default=False, exclude=True)


def test_what_a_reviewer_would_not_see_is_refused(agent: Runner, tool: str) -> None:
    def pay(payments: list[Rehearsal], note: str) -> str:
        raise AssertionError(payments, note)

    results = agent.run([Tool(pay, name=tool)], [call(tool, payments=[{"to": "alice"}], note="now")])
    assert "payments[0].dry_run is excluded from the JSON form" in results["call-1"]
    assert not all_of(agent.server, tool)


def test_what_changes_with_each_reading_is_refused(agent: Runner, tool: str) -> None:
    def pay(to: Annotated[str, AfterValidator(lambda to: to + "!")]) -> str:
        raise AssertionError(to)

    results = agent.run([Tool(pay, name=tool)], [call(tool, to="alice")])
    assert "argument to has a JSON form that does not read back as the same value" in results["call-1"]
    assert not all_of(agent.server, tool)


def test_what_does_not_read_back_is_refused(agent: Runner, tool: str) -> None:
    def sign_in(password: SecretStr) -> str:
        raise AssertionError

    [result] = agent.run([Tool(sign_in, name=tool)], [call(tool, password="hunter2")]).values()
    assert "argument password has a JSON form that does not read back as the same value" in result
    assert not all_of(agent.server, tool)


def test_edits_in_another_form_are_refused(agent: Runner, tool: str) -> None:
    def pay(amount: Decimal) -> str:
        raise AssertionError

    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"amount": 5}}

    with reviewing(agent.server, tool, edit):
        [result] = agent.run([Tool(pay, name=tool)], [call(tool, amount="10.00")]).values()
    assert "argument amount is not in the form that the tool reads. Ask for approval again." in result
    [approval] = all_of(agent.server, tool)
    assert not approval.HasField("claim")


def test_the_tools_own_check_sees_an_edit(agent: Runner, tool: str) -> None:
    mail = Mail(tool)

    async def check(_: RunContext[Any], to: str, count: int = 1) -> None:
        if "eve" in to:
            raise ModelRetry(f"not {count} to Eve")

    def edit(approval: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": f"eve-{approval.arguments['to']}", "count": 1}}

    gated = Tool(mail.tool.function, name=tool, takes_ctx=False, args_validator=check, max_retries=0)
    with reviewing(agent.server, tool, edit), pytest.raises(Exception, match="retries"):
        agent.run([gated], [call(tool)])
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert (approval.claim.outcome.result, approval.claim.outcome.message) == (FAILED, "not 1 to Eve")


def test_a_tool_that_defers_itself(agent: Runner, tool: str) -> None:
    mail = Mail(tool, ApprovalRequired())
    with reviewing(agent.server, tool, approve), pytest.raises(TypeError, match="a gated tool cannot pause"):
        agent.run([mail.tool], [call(tool)])
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == FAILED


@pytest.mark.parametrize("name", ["request_id", "call_id", "arguments_schema", "cancel_handle", "colour"])
def test_wrong_options(agent: Runner, mail: Mail, tool: str, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        agent.run([mail.tool], [call(tool)], **{name: None})


def test_the_other_kind_of_client(server: Server) -> None:
    with signoff.Client(server.address) as client, pytest.raises(TypeError, match="client must be an AsyncClient"):
        Agent(TestModel(), capabilities=[ApprovalCapability(client)])  # type: ignore[arg-type]


class Labels(BaseModel):
    names: frozenset[str] = Field(serialization_alias="all", validation_alias="all")


def test_sets_are_the_same_in_each_process(agent: Runner, tool: str) -> None:
    """Their order is not, and a call that is made again in another process would be another."""
    got: list[Any] = []
    letters = list("jihgfedcba")

    def label(tags: set[str], of: list[Labels]) -> str:
        got.append((tags, [each.names for each in of]))
        return "done"

    function: Tool[Any] = Tool(label, name=tool, takes_ctx=False)
    with reviewing(agent.server, tool, approve) as seen:
        assert agent.run([function], [call(tool, tags=letters, of=[{"all": letters}])]) == {"call-1": "done"}
    assert [from_struct(each.arguments) for each in seen] == [{"tags": letters[::-1], "of": [{"all": letters[::-1]}]}]
    assert got == [(set(letters), [set(letters)])]


def test_a_tools_error_keeps_its_cause(agent: Runner, tool: str) -> None:
    """The framework raises its own error from that of the tool, and a traceback shows both."""
    cause = OSError("the address book is closed")

    def send(to: str) -> str:
        try:
            return str(Labels.model_validate({"all": 1}))
        except ValidationError as error:
            raise error from cause

    with reviewing(agent.server, tool, approve), pytest.raises(Exception, match="max") as raised:
        agent.run([Tool(send, name=tool, takes_ctx=False, max_retries=0)], [call(tool)])
    causes: list[BaseException | None] = [raised.value]
    while causes[-1]:
        causes.append(causes[-1].__cause__)
    assert cause in causes

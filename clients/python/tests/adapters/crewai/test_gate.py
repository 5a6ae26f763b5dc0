"""Tool calls of CrewAI run once, with what was approved, or not at all."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from crewai.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field
from reviewing import approve, reject, reviewing
from runs import Mail, Runner, call

import signoff
from reviewers import READY, all_of, decide
from servers import Server
from signoff._structs import from_struct
from signoff.adapters.crewai import ToolCall, gate
from signoff.v1.approval_pb2 import Approval, ExecutionResult
from signoff.v1.approval_service_pb2 import WatchPendingRequest

SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SECRET = "hunter2-very-secret"


def test_approved(agent: Runner, mail: Mail, tool: str) -> None:
    with reviewing(agent.server, tool, approve):
        assert agent.run([mail.tool], [call(tool)]) == ["sent 1 to alice@example.com"]
    assert agent.output.raw == "done"
    assert mail.runs == [{"to": "alice@example.com", "count": 1}]
    [approval] = all_of(agent.server, tool)
    # The default too: the reviewer sees all that the tool gets.
    assert from_struct(approval.arguments) == {"to": "alice@example.com", "count": 1}
    assert approval.claim.outcome.result == SUCCEEDED
    assert approval.agent.name == "Mailer"
    assert approval.agent.run_id


def test_edited(agent: Runner, mail: Mail, tool: str) -> None:
    def edit(_: Approval) -> dict[str, Any]:
        return {"approve": True, "edited": {"to": "bob@example.com", "count": 7}}

    with reviewing(agent.server, tool, edit):
        assert agent.run([mail.tool], [call(tool)]) == ["sent 7 to bob@example.com"]
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
        [result] = agent.run([mail.tool], [call(tool)])
    assert result == f"NOT RUN. A reviewer rejected the call to {tool}: Use the staging list. Do not try it again."
    assert not mail.runs
    assert agent.output.raw == "done"


def test_timed_out(agent: Runner, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(tool)], timeout=1)
    assert result == f"NOT RUN. No reviewer decided on the call to {tool} in time. Do not work around it."
    assert not mail.runs


AUTOMATIC = """
rules:
  - name: harmless
    tools: ["auto_*"]
    auto_approve: {}
  - name: forbidden
    tools: ["never_*"]
    auto_reject:
      message: Dropping tables is not allowed.
"""


@pytest.fixture(scope="session")
def automatic(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server whose policy decides: CrewAI makes `_` of each dot in a tool's name."""
    server = Server(tmp_path_factory.mktemp("automatic") / "server", policy=AUTOMATIC)
    yield server
    server.drain()


def test_auto_approved(agent: Runner, automatic: Server, tool: str) -> None:
    mail = Mail(f"auto.{tool}")
    agent.server, agent.address = automatic, automatic.address
    assert agent.run([mail.tool], [call(f"auto_{tool}")]) == ["sent 1 to alice@example.com"]
    assert len(mail.runs) == 1


def test_auto_rejected(agent: Runner, automatic: Server, tool: str) -> None:
    mail = Mail(f"never.{tool}")
    agent.server, agent.address = automatic, automatic.address
    [result] = agent.run([mail.tool], [call(f"never_{tool}")])
    assert "Dropping tables is not allowed." in result
    assert not mail.runs


def test_server_unreachable(agent: Runner, mail: Mail, tool: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        agent.address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        [result] = agent.run([mail.tool], [call(tool)], patience=0.5)
    assert "the approvals server cannot be reached" in result
    assert not mail.runs


def test_hook_crashing(agent: Runner, mail: Mail, tool: str) -> None:
    def crash(_: ToolCall) -> signoff.CallOptions:
        raise RuntimeError("crashed")

    [result] = agent.run([mail.tool], [call(tool)], options_for=crash)
    assert "crashed" in result
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_three_calls_of_one_turn(agent: Runner, mail: Mail, tool: str) -> None:
    def each(approval: Approval) -> dict[str, Any]:
        match approval.arguments["to"]:
            case "alice":
                return {"approve": True}
            case "bob":
                return {"approve": False, "comment": "Not Bob."}
            case _:
                return {"approve": True, "edited": {"to": "carol", "count": 3}}

    calls = [call(tool, to=to) for to in ("alice", "bob", "carol")]
    with reviewing(agent.server, tool, each) as seen:
        results = agent.run([mail.tool], calls)
    assert len(seen) == len(all_of(agent.server, tool)) == 3
    assert results[0] == "sent 1 to alice"
    assert "Not Bob." in results[1]
    # In text every third result has CrewAI's own words after it.
    assert results[2].startswith("sent 3 to carol")
    assert sorted(run["to"] for run in mail.runs) == ["alice", "carol"]


def test_calls_of_one_turn_wait_at_the_same_time(server: Server, mail: Mail, tool: str) -> None:
    """Nobody decides before all three are asked for."""
    runner = Runner(server, "crew native")
    calls = [call(tool, to=to) for to in ("alice", "bob", "carol")]
    running = threading.Thread(target=lambda: runner.run([mail.tool], calls))
    running.start()
    found: dict[str, Approval] = {}
    with signoff.Client(server.address, token=server.reviewer) as client:
        queue = client.approvals.WatchPending(WatchPendingRequest(tool_name=tool), **READY)
        for change in queue:
            found[change.pending.id] = change.pending
            if len(found) - ("" in found) == 3:
                queue.cancel()
                break
    for each in found.values():
        if each.id:
            decide(server, each, approve=True)
    running.join()
    assert sorted(run["to"] for run in mail.runs) == ["alice", "bob", "carol"]


@pytest.mark.parametrize("mode", ["native", "text"])
def test_result_as_answer(server: Server, tool: str, mode: str) -> None:
    """A refusal's text is never the task's answer; the tool's result is."""
    mail = Mail(tool, result_as_answer=True)
    runner = Runner(server, f"crew {mode}")
    with reviewing(server, tool, reject):
        runner.run([mail.tool], [call(tool)])
    assert runner.output.raw == "done"
    [failure] = runner.output.tasks_output[0].tool_failures
    assert failure.failure.details["refusal"] == "Rejected"
    with reviewing(server, tool, approve):
        runner.run([mail.tool], [call(tool)])
    assert runner.output.raw == "sent 1 to alice@example.com"


@pytest.mark.parametrize("mode", ["native", "text"])
def test_ending_the_run_at_a_refusal(server: Server, mail: Mail, tool: str, mode: str) -> None:
    from crewai.tools.tool_failure import ToolExecutionFailedError

    runner = Runner(server, f"crew {mode}")
    with reviewing(server, tool, reject), pytest.raises(ToolExecutionFailedError, match=r"Use the staging list\."):
        runner.run([mail.tool], [call(tool)], agent={"tool_failure_policy": "raise"})
    assert not mail.runs


def test_what_is_recorded(agent: Runner, mail: Mail, tool: str) -> None:
    def options_for(made: ToolCall) -> signoff.CallOptions:
        assert made.tool is mail.tool
        return {"labels": {"role": made.agent.role, "to": made.arguments["to"]}, "reason": "Because."}

    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], options_for=options_for, agent_name="other")
    [approval] = seen
    assert approval.agent.name == "other"
    assert (approval.reason, dict(approval.labels)) == ("Because.", {"role": "Mailer", "to": "alice@example.com"})


class Account(BaseTool):
    """Has a secret, as tools of CrewAI have: CrewAI itself injects nothing."""

    name: str = "account"
    description: str = "Sends."
    api_key: str = ""
    used: list[str] = Field(default_factory=list)

    def _run(self, to: str) -> str:
        self.used.append(self.api_key)
        return f"sent to {to}"


def test_secrets_stay_here(agent: Runner, tool: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    account = Account(name=tool, api_key=SECRET)
    with reviewing(agent.server, tool, approve):
        assert agent.run([account], [call(tool, to="alice@example.com")]) == ["sent to alice@example.com"]
    assert account.used == [SECRET]
    [approval] = all_of(agent.server, tool)
    assert from_struct(approval.arguments) == {"to": "alice@example.com"}
    # That this would find it: the arguments are there.
    assert files_with(agent.server, "alice@example.com")
    assert not files_with(agent.server, SECRET)
    logged = str([each.getMessage() for each in caplog.records if each.name.startswith("signoff")])
    assert SECRET not in logged + str(agent.model._seen)


def files_with(server: Server, text: str) -> list[Path]:
    """What the server wrote that holds the text."""
    directory = server._directory  # pyright: ignore[reportPrivateUsage]
    return [each for each in directory.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_what_crewai_tells_of_a_run(server: Server, mail: Mail, tool: str) -> None:
    """Its events, which its telemetry and traces are made of, have nothing of the client."""
    from crewai.events.base_events import BaseEvent
    from crewai.events.event_bus import crewai_event_bus

    told: list[str] = []
    with crewai_event_bus.scoped_handlers():
        for kind in all_subclasses(BaseEvent):
            crewai_event_bus.on(kind)(lambda source, event: told.append(f"{source!r} {event!r} {event.to_json()}"))
        with reviewing(server, tool, approve):
            runner = Runner(server, "crew native")
            runner.run([mail.tool], [call(tool)])
        crewai_event_bus.flush()
    everything = "\n".join(told)
    assert "sent 1 to alice@example.com" in everything
    assert tool in everything
    assert server.agent not in everything
    assert server.agent not in repr(runner.target) + str(runner.target.model_dump())


def all_subclasses(kind: Any) -> set[Any]:
    return {*kind.__subclasses__(), *(each for sub in kind.__subclasses__() for each in all_subclasses(sub))}


@pytest.mark.parametrize("mode", ["native", "text"])
def test_a_failing_tool(server: Server, tool: str, mode: str) -> None:
    """It runs once, although CrewAI runs a failing tool of the text path up to six times."""
    mail = Mail(tool, ValueError("mailbox full"))
    runner = Runner(server, f"crew {mode}")
    with reviewing(server, tool, approve) as seen:
        [result] = runner.run([mail.tool], [call(tool)])
    assert "mailbox full" in result
    assert len(seen) == len(mail.runs) == 1
    [approval] = all_of(server, tool)
    outcome = approval.claim.outcome
    assert (outcome.result, outcome.message) == (FAILED, "mailbox full")


def test_a_failing_tool_with_more_arguments(server: Server, tool: str) -> None:
    """CrewAI leaves out what the schema does not name, and tries again with all of it."""

    class Anything(BaseModel):
        model_config = ConfigDict(extra="allow")
        to: str

    ran: list[Any] = []

    class Failing(BaseTool):
        name: str = tool
        description: str = "Sends."
        args_schema: type[BaseModel] = Anything

        def _run(self, **arguments: Any) -> str:
            ran.append(arguments)
            raise ValueError("mailbox full")

    with reviewing(server, tool, approve) as seen:
        Runner(server, "crew text").run([Failing()], [call(tool, to="alice", cc="eve")])
    assert len(seen) == 1
    assert ran == [{"to": "alice"}]


@pytest.mark.parametrize("mode", ["native", "text"])
def test_a_tool_whose_result_cannot_be_told(server: Server, tool: str, mode: str) -> None:
    """It has run, and CrewAI would run it again."""

    class Unspeakable:
        def __str__(self) -> str:
            raise ValueError("unspeakable")

    mail = Mail(tool, Unspeakable())
    with reviewing(server, tool, approve) as seen:
        Runner(server, f"crew {mode}").run([mail.tool], [call(tool)])
    assert len(seen) == len(mail.runs) == 1


def test_a_tool_that_says_that_it_failed(agent: Runner, tool: str) -> None:
    from crewai.tools.tool_failure import ToolFailure

    mail = Mail(tool, ToolFailure(message="mailbox full"))
    with reviewing(agent.server, tool, approve):
        assert agent.run([mail.tool], [call(tool)]) == ["mailbox full"]
    [approval] = all_of(agent.server, tool)
    assert (approval.claim.outcome.result, approval.claim.outcome.message) == (FAILED, "mailbox full")


def test_arguments_that_do_not_fit(agent: Runner, mail: Mail, tool: str) -> None:
    [result] = agent.run([mail.tool], [call(tool, to="alice", count="many")], timeout=1)
    assert "arguments validation failed" in result.lower()
    assert not mail.runs
    assert not all_of(agent.server, tool)


def test_names_that_the_tool_does_not_take(server: Server, mail: Mail, tool: str) -> None:
    runner = Runner(server, "crew native")
    [result] = runner.run([mail.tool], [call(tool, to="alice", cc="eve")], timeout=1)
    assert "argument cc is not a parameter of the tool" in result
    assert not mail.runs
    assert not all_of(server, tool)


def test_names_that_crewai_leaves_out(server: Server, mail: Mail, tool: str) -> None:
    """In text it does so before the tool: the reviewer sees what runs."""
    with reviewing(server, tool, approve):
        assert Runner(server, "crew text").run([mail.tool], [call(tool, to="alice", cc="eve")]) == ["sent 1 to alice"]
    [approval] = all_of(server, tool)
    assert from_struct(approval.arguments) == {"to": "alice", "count": 1}


@pytest.mark.parametrize("name", ["request_id", "call_id", "arguments_schema", "cancel_handle", "colour"])
def test_wrong_options(server: Server, mail: Mail, name: str) -> None:
    with signoff.Client(server.address) as client, pytest.raises(TypeError, match=name):
        gate(mail.tool, client, **{name: None})


def test_the_other_kind_of_client(server: Server, mail: Mail) -> None:
    client: Any = signoff.AsyncClient(server.address)
    with pytest.raises(TypeError, match="client must be a Client"):
        gate(mail.tool, client)

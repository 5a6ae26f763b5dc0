"""The scenarios of docs/clients.md, by their numbers, against a real server and with both kinds of clients."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

import signoff
from client_kinds import Asyncio, Blocking
from conftest import Recorder
from reviewers import all_of, cancel, decide, frozen, pending, revoke, stored
from servers import Server
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult

AnyAgent = Blocking | Asyncio
Kind = type[Blocking] | type[Asyncio]
ARGUMENTS = {"to": "alice@example.com", "count": 3}
SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED
FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


def call(tool_name: str, **options: object) -> signoff.Call:
    return signoff.Call(tool_name, dict(ARGUMENTS), **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def approving(server: Server, tool: str) -> Callable[[object], None]:
    return lambda _: decide(server, pending(server, tool), approve=True) and None


def test_01_approved(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    assert agent.run(call(tool), function, approving(server, tool)) == "done"
    [approval] = all_of(server, tool)
    assert function.runs == [{"approval_id": approval.id, "arguments": ARGUMENTS, "edited": False}]
    assert approval.claim.outcome.result == SUCCEEDED


def test_02_rejected(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    def reject(_: object) -> None:
        decide(server, pending(server, tool), approve=False, comment="Use the staging list.")

    with pytest.raises(signoff.Rejected) as refused:
        agent.run(call(tool), function, reject)
    assert refused.value.comment == "Use the staging list."
    assert refused.value.decided_by == "dev/reviewer"
    assert refused.value.tool_name == tool
    assert [approval.id for approval in all_of(server, tool)] == [refused.value.approval_id]
    assert not function.runs


def test_03_edited(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    edited: dict[str, object] = {"to": "bob@example.com", "ratio": 0.5, "count": 7, "list": [1, None, True]}

    def edit(_: object) -> None:
        decide(server, pending(server, tool), approve=True, edited=edited)

    agent.run(call(tool), function, edit)
    [run] = function.runs
    assert run["arguments"] == edited
    assert run["edited"] is True
    # 7, not 7.0, which is equal.
    assert json.dumps(run["arguments"], sort_keys=True) == json.dumps(edited, sort_keys=True)


def test_04_timed_out(agent: AnyAgent, tool: str, function: Recorder) -> None:
    with pytest.raises(signoff.TimedOut):
        agent.run(call(tool, timeout=1), function)
    assert not function.runs


def test_05_auto_approved(agent: AnyAgent, function: Recorder) -> None:
    assert agent.run(call("auto.search"), function) == "done"
    assert len(function.runs) == 1


def test_06_auto_rejected(agent: AnyAgent, function: Recorder) -> None:
    with pytest.raises(
        signoff.AutoRejected, match=r": Dropping tables is not allowed\. Do not try it again\.$"
    ) as refused:
        agent.run(call("never.drop"), function)
    assert refused.value.message == "Dropping tables is not allowed."
    assert refused.value.rule == "forbidden"
    assert not function.runs


def test_07_cancelled(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    with pytest.raises(signoff.Cancelled):
        agent.run(call(tool), function, lambda _: cancel(server, pending(server, tool)))
    assert not function.runs


def test_08_killed(kind: Kind, own_server: Server, tool: str, function: Recorder) -> None:
    def crash(_: object) -> None:
        approval = pending(own_server, tool)
        own_server.kill()
        own_server.start()
        decide(own_server, approval, approve=True)

    assert kind(own_server.address, own_server.agent).run(call(tool), function, crash) == "done"
    assert len(function.runs) == 1
    assert len(all_of(own_server, tool)) == 1


def test_09_drained(kind: Kind, own_server: Server, tool: str, function: Recorder) -> None:
    def restart(_: object) -> None:
        approval = pending(own_server, tool)
        own_server.drain()
        own_server.start()
        decide(own_server, approval, approve=True)

    assert kind(own_server.address, own_server.agent).run(call(tool), function, restart) == "done"
    assert len(function.runs) == 1
    assert len(all_of(own_server, tool)) == 1


def test_10_down(kind: Kind, own_server: Server, tool: str, function: Recorder) -> None:
    own_server.kill()
    with pytest.raises(signoff.Unavailable) as refused:
        kind(own_server.address, own_server.agent).run(call(tool, patience=0.5), function)
    assert isinstance(refused.value.__cause__, grpc.RpcError)
    assert refused.value.approval_id is None
    assert not function.runs


def test_11_run_before(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    ids = {"run_id": "run-1", "call_id": f"call-of-{tool}"}
    agent.run(call(tool, **ids), function, approving(server, tool))
    with pytest.raises(signoff.AlreadyClaimed) as refused:
        agent.run(call(tool, **ids), function)
    [approval] = all_of(server, tool)
    assert refused.value.approval_id == approval.id
    assert len(function.runs) == 1
    # What the server knows of the first run.
    caller = approval.claim.claimed_by
    assert refused.value.claimed_by == f"{caller.issuer}/{caller.subject}"
    assert refused.value.claim_time
    assert refused.value.report_time
    assert refused.value.result == "SUCCEEDED"
    assert f"started at {refused.value.claim_time}, and succeeded at {refused.value.report_time}." in str(refused.value)


def test_12_given_up_before(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    def give_up(abandon: Callable[[], None]) -> None:
        pending(server, tool)
        abandon()

    with pytest.raises(agent.gives_up_with):
        agent.run(call(tool, request_id=tool), function, give_up)
    agent.run(call(tool, request_id=tool), function, approving(server, tool))
    assert len(all_of(server, tool)) == 1
    assert len(function.runs) == 1


def test_13_two_runners(kind: Kind, server: Server, tool: str, function: Recorder) -> None:
    both_see_it = threading.Barrier(3)

    def run(_: int) -> str:
        told: list[object] = []

        def on_progress(progress: object) -> None:
            if not told:
                told.append(progress)
                both_see_it.wait(30)

        try:
            agent = kind(server.address, server.agent)
            return agent.run(call(tool, request_id=tool, on_progress=on_progress), function)
        except signoff.AlreadyClaimed:
            return "refused"

    with ThreadPoolExecutor(2) as executor:
        outcomes = [executor.submit(run, number) for number in range(2)]
        both_see_it.wait(30)
        decide(server, pending(server, tool), approve=True)
        assert sorted(outcome.result() for outcome in outcomes) == ["done", "refused"]
    assert len(function.runs) == 1


# 14 and 17 are in test_faults.py and test_claims.py: they need a server that does what a real one does not.


def test_15_raises(agent: AnyAgent, server: Server, tool: str) -> None:
    error = LookupError("no such person")

    def fail(_: signoff.Run) -> None:
        raise error

    with pytest.raises(LookupError) as raised:
        agent.run(call(tool), fail, approving(server, tool))
    assert raised.value is error
    [approval] = all_of(server, tool)
    assert approval.claim.outcome.result == FAILED
    assert approval.claim.outcome.message == "no such person"


@pytest.mark.parametrize(
    ("withdraws", "status"),
    [(True, ApprovalStatus.APPROVAL_STATUS_CANCELLED), (False, ApprovalStatus.APPROVAL_STATUS_PENDING)],
)
def test_16_given_up(
    agent: AnyAgent, server: Server, tool: str, function: Recorder, withdraws: bool, status: ApprovalStatus.ValueType
) -> None:
    seen: list[str] = []

    def give_up(abandon: Callable[[], None]) -> None:
        seen.append(pending(server, tool).id)
        abandon()

    with pytest.raises(agent.gives_up_with):
        agent.run(call(tool, cancel_on_abandon=withdraws), function, give_up)
    assert stored(server, seen[0]).status == status
    assert not function.runs


def test_18_bad_token(kind: Kind, server: Server, tool: str, function: Recorder) -> None:
    with pytest.raises(signoff.RequestFailed) as refused:
        kind(server.address, "not-a-good-token").run(call(tool), function)
    assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.reason == "UNAUTHENTICATED"
    assert "not-a-good-token" not in str(refused.value) + repr(refused.value) + repr(refused.value.__cause__)
    assert not function.runs


def test_19_not_exact(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    with pytest.raises(signoff.InvalidArguments) as refused:
        agent.run(signoff.Call(tool, {"amounts": [1, 2**53]}), function)
    assert refused.value.path == "amounts[1]"
    assert not all_of(server, tool)
    assert not function.runs


def test_20_revoked(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    ids = {"request_id": tool}
    approval = given_up(agent, server, tool, ids)
    decide(server, approval, approve=True)
    revoke(server, approval, "Wrong customer.")
    with pytest.raises(signoff.Revoked) as refused:
        agent.run(call(tool, **ids), function)
    assert refused.value.reason == "Wrong customer."
    assert refused.value.approval_id == approval.id
    assert not function.runs


def test_21_frozen(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    ids = {"request_id": tool}
    approval = given_up(agent, server, tool, ids)
    decide(server, approval, approve=True)
    with frozen(server, tool, "Incident 12."):
        for options in (ids, {}):
            with pytest.raises(signoff.Frozen) as refused:
                agent.run(call(tool, **options), function)
            assert refused.value.reason == "Incident 12."
    assert not function.runs
    # What was approved before is only stopped meanwhile.
    assert agent.run(call(tool, **ids), function) == "done"


# 22 is in test_decorator.py and test_edits.py: it is about the parameters of functions.


def test_23_asked_otherwise(agent: AnyAgent, server: Server, tool: str, function: Recorder) -> None:
    ids = {"run_id": "run-1", "call_id": tool}
    approval = given_up(agent, server, tool, ids)
    others = {
        "reason": "Asked again",
        "labels": {"try": "2"},
        "timeout": 60,
        "arguments_schema": {"type": "object"},
        "agent_name": "another",
    }
    assert agent.run(call(tool, **ids, **others), function, approving(server, tool)) == "done"
    assert [each.id for each in all_of(server, tool)] == [approval.id]
    assert len(function.runs) == 1


def test_24_remembered(kind: Kind, remembering_server: Server, tool: str, function: Recorder) -> None:
    server = remembering_server
    agent = kind(server.address, server.agent)

    def reject(_: object) -> None:
        decide(server, pending(server, tool), approve=False, comment="Use the staging list.")

    with pytest.raises(signoff.Rejected):
        agent.run(call(tool, run_id="run-1"), function, reject)
    with pytest.raises(signoff.Rejected) as refused:
        agent.run(call(tool, run_id="run-1"), function)
    assert refused.value.comment == "Use the staging list."
    assert refused.value.decided_by == "dev/reviewer"
    statuses = {each.status for each in all_of(server, tool)}
    assert statuses == {
        ApprovalStatus.APPROVAL_STATUS_REJECTED,
        ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED,
    }
    assert not function.runs


def given_up(agent: AnyAgent, server: Server, tool: str, ids: dict[str, str]) -> Approval:
    """The approval of a call whose caller gave up."""
    seen: list[Approval] = []

    def give_up(abandon: Callable[[], None]) -> None:
        seen.append(pending(server, tool))
        abandon()

    with pytest.raises(agent.gives_up_with):
        agent.run(call(tool, **ids), lambda _: "done", give_up)
    return seen[0]

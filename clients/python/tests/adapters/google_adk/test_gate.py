"""What runs, and what the model reads."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from agents_at_work import (
    REJECTED,
    USER,
    Body,
    a_runner,
    an_agent,
    an_app,
    approve,
    calls,
    events_of,
    one_call,
    results,
    run,
    user,
)
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.events.event import Event
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.adk.tools.tool_context import ToolContext
from pydantic import BaseModel
from reviewing import approve as approving
from reviewing import before_its_end, beside, reviewing

import signoff
from reviewers import all_of, decide, pending, stored
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin
from signoff.v1.approval_pb2 import Approval, ApprovalStatus, ExecutionResult


def test_approved(desk: Server, name: str) -> None:
    body = Body(name)
    events = run(desk, an_agent(body.tool, steps=[one_call(name)]), lambda: approve(desk, name))
    assert results(events) == {"call-1": "done for alice"}
    assert body.runs == [{"to": "alice", "amount": 2.0}]
    # Approved as JSON has it, and run as the function declares it.
    assert type(body.runs[0]["amount"]) is float
    [approval] = all_of(desk, name)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_SUCCEEDED
    assert (approval.agent.name, approval.agent.run_id) == ("mailer", "session-1")


def test_edited(desk: Server, name: str) -> None:
    body = Body(name)
    seen: list[dict[str, Any]] = []

    async def after_tool(tool: Any, args: dict[str, Any], tool_context: Any, tool_response: Any) -> None:
        seen.append(dict(args))

    def review() -> None:
        decide(desk, pending(desk, name), approve=True, edited={"to": "bob", "amount": 7})

    events = run(desk, an_agent(body.tool, steps=[one_call(name)], after_tool_callback=after_tool), review)
    assert results(events) == {"call-1": "done for bob"}
    assert body.runs == [{"to": "bob", "amount": 7.0}]
    assert type(body.runs[0]["amount"]) is float
    # Callbacks after the tool see what ran.
    assert seen == [{"to": "bob", "amount": 7}]


def test_rejected(desk: Server, name: str) -> None:
    body = Body(name)

    def review() -> None:
        decide(desk, pending(desk, name), approve=False, comment="Use the staging list.")

    agent = an_agent(body.tool, steps=[one_call(name)])
    events = run(desk, agent, review)
    assert results(events) == {"call-1": REJECTED.format(name)}
    # The model has read it.
    assert "Use the staging list." in str(agent.model.read[-1])  # type: ignore[union-attr]
    assert body.runs == []


def test_refusal_that_fails_the_tool(desk: Server) -> None:
    body = Body("never_refund")
    with pytest.raises(signoff.AutoRejected, match="Dropping tables is not allowed"):
        run(desk, an_agent(body.tool, steps=[one_call("never_refund")]), on_refusal="raise")
    assert body.runs == []


def test_timeout(desk: Server, name: str) -> None:
    body = Body(name)
    told = results(run(desk, an_agent(body.tool, steps=[one_call(name)]), timeout=1))
    assert told == {"call-1": f"NOT RUN. No reviewer decided on the call to {name} in time. Do not work around it."}
    assert body.runs == []


def test_policy_decides(desk: Server) -> None:
    free, forbidden = Body("auto_mail"), Body("never_mail")
    turn = calls(("call-1", "auto_mail", {"to": "alice"}), ("call-2", "never_mail", {"to": "alice"}))
    told = results(run(desk, an_agent(free.tool, forbidden.tool, steps=[turn])))
    assert told["call-1"] == "done for alice"
    assert "Dropping tables is not allowed." in told["call-2"]
    assert len(free.runs) == 1
    assert forbidden.runs == []


def test_server_unreachable(desk: Server, name: str, caplog: pytest.LogCaptureFixture) -> None:
    body = Body(name)
    agent = an_agent(body.tool, steps=[one_call(name)])
    with caplog.at_level(logging.WARNING, "signoff"):
        told = results(run(desk, agent, address="http://127.0.0.1:1", patience=0.5))
    assert "the approvals server cannot be reached" in told["call-1"]
    # People are told where.
    assert "127.0.0.1:1" in caplog.text
    assert "127.0.0.1" not in told["call-1"]
    assert body.runs == []


def test_hook_that_crashes(desk: Server, name: str) -> None:
    """The function for a call's options, and the wait itself."""
    body = Body(name)

    def options_for(_context: ToolContext, _arguments: dict[str, Any]) -> signoff.CallOptions:
        raise OSError("no such table")

    with pytest.raises(OSError, match="no such table"):
        run(desk, an_agent(body.tool, steps=[one_call(name)]), options_for=options_for)

    def unknown(_context: ToolContext, _arguments: dict[str, Any]) -> Any:
        return {"lable": "x"}

    with pytest.raises(TypeError, match="unknown option 'lable'"):
        run(desk, an_agent(body.tool, steps=[one_call(name)]), options_for=unknown)

    class Hides(BasePlugin):
        """Makes a result of every error."""

        async def on_tool_error_callback(self, **_: Any) -> dict[str, Any]:
            return {"result": "hidden"}

    told = results(
        run(
            desk,
            an_agent(body.tool, steps=[one_call(name)]),
            options_for=options_for,
            plugins=lambda gate: [Hides("hides"), gate],
        )
    )
    assert told == {"call-1": "hidden"}
    assert body.runs == []
    assert all_of(desk, name) == []


def test_run_that_is_cancelled(desk: Server, name: str) -> None:
    """As by a time limit: nothing runs, and the approval stays open, or is withdrawn."""
    body = Body(name)

    async def main(**options: Any) -> Approval:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            runner = a_runner(an_app(an_agent(body.tool, steps=[one_call(name)]), ApprovalPlugin(client, **options)))
            running = asyncio.ensure_future(events_of(runner))
            approval = await before_its_end(running, lambda: pending(desk, name))
            running.cancel()
            await asyncio.wait({running})
            return approval

    withdrawn = asyncio.run(main(cancel_on_abandon=True))
    assert stored(desk, withdrawn.id).status == ApprovalStatus.APPROVAL_STATUS_CANCELLED
    open_one = asyncio.run(main())
    assert stored(desk, open_one.id).status == ApprovalStatus.APPROVAL_STATUS_PENDING
    decide(desk, open_one, approve=True)
    assert body.runs == []


def test_failed_tool(desk: Server) -> None:
    """It is reported as failed; its error goes ADK's way."""
    body = Body("auto_failing", RuntimeError("mailbox full"))
    with pytest.raises(RuntimeError, match="mailbox full"):
        run(desk, an_agent(body.tool, steps=[one_call("auto_failing")]))
    [approval] = all_of(desk, "auto_failing")
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert "mailbox full" in approval.claim.outcome.message

    def on_tool_error(tool: Any, args: Any, tool_context: Any, error: Exception) -> dict[str, Any]:
        return {"result": f"sorry: {error}"}

    agent = an_agent(body.tool, steps=[one_call("auto_failing")], on_tool_error_callback=on_tool_error)
    assert results(run(desk, agent)) == {"call-1": "sorry: mailbox full"}


def test_tool_that_says_that_it_failed(desk: Server) -> None:
    def auto_says_error(to: str) -> dict[str, Any]:
        return {"error": f"no mailbox for {to}"}

    told = results(run(desk, an_agent(auto_says_error, steps=[one_call("auto_says_error", to="alice")])))
    assert told == {"call-1": "no mailbox for alice"}
    [approval] = all_of(desk, "auto_says_error")
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert approval.claim.outcome.message == "no mailbox for alice"


def test_gated_tool_that_is_refused_within(desk: Server) -> None:
    """A refusal that the tool itself meets is the tool's error, and not this call's refusal."""
    body = Body("auto_outer", signoff.TimedOut(tool_name="inner", approval_id="x"))
    with pytest.raises(signoff.TimedOut):
        run(desk, an_agent(body.tool, steps=[one_call("auto_outer")]))
    assert len(body.runs) == 1


@pytest.mark.parametrize("mode", [StreamingMode.NONE, StreamingMode.SSE])
def test_three_parallel_calls(desk: Server, name: str, mode: StreamingMode) -> None:
    """Three approvals; each decision, and each result, is that of its own call."""
    body = Body(name)
    turn = calls(*((f"call-{to}", name, {"to": to, "amount": 1}) for to in ("alice", "bob", "carol")))

    def review() -> None:
        by_to: dict[str, Approval] = {}
        with signoff.Client(desk.address, token=desk.reviewer):
            pending(desk, name)
        while len(by_to) < 3:
            by_to = {str(each.arguments["to"]): each for each in all_of(desk, name)}
        # All are asked for before one is decided, and decided in another order.
        decide(desk, by_to["carol"], approve=True, edited={"to": "dave", "amount": 3})
        decide(desk, by_to["bob"], approve=False, comment="Use the staging list.")
        decide(desk, by_to["alice"], approve=True)

    async def main() -> list[Event]:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            runner = a_runner(an_app(an_agent(body.tool, steps=[turn]), ApprovalPlugin(client)))
            running = asyncio.ensure_future(events_of(runner, run_config=RunConfig(streaming_mode=mode)))
            await before_its_end(running, review)
            return await running

    assert results(asyncio.run(main())) == {
        "call-alice": "done for alice",
        "call-bob": REJECTED.format(name),
        "call-carol": "done for dave",
    }
    assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]


def test_ids_that_a_model_uses_again(desk: Server, name: str) -> None:
    """In another turn it is another call."""
    body = Body(name)
    with reviewing(desk, name, approving):
        events = run(desk, an_agent(body.tool, steps=[one_call(name), one_call(name)]))
    assert results(events) == {"call-1": "done for alice"}
    assert len(all_of(desk, name)) == len(body.runs) == 2


def test_sync_runs(desk: Server, name: str) -> None:
    """`Runner.run` has an event loop for each run: a Client works in all of them, also for parallel calls."""
    body = Body(name)
    turn = calls(("call-1", name, {"to": "alice"}), ("call-2", name, {"to": "bob"}))

    def decision(approval: Approval) -> dict[str, Any]:
        while len(all_of(desk, name)) < 2:
            pass
        return {"approve": str(approval.arguments["to"]) != "bob"}

    with signoff.Client(desk.address, token=desk.agent) as client:
        agent = an_agent(body.tool, steps=[turn])
        runner = a_runner(an_app(agent, ApprovalPlugin(client)))
        with reviewing(desk, name, decision):
            told = results(list(runner.run(**USER, new_message=user())))
        assert told["call-1"] == "done for alice"
        assert told["call-2"].startswith("NOT RUN. A reviewer rejected")
        agent.model.steps.append(one_call(name, to="carol"))  # type: ignore[union-attr]
        with reviewing(desk, name, approving):
            assert results(list(runner.run(**USER, new_message=user()))) == {"call-1": "done for carol"}
    assert [each["to"] for each in body.runs] == ["alice", "carol"]


def test_sync_client_in_a_run_that_is_cancelled(desk: Server, name: str) -> None:
    """While it waits, and while the tool runs: the thread ends, and what began is reported."""
    body = Body(name)
    began = threading.Event()

    async def slow(to: str) -> str:
        began.set()
        await asyncio.Event().wait()
        return to

    slow.__name__ = f"auto_{name}"

    async def main(tool: Any, step: Any, meanwhile: Any) -> None:
        with signoff.Client(desk.address, token=desk.agent) as client:
            plugin = ApprovalPlugin(client, cancel_on_abandon=True)
            runner = a_runner(an_app(an_agent(tool, steps=[step]), plugin))
            running = asyncio.ensure_future(events_of(runner))
            await before_its_end(running, meanwhile)
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()

    asyncio.run(main(body.tool, one_call(name), lambda: pending(desk, name)))
    assert all_of(desk, name)[0].status == ApprovalStatus.APPROVAL_STATUS_CANCELLED

    asyncio.run(main(slow, one_call(slow.__name__, to="bob"), lambda: began.wait(30)))
    assert began.is_set()
    [approval] = all_of(desk, slow.__name__)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert body.runs == []


def test_async_client_in_a_second_loop(desk: Server, name: str) -> None:
    """It is of one loop: in another one nothing runs."""
    body = Body(f"auto_{name}")
    client = signoff.AsyncClient(desk.address, token=desk.agent)
    for is_first in (True, False):
        runner = a_runner(an_app(an_agent(body.tool, steps=[one_call(f"auto_{name}")]), ApprovalPlugin(client)))
        if is_first:
            asyncio.run(events_of(runner))
        else:
            with pytest.raises(RuntimeError, match="one event loop only: give ApprovalPlugin a Client"):
                asyncio.run(events_of(runner))
    asyncio.run(client.close())
    assert len(body.runs) == 1


class Settings(BaseModel):
    """What a tool reads its secret with."""

    url: str
    timeout: int


def test_secrets_stay(own_server: Server, name: str, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What ADK injects is in no approval, no log and no message, nor in the report of a failure."""
    secret = "sk-4fd1c3a90b"
    seen: list[str] = []
    events: list[Event] = []

    async def send(to: str, tool_context: ToolContext) -> str:
        seen.append(tool_context.state["key"])
        return f"sent to {to}"

    async def auto_leaking(to: str, context: ToolContext) -> str:
        Settings.model_validate({"url": to, "timeout": context.state["key"]})
        return "started"

    send.__name__ = name

    async def main() -> None:
        sessions = InMemorySessionService()
        await sessions.create_session(app_name="mail", state={"key": secret}, **USER)
        async with signoff.AsyncClient(own_server.address, token=own_server.agent) as client:
            turn = calls(("call-1", name, {"to": "alice"}), ("call-2", "auto_leaking", {"to": "alice"}))
            agent = an_agent(send, auto_leaking, steps=[turn], on_tool_error_callback=lambda **_: {"result": "failed"})
            runner = a_runner(an_app(agent, ApprovalPlugin(client)), sessions)
            running = asyncio.ensure_future(events_of(runner))
            await before_its_end(running, lambda: approve(own_server, name))
            events.extend(await running)

    with caplog.at_level(logging.DEBUG, "signoff"):
        asyncio.run(main())
    assert seen == [secret]
    approvals = [stored(own_server, each.id) for tool in (name, "auto_leaking") for each in all_of(own_server, tool)]
    assert [dict(each.arguments.items()) for each in approvals] == [{"to": "alice"}] * 2
    assert "timeout" in approvals[1].claim.outcome.message
    assert secret not in str(approvals) + str(events)
    assert secret not in "".join(each.getMessage() for each in caplog.records if each.name == "signoff")
    own_server.drain()
    for file in (tmp_path / "own").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()


@pytest.mark.parametrize("names", [["tool_context"], ["input_stream"], ["to", "bcc"]])
def test_what_the_model_may_not_set(desk: Server, name: str, names: list[str]) -> None:
    """What only ADK gives, and what the tool does not take."""
    runs: list[str] = []

    def send(to: str, tool_context: ToolContext, input_stream: Any = None) -> str:
        runs.append(to)
        return to

    send.__name__ = name
    step = one_call(name, **{"to": "alice", **dict.fromkeys(names, "x")})
    told = results(run(desk, an_agent(send, steps=[step]), timeout=1))
    assert f"{names[-1]} is not a parameter of the tool" in told["call-1"]
    assert runs == []
    assert all_of(desk, name) == []


def test_a_run_that_ended_before(desk: Server, name: str) -> None:
    """The run ends while it waits; a decision afterwards runs nothing."""
    body = Body(name)

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            runner = a_runner(an_app(an_agent(body.tool, steps=[one_call(name)]), ApprovalPlugin(client)))
            stream = runner.run_async(**USER, new_message=user())
            # The model's answer; whoever reads the stream stops there.
            await anext(stream)
            going_on = asyncio.ensure_future(anext(stream))
            waiting = await before_its_end(going_on, lambda: pending(desk, name))
            going_on.cancel()
            await asyncio.wait({going_on})
            await stream.aclose()
            await beside(lambda: decide(desk, waiting, approve=True))

    asyncio.run(main())
    assert body.runs == []

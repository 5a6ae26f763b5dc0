"""Calls that are asked for in one process and run in another."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import grpc
import pytest

import signoff
from conformance import vectors
from conftest import Recorder
from fakes import APPROVED, PENDING, Fake, fail, update
from reviewers import all_of, decide, stored
from servers import Server
from signoff._digest import digest
from signoff._structs import to_struct
from signoff.v1.approval_pb2 import ApprovalStatus, Event
from signoff.v1.approval_service_pb2 import RequestApprovalRequest, WatchApprovalResponse

VECTORS = vectors("handles")
ARGUMENTS = {"to": "alice"}
HANDLE = signoff.Handle("approval-1", "request-1", "send_email", digest("send_email", ARGUMENTS))


class Blocking:
    """A Client; what it is given and gives is as of AsyncClient below."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self._client = signoff.Client(address, token=token)

    def ask(self, call: signoff.Call) -> signoff.Handle:
        with self._client as client:
            return client.ask(call)

    def wait(self, handle: signoff.Handle, **options: Any) -> None:
        with self._client as client:
            client.wait(handle, **options)

    def resume(self, handle: signoff.Handle, function: Callable[[signoff.Run], Any], **options: Any) -> Any:
        with self._client as client:
            return client.resume(handle, function, **options)


class Asyncio:
    def __init__(self, address: str, token: str | None = None) -> None:
        self._client = signoff.AsyncClient(address, token=token)

    def ask(self, call: signoff.Call) -> signoff.Handle:
        async def ask() -> signoff.Handle:
            async with self._client as client:
                return await client.ask(call)

        return asyncio.run(ask())

    def wait(self, handle: signoff.Handle, **options: Any) -> None:
        async def wait() -> None:
            async with self._client as client:
                await client.wait(handle, **options)

        asyncio.run(wait())

    def resume(self, handle: signoff.Handle, function: Callable[[signoff.Run], Any], **options: Any) -> Any:
        async def run(approved: signoff.Run) -> Any:
            return function(approved)

        async def resume() -> Any:
            async with self._client as client:
                return await client.resume(handle, run, **options)

        return asyncio.run(resume())


Kind = type[Blocking] | type[Asyncio]


@pytest.fixture(params=[Blocking, Asyncio])
def kind(request: pytest.FixtureRequest) -> Kind:
    return cast("Kind", request.param)


def watched(*, status: int = APPROVED, arguments: dict[str, Any] | None = None, **fields: Any) -> Any:
    """The approval of HANDLE, in a stream that shows its request and decision; with other fields if they are given."""

    def stream(_: object, __: object) -> Iterator[WatchApprovalResponse]:
        request = RequestApprovalRequest(
            request_id=HANDLE.request_id, tool_name=HANDLE.tool_name, arguments=to_struct(arguments or ARGUMENTS)
        )
        told = update(request, status, revision=2).update
        approval = told.approval
        for name, value in fields.items():
            if name not in ("requested", "shown"):
                setattr(approval, name, value)
        asked = Event(revision=1)
        asked.requested.status, asked.requested.digest = PENDING, fields.get("requested", HANDLE.digest)
        decided = Event(revision=2)
        decided.decided.status = approval.status
        events = [asked, decided]
        told.events.extend(events if fields.get("shown", True) else events[1:])
        yield WatchApprovalResponse(update=told)

    return stream


@pytest.mark.parametrize("value", VECTORS["accepted"])
def test_json(value: dict[str, str]) -> None:
    handle = signoff.Handle.from_json(json.dumps(value))
    assert dataclasses.asdict(handle) == value
    assert json.loads(handle.to_json()) == value
    assert signoff.Handle.from_json(handle.to_json().encode()) == handle


@pytest.mark.parametrize("value", VECTORS["refused"])
def test_what_is_no_handle(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        signoff.Handle.from_json(json.dumps(value))


RESUME = """
import os, sys
import signoff

with signoff.Client() as client:
    @signoff.requires_approval(client, os.environ["TOOL"], hidden=["ctx"])
    def send(ctx: object, to: str, amount: float = 1.5) -> str:
        return f"{ctx} {to} {amount}"

    try:
        print(send.resume(signoff.Handle.from_json(sys.stdin.read()), ctx="context"))
    except signoff.Refusal as refusal:
        print(refusal.kind)
"""


def resumed_elsewhere(server: Server, tool: str, handle: str) -> str:
    environment = {**os.environ, "SIGNOFF_ADDRESS": server.address, "SIGNOFF_TOKEN": server.agent, "TOOL": tool}
    return subprocess.run(
        [sys.executable, "-c", RESUME],
        input=handle,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout


def test_25_asked_here_and_run_in_another_process(server: Server, tool: str) -> None:
    with signoff.Client(server.address, token=server.agent) as client:

        @signoff.requires_approval(client, tool, hidden=["ctx"])
        def send(ctx: object, to: str, amount: float = 1.5) -> None:
            raise AssertionError

        handle = send.ask(ctx=None, to="alice")
    approval = stored(server, handle.approval_id)
    assert (approval.status, approval.request_id, approval.digest) == (PENDING, handle.request_id, handle.digest)
    decide(server, approval, approve=True)
    assert resumed_elsewhere(server, tool, handle.to_json()) == "context alice 1.5\n"
    assert resumed_elsewhere(server, tool, handle.to_json()) == "AlreadyClaimed\n"
    assert len(all_of(server, tool)) == 1


def test_26_another_handle(kind: Kind, server: Server, tool: str, function: Recorder) -> None:
    agent = kind(server.address, server.agent)
    handle = agent.ask(signoff.Call(tool, ARGUMENTS))
    decide(server, stored(server, handle.approval_id), approve=True)
    others: list[tuple[dict[str, str], type[signoff.Refusal], str]] = [
        ({"digest": digest(tool, {})}, signoff.InvalidAnswer, "the request was recorded with other arguments"),
        ({"request_id": "another"}, signoff.InvalidAnswer, "the approval is for another request"),
        ({"tool_name": "another"}, signoff.InvalidAnswer, "the approval is for another tool"),
        ({"approval_id": "0190f3c4-0000-7000-8000-000000000001"}, signoff.RequestFailed, ""),
    ]
    for change, refusal, problem in others:
        other = dataclasses.replace(handle, **change)
        with pytest.raises(refusal) as waited:
            kind(server.address, server.agent).wait(other)
        with pytest.raises(refusal) as resumed:
            kind(server.address, server.agent).resume(other, function)
        assert [getattr(each.value, "problem", "") for each in (waited, resumed)] == [problem] * 2
    assert not function.runs
    assert not stored(server, handle.approval_id).HasField("claim")


def test_26_a_function_for_another_tool(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:

        @signoff.requires_approval(client)
        def delete(to: str) -> None:
            raise AssertionError

        with pytest.raises(ValueError, match="the handle is for the tool send_email"):
            delete.resume(HANDLE)
        with pytest.raises(TypeError, match="the handle must be a Handle"):
            delete.resume(HANDLE.to_json())  # type: ignore[arg-type] # pyright: ignore
    assert not fake.watches


def test_27_edited(kind: Kind, server: Server, tool: str, function: Recorder) -> None:
    handle = kind(server.address, server.agent).ask(signoff.Call(tool, ARGUMENTS))
    decide(server, stored(server, handle.approval_id), approve=True, edited={"to": "bob"})
    kind(server.address, server.agent).wait(handle)
    assert not function.runs
    assert kind(server.address, server.agent).resume(handle, function) == "done"
    assert function.runs == [{"approval_id": handle.approval_id, "arguments": {"to": "bob"}, "edited": True}]


def test_rejected(kind: Kind, server: Server, tool: str, function: Recorder) -> None:
    handle = kind(server.address, server.agent).ask(signoff.Call(tool, ARGUMENTS))
    decide(server, stored(server, handle.approval_id), approve=False, comment="No.")
    with pytest.raises(signoff.Rejected, match="No"):
        kind(server.address, server.agent).wait(handle)
    with pytest.raises(signoff.Rejected, match="No"):
        kind(server.address, server.agent).resume(handle, function)
    # Asking again returns the handle of what was decided, too.
    again = kind(server.address, server.agent).ask(signoff.Call(tool, ARGUMENTS, request_id=handle.request_id))
    assert again == handle
    assert not function.runs


def test_a_wait_that_is_given_up(server: Server, tool: str, function: Recorder) -> None:
    with signoff.Client(server.address, token=server.agent) as client:
        handle = client.ask(signoff.Call(tool, ARGUMENTS))
        stop = signoff.CancelHandle()
        with pytest.raises(signoff.StillWaiting) as refused:
            client.wait(handle, cancel_handle=stop, on_progress=lambda _: stop.cancel())
        assert refused.value.approval_id == handle.approval_id
        with pytest.raises(signoff.StillWaiting):
            client.resume(handle, function, cancel_handle=stop)
        assert stored(server, handle.approval_id).status == ApprovalStatus.APPROVAL_STATUS_PENDING
        other = signoff.CancelHandle()
        with pytest.raises(signoff.Cancelled):
            client.wait(handle, cancel_handle=other, on_progress=lambda _: other.cancel(), cancel_on_abandon=True)
    assert stored(server, handle.approval_id).status == ApprovalStatus.APPROVAL_STATUS_CANCELLED
    assert not function.runs


def test_streams_that_break(kind: Kind, fake: Fake, function: Recorder) -> None:
    fake.on_watch = [lambda _, context: fail(context, grpc.StatusCode.UNAVAILABLE), watched()]
    assert kind(fake.address).resume(HANDLE, function) == "done"
    assert [(each.approval_id, each.after_revision) for each in fake.watches] == [("approval-1", 0)] * 2
    assert function.runs == [{"approval_id": "approval-1", "arguments": ARGUMENTS, "edited": False}]
    assert not fake.asks


def test_patience_bounds_the_first_answer(kind: Kind, fake: Fake, function: Recorder) -> None:
    fake.on_watch = [lambda _, context: fail(context, grpc.StatusCode.UNAVAILABLE)]
    with pytest.raises(signoff.Unavailable):
        kind(fake.address).resume(HANDLE, function, patience=0.3)
    assert not function.runs


@pytest.mark.parametrize(
    ("lie", "refusal", "problem"),
    [
        (watched(id="approval-2"), signoff.InvalidAnswer, "the approval's id changed"),
        (watched(request_id="request-2"), signoff.InvalidAnswer, "the approval is for another request"),
        (watched(tool_name="delete"), signoff.InvalidAnswer, "the approval is for another tool"),
        (watched(shown=False), signoff.InvalidAnswer, "the approval does not show the request"),
        (
            watched(requested=digest("send_email", {})),
            signoff.InvalidAnswer,
            "the request was recorded with other arguments",
        ),
        # A policy approves what was asked for, and not an edit.
        (
            watched(status=ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED, arguments={"to": "eve"}),
            signoff.DigestMismatch,
            "",
        ),
        (watched(digest=digest("send_email", {"to": "eve"})), signoff.DigestMismatch, ""),
    ],
)
def test_lies(
    kind: Kind, fake: Fake, function: Recorder, lie: Any, refusal: type[signoff.Refusal], problem: str
) -> None:
    fake.on_watch = [lie]
    for use in (lambda: kind(fake.address).wait(HANDLE), lambda: kind(fake.address).resume(HANDLE, function)):
        with pytest.raises(refusal) as refused:
            use()
        assert getattr(refused.value, "problem", "") == problem
    assert not fake.claims
    assert not function.runs


def test_what_the_function_cannot_take(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:

        @signoff.requires_approval(client)
        def send_email(to: int) -> None:
            raise AssertionError

        with pytest.raises(signoff.InvalidArguments, match="argument to is not an integer"):
            send_email.ask("alice")  # type: ignore[arg-type] # pyright: ignore
        assert not fake.asks
        fake.on_watch = [watched()]
        with pytest.raises(signoff.InvalidArguments, match="argument to is not an integer"):
            send_email.resume(HANDLE)
    assert not fake.claims


class Mail:
    """Of somebody."""


def test_hidden_parameters(fake: Fake) -> None:
    """Are not needed to ask, where the others are named, and are given by the one who resumes."""
    fake.on_watch = [watched()]
    with signoff.Client(fake.address) as client:

        @signoff.requires_approval(client, "send_email", hidden=["ctx", "key"], run_id="run-1")
        def send(ctx: Mail, to: str, *, key: str = "k") -> Any:
            return ctx, to, key

        class Box:
            @signoff.requires_approval(client, "send_email")
            def send(self, to: str) -> Any:
                return self, to

        context, box = Mail(), Box()
        assert send.ask(to="alice").digest == HANDLE.digest  # type: ignore[call-arg] # pyright: ignore
        assert send.ask(context, "alice").digest == HANDLE.digest
        assert Box.send.ask(box, "alice").digest == HANDLE.digest
        with pytest.raises(TypeError, match="missing a required argument: 'to'"):
            send.ask("alice")  # type: ignore[call-arg,arg-type] # pyright: ignore
        with pytest.raises(TypeError, match="missing a required argument: 'to'"):
            send.ask()  # type: ignore[call-arg] # pyright: ignore
        # Ids name the call that asks, and are left for it.
        with signoff.call_options(call_id="call-1"):
            assert send.resume(HANDLE, context) == (context, "alice", "k")
            assert send.resume(HANDLE, key="x", ctx=context) == (context, "alice", "x")
            assert send.ask(to="alice").request_id.startswith("call:")  # type: ignore[call-arg] # pyright: ignore
        assert Box.send.resume(HANDLE, box) == (box, "alice")
        with pytest.raises(TypeError, match="'ctx'"):
            send.resume(HANDLE)
        with pytest.raises(TypeError, match="'to'"):
            send.resume(HANDLE, context, to="bob")


def test_coroutine_functions(fake: Fake) -> None:
    fake.on_watch = [watched()]

    async def run() -> Any:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, "send_email", hidden=["ctx"])
            async def send(ctx: Mail | None, to: str) -> Any:
                await asyncio.sleep(0)
                return ctx, to

            handle = await send.ask(None, "alice")
            assert handle.digest == HANDLE.digest
            return await send.resume(HANDLE, None)

    assert asyncio.run(run()) == (None, "alice")


def test_wrong_options(kind: Kind, fake: Fake, function: Recorder) -> None:
    with pytest.raises(TypeError, match="unknown option 'reason'"):
        kind(fake.address).wait(HANDLE, reason="x")
    with pytest.raises(ValueError, match="patience must be positive"):
        kind(fake.address).resume(HANDLE, function, patience=0)
    assert not fake.watches

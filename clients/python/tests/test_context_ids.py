"""The id of a call that a context has: it names one call of the model, and no other that is made with the context."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import grpc
import pytest

import signoff
from fakes import APPROVED, PENDING, Context, Fake, fail, update
from signoff._digest import stable_request_id
from signoff.v1.approval_pb2 import Event
from signoff.v1.approval_service_pb2 import RequestApprovalRequest, WatchApprovalRequest, WatchApprovalResponse


class CallId:
    """As LangChain has it; it does not say which tool the call is of."""


CallId.__module__, CallId.__qualname__ = "langchain_core.tools.base", "InjectedToolCallId"

Id = Annotated[str, CallId]
IN_RUN = stable_request_id("run-1", "call-1")


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def watched(fake: Fake) -> Callable[[WatchApprovalRequest, Context], list[WatchApprovalResponse]]:
    """Shows what was asked for last, as approved."""

    def stream(_: WatchApprovalRequest, __: Context) -> list[WatchApprovalResponse]:
        told = update(fake.asks[-1], APPROVED, revision=2).update
        asked, decided = Event(revision=1), Event(revision=2)
        asked.requested.status, asked.requested.digest = PENDING, told.approval.digest
        decided.decided.status = told.approval.status
        told.events.extend([asked, decided])
        return [WatchApprovalResponse(update=told)]

    return stream


def once_each(request: RequestApprovalRequest, context: Context) -> Any:
    """As the server: one request_id is of one tool and its arguments."""
    known = SEEN.setdefault(request.request_id, request)
    if (known.tool_name, known.arguments) != (request.tool_name, request.arguments):
        fail(context, grpc.StatusCode.ALREADY_EXISTS, own="REQUEST_ID_REUSED")
    return [update(request, APPROVED)]


SEEN: dict[str, RequestApprovalRequest] = {}


@pytest.fixture(autouse=True)
def forget() -> None:
    SEEN.clear()


def test_resumed_functions_pass_no_id_on(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, run_id="run-1")
    def inner(to: str, call: Id) -> None: ...

    @signoff.requires_approval(client, run_id="run-1")
    def outer(to: str, call: Id) -> None:
        inner(to, call)

    fake.on_watch = [watched(fake)]
    handle = outer.ask("alice", "call-1")
    outer.resume(handle, "call-1")
    asked, of_inner = fake.asks[0], fake.asks[-1]
    assert (asked.tool_name, asked.request_id) == ("outer", IN_RUN)
    assert of_inner.tool_name == "inner"
    uuid.UUID(of_inner.request_id)


def test_resumed_functions_pass_no_id_on_in_asyncio(fake: Fake) -> None:
    async def run() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, run_id="run-1")
            async def inner(to: str, call: Id) -> None: ...

            @signoff.requires_approval(client, run_id="run-1")
            async def outer(to: str, call: Id) -> None:
                await inner(to, call)

            await outer.resume(await outer.ask("alice", "call-1"), "call-1")

    fake.on_watch = [watched(fake)]
    asyncio.run(run())
    assert fake.asks[-1].tool_name == "inner"
    uuid.UUID(fake.asks[-1].request_id)


def test_functions_with_ids_of_options_pass_none_on(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, run_id="run-1")
    def inner(to: str, call: Id) -> None: ...

    @signoff.requires_approval(client, run_id="run-1")
    def outer(to: str, call: Id) -> None:
        inner("a", call)
        inner("b", call)

    with signoff.call_options(call_id="mine"):
        outer("alice", "call-1")
    assert fake.asks[0].request_id == stable_request_id("run-1", "mine")
    assert len({ask.request_id for ask in fake.asks[1:]}) == 2
    assert IN_RUN not in [ask.request_id for ask in fake.asks]


PROBLEM = r"the context names one call.*call-1.*another.*call_options"


@pytest.mark.parametrize("on_refusal", ["raise", "return"])
@pytest.mark.parametrize("form", ["call", "ask"])
def test_a_second_call_is_an_error_of_use(client: signoff.Client, fake: Fake, on_refusal: Any, form: str) -> None:
    """A tool that is not gated itself passes its id on twice. The second call is not run; the error says what to do."""
    runs: list[str] = []

    @signoff.requires_approval(client, run_id="run-1", on_refusal=on_refusal)
    def send(to: str, call: Id) -> str:
        runs.append(to)
        return "sent"

    fake.on_ask = [once_each] * 4
    again: Any = send if form == "call" else send.ask
    send("alice", "call-1")
    with pytest.raises(TypeError, match=PROBLEM):
        again("bob", "call-1")
    # To try the same call again is no other call.
    again("alice", "call-1")
    with signoff.call_options(call_id="second"):
        again("bob", "call-1")
    assert runs[:1] == ["alice"]
    assert ("bob" in runs) == (form == "call")


def test_a_second_call_of_another_tool_in_asyncio(fake: Fake) -> None:
    async def run() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, run_id="run-1")
            async def log(to: str, call: Id) -> None: ...

            @signoff.requires_approval(client, run_id="run-1")
            async def send(to: str, call: Id) -> None: ...

            await log("alice", "call-1")
            with pytest.raises(TypeError, match=PROBLEM):
                await send("alice", "call-1")
            with pytest.raises(TypeError, match=PROBLEM):
                await send.ask("alice", "call-1")

    fake.on_ask = [once_each] * 3
    asyncio.run(run())


def test_ids_of_options_are_refused_as_before(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, run_id="run-1")
    def inner(to: str) -> None: ...

    @signoff.requires_approval(client, run_id="run-1")
    def send(to: str, call: Id) -> None:
        with signoff.call_options(call_id="mine"):
            inner(to)

    fake.on_ask = [once_each] * 4
    send("alice", "call-1")
    # The function's own refusal, after it has begun.
    SEEN[stable_request_id("run-1", "mine")] = fake.asks[0]
    with pytest.raises(signoff.RequestFailed, match="inner"):
        send("alice", "call-2")
    with signoff.call_options(call_id="mine"), pytest.raises(signoff.RequestFailed):
        send("bob", "call-3")

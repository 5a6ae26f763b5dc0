"""Gated functions: their parameters as arguments of the call."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import signoff
from conftest import Recorder
from fakes import APPROVED, Fake, update
from reviewers import all_of, decide, pending
from servers import Server
from signoff._structs import from_struct, to_struct
from signoff.v1.approval_service_pb2 import RequestApprovalRequest


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def asked(fake: Fake) -> dict[str, Any]:
    return from_struct(fake.asks[-1].arguments)


def test_arguments_are_named(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(to: str, /, subject: str, *, copies: int = 1) -> tuple[str, str, int]:
        """Sends."""
        return to, subject, copies

    assert send("alice", "Hello") == ("alice", "Hello", 1)
    assert fake.asks[-1].tool_name == "send"
    assert asked(fake) == {"to": "alice", "subject": "Hello", "copies": 1}
    assert send("bob", copies=2, subject="Bye") == ("bob", "Bye", 2)
    assert asked(fake) == {"to": "bob", "subject": "Bye", "copies": 2}
    assert send.__doc__ == "Sends."
    assert list(inspect.signature(send).parameters) == ["to", "subject", "copies"]


def test_coroutine_functions(fake: Fake) -> None:
    async def run() -> str:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, "mail.send")
            async def send(to: str, copies: int = 1) -> str:
                await asyncio.sleep(0)
                return f"{copies} to {to}"

            assert inspect.iscoroutinefunction(send)
            return await send("alice")

    assert asyncio.run(run()) == "1 to alice"
    assert fake.asks[-1].tool_name == "mail.send"
    assert asked(fake) == {"to": "alice", "copies": 1}


def test_methods(client: signoff.Client, fake: Fake) -> None:
    class Mail:
        def __init__(self, sender: str) -> None:
            self.sender = sender

        @signoff.requires_approval(client)
        def send(self, to: str) -> str:
            return f"{self.sender} to {to}"

        @classmethod
        @signoff.requires_approval(client)
        def count(cls, days: int) -> str:
            return f"{cls.__name__} {days}"

        @staticmethod
        @signoff.requires_approval(client)
        def check(to: str) -> str:
            return to

        def close(self, now: bool) -> bool:
            return now

    assert Mail("me").send("alice") == "me to alice"
    assert asked(fake) == {"to": "alice"}
    assert Mail.count(7) == "Mail 7"  # type: ignore[call-arg,arg-type]
    assert asked(fake) == {"days": 7}
    assert Mail.check(to="x") == "x"
    assert signoff.requires_approval(client)(Mail("me").close)(True)
    assert asked(fake) == {"now": True}


def test_runs_with_what_was_asked_for(client: signoff.Client, fake: Fake) -> None:
    people = ["alice"]

    def meanwhile(request: RequestApprovalRequest, _: object) -> Any:
        people.append("eve")
        return [update(request, APPROVED)]

    fake.on_ask = [meanwhile]

    @signoff.requires_approval(client)
    def send(to: list[str]) -> list[str]:
        return to

    assert send(people) == ["alice"]


def test_wrong_calls_are_python_s_own_errors(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(to: str) -> None: ...

    with pytest.raises(TypeError, match="missing a required argument"):
        send()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    with pytest.raises(signoff.InvalidArguments) as refused:
        send({"alice"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert (refused.value.path, refused.value.problem) == ("to", "is not JSON, but a set")
    assert not fake.asks


def test_what_cannot_be_decorated(client: signoff.Client) -> None:
    def many(*names: str) -> None: ...
    def any_(**names: str) -> None: ...
    def generator() -> Iterator[int]:
        yield 1

    def any_first(_: Any) -> None: ...
    async def asynchronous() -> None: ...
    def blocking() -> None: ...

    decorate: Any = signoff.requires_approval(client)
    unfits: list[tuple[Any, str]] = [
        (many, r"takes \*names"),
        (any_, r"takes \*\*names"),
        (generator, "is a generator"),
        (asynchronous, "needs an AsyncClient"),
        (staticmethod(blocking), "below @staticmethod"),
        (classmethod(any_first), "below @classmethod"),
        (property(any_first), "below @property"),
        (functools.partial(blocking), "what a partial has bound"),
        (int, "only functions"),
        (None, "only functions"),
    ]
    for function, problem in unfits:
        with pytest.raises(TypeError, match=problem):
            decorate(function)
    with pytest.raises(TypeError, match=r"which .*blocking is not"):
        signoff.requires_approval(signoff.AsyncClient())(blocking)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="unknown option 'reson'"):
        signoff.requires_approval(client, reson="x")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]


def test_options_of_one_call(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, agent_name="bot", reason="As always")
    def send(to: str) -> None: ...

    with signoff.call_options(run_id="run-1", call_id="call-1"):
        with signoff.call_options(call_id="call-2", reason="Just now"):
            send("alice")
        send("bob")
    send("carol")
    alice, bob, carol = fake.asks
    assert (alice.agent.name, alice.agent.run_id, alice.reason) == ("bot", "run-1", "Just now")
    assert (bob.agent.run_id, bob.reason) == ("run-1", "As always")
    assert carol.agent.run_id == ""
    assert alice.request_id != bob.request_id
    assert bob.request_id.startswith("call:")
    with pytest.raises(TypeError, match="unknown option 'runid'"), signoff.call_options(runid="x"):  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        pass


def test_ids_are_of_one_call(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def inner(to: str) -> None: ...

    @signoff.requires_approval(client)
    def outer(to: str) -> None:
        inner(to)

    with signoff.call_options(run_id="run-1", call_id="call-1"):
        outer("alice")
        with pytest.raises(
            TypeError, match=r"^test_ids_are_of_one_call\.<locals>\.outer was called with a call_id that"
        ):
            outer("alice")
    assert [ask.request_id.startswith("call:") for ask in fake.asks] == [True, False]
    assert {ask.agent.run_id for ask in fake.asks} == {"run-1"}
    with signoff.call_options(request_id="mine"):
        with signoff.call_options(reason="Just now"):
            inner("alice")
        with pytest.raises(TypeError, match="request_id that an earlier call took"):
            inner("alice")
    assert [ask.request_id for ask in fake.asks[2:]] == ["mine"]


def test_ids_are_of_one_task(fake: Fake) -> None:
    async def run() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client)
            async def send(to: str) -> str:
                await asyncio.sleep(0)
                return to

            @signoff.requires_approval(client)
            async def twice(to: str) -> str:
                return await send(to) + await send(to)

            with signoff.call_options(request_id="mine"):
                ended = await asyncio.gather(send("alice"), send("bob"), return_exceptions=True)
            assert [type(each) for each in ended] == [str, TypeError]
            with signoff.call_options(request_id="outer"):
                assert await twice("carol") == "carolcarol"

    asyncio.run(run())
    assert [ask.request_id for ask in fake.asks][:2] == ["mine", "outer"]
    assert len({ask.request_id for ask in fake.asks}) == 4


def edits(server: Server, tool: str, edited: dict[str, object]) -> Callable[[object], None]:
    """Approves with these arguments when it is first told of progress: more of it may be on its way by then."""
    told: list[object] = []

    def on_progress(progress: object) -> None:
        told.append(progress)
        if len(told) == 1:
            decide(server, pending(server, tool), approve=True, edited=edited)

    return on_progress


@pytest.mark.parametrize(
    ("edited", "path", "problem"),
    [
        ({"to": "bob"}, "copies", "is missing"),
        ({"to": "bob", "copies": "five"}, "copies", "is not an integer"),
        ({"to": "bob", "copies": 1.5}, "copies", "is not an integer"),
        ({"to": "bob", "copies": True}, "copies", "is not an integer"),
        ({"to": None, "copies": 1}, "to", "is not a string"),
        ({"to": "bob", "copies": 1, "bcc": "eve"}, "bcc", "is not a parameter of the function"),
    ],
)
def test_22_edits_that_the_function_cannot_take(
    server: Server, tool: str, function: Recorder, edited: dict[str, object], path: str, problem: str
) -> None:
    with signoff.Client(server.address, token=server.agent) as client:

        @signoff.requires_approval(client, tool, derive_schema=False, on_progress=edits(server, tool, edited))
        def send(to: str, copies: int = 1) -> None:
            function(signoff.Run("", {"to": to, "copies": copies}, edited=False))

        with pytest.raises(signoff.InvalidEdit) as refused:
            send("alice")
    assert (refused.value.path, refused.value.problem) == (path, problem)
    [approval] = all_of(server, tool)
    assert refused.value.approval_id == approval.id
    assert not approval.HasField("claim")
    assert not function.runs


def test_edits_that_it_can(server: Server, tool: str) -> None:
    with signoff.Client(server.address, token=server.agent) as client:

        @signoff.requires_approval(client, tool, on_progress=edits(server, tool, {"to": "bob", "copies": 3}))
        def send(to: str, /, copies: int = 1) -> tuple[str, int]:
            return to, copies

        assert send("alice") == ("bob", 3)
    assert to_struct({"to": "bob", "copies": 3}) == all_of(server, tool)[0].arguments

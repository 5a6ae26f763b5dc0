"""What the model reads of a refusal: the choice between an exception and the function's result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

import pytest

import signoff
from fakes import Fake
from reviewers import decide, pending
from servers import Server
from signoff.v1.approval_pb2 import ApprovalStatus
from streams import call, is_at, says

TIMED_OUT = says(is_at(ApprovalStatus.APPROVAL_STATUS_TIMED_OUT))
TEXT = "NOT RUN. No reviewer decided on the call to {} in time. Do not work around it."


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address, on_refusal="return") as client:
        yield client


def test_30_rejected(server: Server, tool: str) -> None:
    with signoff.Client(server.address, token=server.agent) as client, ThreadPoolExecutor(1) as executor:

        @signoff.requires_approval(client, tool, on_refusal="return")
        def send(to: str) -> str:
            raise AssertionError

        deciding = executor.submit(lambda: decide(server, pending(server, tool), approve=False, comment="Not today."))
        assert send("alice") == f"NOT RUN. A reviewer rejected the call to {tool}: Not today. Do not try it again."
        deciding.result()


def test_30_rejected_of_asyncio(server: Server, tool: str) -> None:
    async def run() -> Any:
        async with signoff.AsyncClient(server.address, token=server.agent, on_refusal="return") as client:

            @signoff.requires_approval(client, tool)
            async def send(to: str) -> str:
                raise AssertionError

            deciding = asyncio.create_task(
                asyncio.to_thread(lambda: decide(server, pending(server, tool), approve=False, comment="Not today."))
            )
            text = await send("alice")
            await deciding
            return text

    assert asyncio.run(run()) == f"NOT RUN. A reviewer rejected the call to {tool}: Not today. Do not try it again."


def test_the_clients_choice(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(to: str) -> str:
        raise AssertionError

    @signoff.requires_approval(client, on_refusal="raise")
    def strict(to: str) -> int:
        raise AssertionError

    fake.on_ask = [TIMED_OUT]
    assert send("alice") == TEXT.format("send")
    with pytest.raises(signoff.TimedOut):
        strict("alice")
    result: Any = client.run(call(), lambda _: "done")
    assert result == TEXT.format("send_email")
    with pytest.raises(TypeError, match="on_refusal='return' gives text"):
        client.run(call(), number)


def number(_: signoff.Run) -> int:
    raise AssertionError


def test_each_kind_of_refusal(fake: Fake) -> None:
    client = signoff.Client(fake.address, on_refusal="return")

    @signoff.requires_approval(client)
    def send(to: Any, patience: float = 1) -> str:
        raise AssertionError

    assert send(object()) == "NOT RUN. The call to send cannot be approved: argument to is not JSON, but a object."
    assert send("a", "b") == "NOT RUN. The call to send cannot be approved: argument patience is not a number."  # type: ignore[arg-type] # pyright: ignore
    client.close()
    assert send("a").startswith("NOT RUN. The call to send could not be approved, because the approvals server")


def test_handles(client: signoff.Client, fake: Fake) -> None:
    """Asking and waiting have no result that a model reads."""
    handle = client.ask(call(request_id="r"))
    fake.on_watch = [lambda _, context: context.abort_with_status(None)]
    fake.on_ask = [TIMED_OUT]

    @signoff.requires_approval(client, "send_email")
    def send(to: int) -> str:
        raise AssertionError

    with pytest.raises(signoff.InvalidArguments):
        send.ask("alice")  # type: ignore[arg-type] # pyright: ignore
    with pytest.raises(signoff.Unavailable):
        client.wait(handle, patience=0.1)
    result: Any = client.resume(handle, lambda _: "done", patience=0.1)
    assert result.startswith("NOT RUN. The call to send_email is still waiting for approval")


def test_errors_of_the_function_are_raised(client: signoff.Client, fake: Fake) -> None:
    """Also the refusal of a call that it makes itself: it has run."""

    @signoff.requires_approval(client, on_refusal="raise")
    def inner(to: str) -> str:
        raise AssertionError

    @signoff.requires_approval(client)
    def outer(to: str) -> str:
        fake.on_ask = [TIMED_OUT]
        return inner(to)

    with pytest.raises(signoff.TimedOut, match="to inner"):
        outer("alice")
    assert len(fake.claims) == 1


def test_results_that_cannot_be_text(client: signoff.Client) -> None:
    def nothing(to: str) -> None: ...
    def number(to: str) -> int: ...  # type: ignore[empty-body] # pyright: ignore
    def either(to: str) -> Optional[str]: ...  # noqa: UP045
    def anything(to: str): ...  # type: ignore[no-untyped-def] # pyright: ignore
    def unions(to: str) -> int | str: ...  # type: ignore[empty-body] # pyright: ignore

    for each in (nothing, number):
        with pytest.raises(TypeError, match="on_refusal='return' gives text"):
            signoff.requires_approval(client)(each)
        signoff.requires_approval(client, on_refusal="raise")(each)
    for other in (either, anything, unions):
        signoff.requires_approval(client)(other)
    for make in (signoff.Client, signoff.AsyncClient, signoff.requires_approval):
        wrong: Any = make
        with pytest.raises(ValueError, match="on_refusal must be 'raise' or 'return'"):
            wrong(on_refusal="ignore")

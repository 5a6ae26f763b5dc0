"""Functions of the other kind: none of them is reported to have run."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest

import signoff
from conftest import Recorder
from fakes import Fake
from signoff.v1.approval_pb2 import ExecutionResult
from streams import call

FAILED = ExecutionResult.EXECUTION_RESULT_FAILED


class Callee:
    async def __call__(self, _: object) -> str:
        return "done"

    async def method(self, _: object) -> str:
        return "done"


async def two(_: object, run: signoff.Run) -> str:
    return run.approval_id and "done"


def run_async(fake: Fake, function: Any) -> Any:
    async def run() -> Any:
        async with signoff.AsyncClient(fake.address) as client:
            return await client.run(call(), function)

    return asyncio.run(run())


def test_async_clients_run_coroutine_functions_only(fake: Fake, function: Recorder) -> None:
    def indirect(run: signoff.Run) -> Any:
        return Callee().method(run)

    unfits: list[Any] = [function, indirect, Callee]
    for unfit in unfits:
        with pytest.raises(TypeError, match="coroutine functions"):
            run_async(fake, unfit)
    assert not fake.asks
    assert not function.runs


def test_which_have_many_forms(fake: Fake) -> None:
    forms = [Callee(), Callee().method, functools.partial(two, None), AsyncMock(return_value="done")]
    assert [run_async(fake, form) for form in forms] == ["done"] * 4


def test_clients_do_not_run_them(fake: Fake) -> None:
    with signoff.Client(fake.address) as client:
        unfits: list[Any] = [Callee(), Callee().method, functools.partial(two, None)]
        for unfit in unfits:
            with pytest.raises(TypeError, match="need an AsyncClient"):
                _ = client.run(call(), unfit)
    assert not fake.asks


def test_what_turns_out_to_be_one_has_failed(fake: Fake) -> None:
    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    async def send(to: str) -> None:
        raise AssertionError(to)

    with signoff.Client(fake.address) as client:
        with pytest.raises(TypeError, match="returned an awaitable"):
            _ = client.run(call(), lambda _: send("alice"))
        with pytest.raises(TypeError, match="returned an awaitable"):
            signoff.requires_approval(client)(plain(send))("alice")
    assert [report.result for report in fake.reports] == [FAILED, FAILED]
    with pytest.raises(TypeError, match="runs coroutine functions"):
        signoff.requires_approval(signoff.AsyncClient())(plain(send))

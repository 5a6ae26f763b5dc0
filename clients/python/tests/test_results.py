"""Work that has not ended when a function returns: it ends within the gate, or the function has failed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import signoff
from fakes import Fake
from signoff.v1.approval_pb2 import ExecutionResult
from streams import Reached, call

FAILED = ExecutionResult.EXECUTION_RESULT_FAILED
SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED


class Work:
    """Work that must run within the gate, or not at all."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self.runs: list[int] = []
        """The reports that were sent before each run."""

    def run(self, *_: object) -> str:
        self.runs.append(len(self._fake.reports))
        return "done"

    async def coroutine(self) -> str:
        await asyncio.sleep(0)
        return self.run()

    def generator(self) -> Generator[str]:
        yield self.run()

    async def async_generator(self) -> AsyncIterator[str]:
        yield self.run()

    @contextlib.contextmanager
    def manager(self) -> Generator[str]:
        yield self.run()


class Stream:
    """A stream of a library, which works as it is read."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> str:
        return self._work.run()


class AsyncStream:
    """As `Stream`, for event loops."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> str:
        return self._work.run()


@pytest.fixture
def work(fake: Fake) -> Work:
    return Work(fake)


def results(fake: Fake) -> list[tuple[int, str]]:
    return [(report.result, report.message) for report in fake.reports]


def blocking(fake: Fake, function: Callable[[signoff.Run], Any]) -> Any:
    with signoff.Client(fake.address) as client:
        return client.run(call(), function)


def asynchronous(fake: Fake, function: Callable[[], Any]) -> Any:
    async def run() -> Any:
        async def gated(_: signoff.Run) -> Any:
            await asyncio.sleep(0)
            return function()

        async with signoff.AsyncClient(fake.address) as client:
            return await client.run(call(), gated)

    return asyncio.run(run())


GENERATORS: dict[str, Callable[[Work], Any]] = {
    "a generator": Work.generator,
    "a generator expression": lambda work: (work.run() for _ in range(3)),
    "an async generator": Work.async_generator,
    "map": lambda work: map(work.run, [1]),
    "filter": lambda work: filter(work.run, [1]),
    "itertools": lambda work: itertools.starmap(work.run, [(1,)]),
    "a context manager": Work.manager,
    "a library's stream": Stream,
    "a library's stream for event loops": AsyncStream,
    "a generator in a list": lambda work: [1, [work.generator()]],
    "a generator in a dictionary": lambda work: {"a": ("x", {"b": work.generator()})},
}
FUNCTIONS: dict[str, Callable[[Work], Any]] = {
    "a function": lambda work: lambda: work.run(),
    "a method": lambda work: work.run,
    "a partial": lambda work: functools.partial(work.run, 1),
    "a function in a tuple": lambda work: (1, work.run),
}


@pytest.mark.parametrize("kind", [*GENERATORS, *FUNCTIONS])
@pytest.mark.parametrize("gate", [blocking, asynchronous])
def test_work_that_has_not_begun_never_runs(fake: Fake, work: Work, kind: str, gate: Any) -> None:
    made: list[Any] = []

    def function(*_: object) -> Any:
        made.append({**GENERATORS, **FUNCTIONS}[kind](work))
        return made[0]

    text = "returned a generator that has not" if kind in GENERATORS else "returned a function that has not"
    with pytest.raises(TypeError, match=text):
        gate(fake, function)
    [(result, message)] = results(fake)
    assert result == FAILED
    assert text in message
    assert not work.runs
    if kind == "a generator":
        # Nor can what others keep of it.
        assert list(made[0]) == []


def test_coroutines_of_a_client_never_run(fake: Fake, work: Work) -> None:
    for held in (lambda each: each, lambda each: [each], lambda each: {"a": each}):  # pyright: ignore
        with pytest.raises(TypeError, match="returned an awaitable"):
            blocking(fake, lambda _, held=held: held(work.coroutine()))  # type: ignore[misc]
    assert [result for result, _ in results(fake)] == [FAILED] * 3
    assert not work.runs


def test_coroutines_of_an_async_client_are_awaited(fake: Fake, work: Work) -> None:
    async def twice() -> Awaitable[str]:
        await asyncio.sleep(0)
        return work.coroutine()

    assert asynchronous(fake, work.coroutine) == "done"
    assert asynchronous(fake, twice) == "done"
    assert work.runs == [0, 1]
    assert results(fake) == [(SUCCEEDED, "")] * 2


def test_coroutines_in_its_result_never_run(fake: Fake, work: Work) -> None:
    with pytest.raises(TypeError, match="returned an awaitable"):
        asynchronous(fake, lambda: [work.coroutine()])
    assert [result for result, _ in results(fake)] == [FAILED]
    assert not work.runs


def test_its_tasks_are_waited_for(fake: Fake, work: Work) -> None:
    task = asynchronous(fake, lambda: asyncio.ensure_future(work.coroutine()))
    assert task.result() == "done"
    [held] = asynchronous(fake, lambda: {"tasks": [asyncio.ensure_future(work.coroutine())]})["tasks"]
    assert held.result() == "done"
    assert work.runs == [0, 1]
    assert results(fake) == [(SUCCEEDED, "")] * 2


def fail() -> None:
    raise LookupError("no such person")


async def fail_later() -> None:
    fail()


def test_tasks_that_fail_have_failed(fake: Fake) -> None:
    task = asynchronous(fake, lambda: asyncio.ensure_future(fail_later()))
    assert isinstance(task.exception(), LookupError)
    with pytest.raises(LookupError):
        asynchronous(fake, fail_later)
    assert results(fake) == [(FAILED, "no such person")] * 2


@pytest.mark.parametrize("gate", [blocking, asynchronous])
def test_futures_of_threads_are_waited_for(fake: Fake, work: Work, gate: Any) -> None:
    may_run = Reached()

    def run() -> str:
        may_run.wait(30)
        return work.run()

    with ThreadPoolExecutor(1) as executor:

        def submit(*_: object) -> Any:
            futures = [executor.submit(run)]
            may_run.set()
            return futures

        [future] = gate(fake, submit)
        assert future.result() == "done"
        assert work.runs == [0]
        failed = gate(fake, lambda *_: executor.submit(fail))  # pyright: ignore
    assert isinstance(failed.exception(), LookupError)
    cancelled: concurrent.futures.Future[None] = concurrent.futures.Future()
    cancelled.cancel()
    assert gate(fake, lambda *_: cancelled) is cancelled  # pyright: ignore
    assert results(fake) == [(SUCCEEDED, ""), (FAILED, "no such person"), (FAILED, "the work was cancelled")]


def test_results_that_are_no_work(fake: Fake, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("a\n")
    itself: list[Any] = []
    itself.append(itself)
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    with (tmp_path / "file").open() as file:
        for result in (file, iter([1]), range(3), itself, deep, int, {"a": {1, 2}}, object()):
            assert blocking(fake, lambda _, result=result: result) is result  # type: ignore[misc]
    assert {result for result, _ in results(fake)} == {SUCCEEDED}


def test_generators_are_not_gated(fake: Fake, work: Work) -> None:
    with signoff.Client(fake.address) as client:
        for function in (work.generator, functools.partial(work.generator), work.async_generator):
            with pytest.raises(TypeError, match="is a generator"):
                client.run(call(), function)  # type: ignore[arg-type] # pyright: ignore
    assert not fake.asks
    assert not work.runs


def test_what_is_declared_to_return_work(fake: Fake) -> None:
    def iterator() -> Iterator[int]:
        return iter([1])

    def function() -> Callable[[], None]:
        return fail

    def coroutine() -> Coroutine[Any, Any, None]:
        return fail_later()

    def awaitable() -> Awaitable[None]:
        return fail_later()

    def task() -> asyncio.Task[None]:
        return asyncio.ensure_future(fail_later())

    async def stream() -> AsyncIterator[int]:
        raise AssertionError

    with signoff.Client(fake.address) as client:
        unfits: list[tuple[Any, Any]] = [(client, each) for each in (iterator, function, coroutine, awaitable, task)]
        for gate, each in [*unfits, (signoff.AsyncClient(), stream)]:
            with pytest.raises(TypeError, match=r"returns .*, whose work would run outside the gate"):
                signoff.requires_approval(gate)(each)

"""Both kinds of clients behind one face, so that each test is of both."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

import signoff

T = TypeVar("T")


class Agent(ABC):
    """Runs gated calls."""

    def __init__(self, address: str, token: str | None = None, **options: Any) -> None:
        self._address = address
        self._options: dict[str, Any] = {"token": token, **options}

    def run(self, call: signoff.Call, function: Callable[[signoff.Run], T], meanwhile: Meanwhile | None = None) -> T:
        """Runs the call; `meanwhile` runs beside it, in a thread of its own, and must end before this returns.

        It is given a function that makes the caller give up, which works when this runs in the main thread.
        """
        if meanwhile is None:
            return self._run(call, function, lambda _: None)
        with ThreadPoolExecutor(1) as executor:
            beside: list[Future[None]] = []
            try:
                return self._run(call, function, lambda give_up: beside.append(executor.submit(meanwhile, give_up)))
            finally:
                beside[0].result()

    @abstractmethod
    def _run(
        self,
        call: signoff.Call,
        function: Callable[[signoff.Run], T],
        begin: Callable[[Callable[[], None]], None],
    ) -> T: ...


Meanwhile = Callable[[Callable[[], None]], None]


class Blocking(Agent):
    """With a Client; giving up is Ctrl-C."""

    gives_up_with: type[BaseException] = KeyboardInterrupt

    def _run(
        self,
        call: signoff.Call,
        function: Callable[[signoff.Run], T],
        begin: Callable[[Callable[[], None]], None],
    ) -> T:
        with signoff.Client(self._address, **self._options) as client:
            begin(press_ctrl_c)
            return client.run(call, function)


def press_ctrl_c() -> None:
    """Interrupts the main thread as it waits for gRPC, or rests.

    Not elsewhere: Python leaves a Condition locked when it is interrupted as it enters one, and gRPC's are such.
    """
    while not is_at_rest():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)


def is_at_rest() -> bool:
    """Whether the main thread waits within gRPC, or sleeps within the gate."""
    main = threading.main_thread().ident
    assert main
    frame: FrameType | None = sys._current_frames()[main]  # pyright: ignore[reportPrivateUsage]
    if frame and frame.f_code.co_name == "wait":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name in ("_wait_once", "_sleep")


class Asyncio(Agent):
    """With an AsyncClient; giving up is the cancellation of the task."""

    gives_up_with: type[BaseException] = asyncio.CancelledError

    def _run(
        self,
        call: signoff.Call,
        function: Callable[[signoff.Run], T],
        begin: Callable[[Callable[[], None]], None],
    ) -> T:
        async def run() -> T:
            async def gated(approved: signoff.Run) -> T:
                # Somewhere to be cancelled.
                await asyncio.sleep(0)
                return function(approved)

            async with signoff.AsyncClient(self._address, **self._options) as client:
                loop = asyncio.get_running_loop()
                task = asyncio.ensure_future(client.run(call, gated))

                def give_up() -> None:
                    loop.call_soon_threadsafe(task.cancel)

                begin(give_up)
                return await task

        return asyncio.run(run())


KINDS: dict[str, type[Blocking] | type[Asyncio]] = {"blocking": Blocking, "asyncio": Asyncio}

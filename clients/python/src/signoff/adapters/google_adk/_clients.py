"""The gate of either client, in an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from grpc.aio import UsageError

from ..._aio_client import AsyncClient, run_bound_async
from ..._call import Call, Run
from ..._call_options import Seconds
from ..._cancel_handle import CancelHandle
from ..._client import Client, run_bound
from ..._handle import Handle
from ..._warnings import Warnings
from .._asking import pending, pending_async

AnyClient = Client | AsyncClient
Bind = Callable[[Run], Callable[[], Coroutine[Any, Any, Any]]]

_T = TypeVar("_T")


class Asking:
    """Asks, waits and runs with a client.

    An AsyncClient belongs to one event loop. A Client has none: it waits in a thread of its own for each call, so that
    it works in the loops that `Runner.run` makes, one for each run. Tools run in the loop in any case.
    """

    def __init__(self, client: AnyClient) -> None:
        self._client = client
        self._warnings = Warnings()

    def check_loop(self) -> None:
        """Raises TypeError in another event loop than that of the client; the first one is its own from now on."""
        if not isinstance(self._client, AsyncClient):
            return
        try:
            # The connection is made in the loop that asks for it.
            _ = self._client.approvals
        except RuntimeError as error:
            raise TypeError(
                f"{error}: give ApprovalPlugin a Client where runs have loops of their own, as those of Runner.run and "
                "the tools of a live run with a thread pool"
            ) from error
        except UsageError:
            # It was closed, which the gate says.
            return

    async def run(self, call: Call, bind: Bind) -> Any:
        """Runs the call once it is approved; raises a Refusal if it is not to be run."""
        client = self._client
        if isinstance(client, AsyncClient):
            return await run_bound_async(client, call, bind)
        return await _in_thread(lambda stop, bodies: self._run(client, call, bind, stop, bodies))

    async def pending(self, call: Call) -> Handle | None:
        """Asks; the handle while the approval is pending, None once there is a decision."""
        client = self._client
        if isinstance(client, AsyncClient):
            return await pending_async(client, call)
        return await _in_thread(
            lambda stop, _: pending(client, dataclasses.replace(call, cancel_handle=stop), self._warnings)
        )

    async def wait(self, handle: Handle, patience: Seconds) -> None:
        """Waits until the call is approved; raises a Refusal if it is not to be run."""
        client = self._client
        if isinstance(client, AsyncClient):
            await client.wait(handle, patience=patience)
        else:
            await _in_thread(lambda stop, _: client.wait(handle, patience=patience, cancel_handle=stop))

    def _run(self, client: Client, call: Call, bind: Bind, stop: CancelHandle, bodies: _Bodies) -> Any:
        def bound(run: Run) -> Callable[[], Any]:
            body = bind(run)
            return lambda: bodies.run(body)

        return run_bound(client, dataclasses.replace(call, cancel_handle=stop), bound, self._warnings)


class _Bodies:
    """What a thread has the loop run, until the caller gives up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._running: Future[Any] | None = None
        self._is_given_up = False

    def run(self, body: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """For the thread: the result of the body, which runs in the loop."""
        with self._lock:
            if self._is_given_up:
                raise RuntimeError("not run: the caller stopped waiting")
            self._running = asyncio.run_coroutine_threadsafe(body(), self._loop)
        return self._running.result()

    def give_up(self) -> None:
        """For the loop: cancels what runs, and runs nothing more."""
        with self._lock:
            self._is_given_up = True
            if self._running:
                self._running.cancel()


async def _in_thread(work: Callable[[CancelHandle, _Bodies], _T]) -> _T:
    """Does it in a thread of its own: those of the loop's pool are few, and a wait may be long."""
    stop, bodies = CancelHandle(), _Bodies(asyncio.get_running_loop())
    done: Future[_T] = Future()

    def main() -> None:
        try:
            result = work(stop, bodies)
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            done.set_exception(error)
        else:
            done.set_result(result)

    threading.Thread(target=contextvars.copy_context().run, args=(main,), name="signoff", daemon=True).start()
    waiting = asyncio.wrap_future(done)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stop.cancel()
        bodies.give_up()
        # Until the claim is reported, or the request is withdrawn.
        await asyncio.wait({waiting})
        # Or it would be said that nobody looked at the error.
        waiting.exception()
        raise

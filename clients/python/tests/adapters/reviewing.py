"""What people do while an agent runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import grpc

import signoff
from reviewers import READY, decide
from servers import Server
from signoff.v1.approval_pb2 import Approval
from signoff.v1.approval_service_pb2 import WatchPendingRequest

_T = TypeVar("_T")


def beside(work: Callable[[], object]) -> asyncio.Future[object]:
    """Does it in a thread, which does not outlive a test that fails."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[object] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())
        except RuntimeError:
            # The loop is closed: the test has ended.
            return

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is the test's
            tell(lambda failed=error: done.set_exception(failed))  # type: ignore[misc]
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return done


async def before_its_end(running: asyncio.Future[Any], work: Callable[[], _T]) -> _T:
    """Does it while something runs, and returns its result; a run that ends before is a failure."""
    reviewing = beside(work)
    await asyncio.wait({reviewing, running}, return_when=asyncio.FIRST_COMPLETED)
    if not reviewing.done():
        result = running.result()
        # It may end because of this work, of which then only the answer is outstanding.
        await asyncio.wait({reviewing}, timeout=30)
        assert reviewing.done(), f"the run ended before, with {result!r}"
    return cast("_T", await reviewing)


@contextmanager
def reviewing(server: Server, tool: str, decision: Callable[[Approval], dict[str, Any]]) -> Generator[list[Approval]]:
    """Decides on all approvals of the tool, each as the function says, while the `with` lasts."""
    seen: list[Approval] = []
    with signoff.Client(server.address, token=server.reviewer) as client:
        queue = client.approvals.WatchPending(WatchPendingRequest(tool_name=tool), **READY)

        def review() -> None:
            try:
                for change in queue:
                    if change.HasField("pending") and change.pending.id not in [each.id for each in seen]:
                        seen.append(change.pending)
                        decide(server, change.pending, **decision(change.pending))
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.CANCELLED:  # type: ignore[attr-defined]
                    raise

        thread = threading.Thread(target=review)
        thread.start()
        try:
            yield seen
        finally:
            queue.cancel()
            thread.join()


def approve(_: Approval) -> dict[str, Any]:
    return {"approve": True}


def reject(_: Approval) -> dict[str, Any]:
    return {"approve": False, "comment": "Use the staging list."}

"""What people do while an agent runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

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

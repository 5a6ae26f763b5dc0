"""Tells the caller of an asyncio gate how its wait stands, beside the wait."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable

from ._call_options import Progress

_log = logging.getLogger("signoff")


class Teller:
    """Calls `on_progress` once for each Progress, one after the other, and waits for none of them.

    A task of its own awaits what it returns: neither a slow callback nor a cancellation within it touches the wait.
    """

    def __init__(self, tool_name: str, on_progress: Callable[[Progress], object] | None) -> None:
        self._tool_name = tool_name
        self._on_progress = on_progress
        self._untold: deque[Progress] = deque()
        self._telling: asyncio.Future[object] | None = None

    def tell(self, progress: Progress) -> None:
        """Tells of this one, at once or after those before it."""
        self._untold.append(progress)
        self._go_on()

    def stop(self) -> None:
        """Tells no more; what is being told is cancelled."""
        self._untold.clear()
        if self._telling:
            self._telling.cancel()

    def _go_on(self) -> None:
        while self._untold and self._telling is None:
            progress = self._untold.popleft()
            if self._on_progress is None:
                continue
            try:
                told = self._on_progress(progress)
                if inspect.isawaitable(told):
                    self._telling = asyncio.ensure_future(told)
                    self._telling.add_done_callback(self._told)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it says nothing about the approval
                self._failed(error)

    def _told(self, telling: asyncio.Future[object]) -> None:
        self._telling = None
        error = None if telling.cancelled() else telling.exception()
        if error:
            self._failed(error)
        self._go_on()

    def _failed(self, error: BaseException) -> None:
        _log.debug("on_progress of a call to %s failed", self._tool_name, exc_info=error)

"""Stops waiting calls from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


class CancelHandle:
    """Stops the waiting calls of a Client that have this handle, in any thread.

        handle = CancelHandle()
        with call_options(cancel_handle=handle):
            sending = asyncio.to_thread(send_email, "alice@example.com")
        try:
            await asyncio.wait_for(sending, 60)
        finally:
            handle.cancel()

    A waiting call raises StillWaiting, or Cancelled if it is withdrawn (`cancel_on_abandon`), and claims nothing. A
    function that already runs does not stop. Threads and calls may share a handle.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._wakes: list[Callable[[], object]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stops the waiting calls, and calls that begin later. A second call has no effect."""
        with self._lock:
            self._cancelled.set()
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Generator[None]:
        """Calls `wake` when this is cancelled within the `with`, or was before."""
        with self._lock:
            is_cancelled = self._cancelled.is_set()
            self._wakes.append(wake)
        try:
            if is_cancelled:
                wake()
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)

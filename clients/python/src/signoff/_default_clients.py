"""The clients of gates that name none, with their options from the environment: one for each process or event loop."""

from __future__ import annotations

import asyncio
import os
import threading

from ._aio_client import AsyncClient
from ._client import Client

_lock = threading.Lock()
_of_processes: dict[int, Client] = {}
_of_loops: dict[asyncio.AbstractEventLoop, AsyncClient] = {}


def default_client() -> Client:
    """The process's client, made when it is first used. A process that was forked has another."""
    process = os.getpid()
    with _lock:
        if process not in _of_processes:
            _of_processes[process] = Client()
        return _of_processes[process]


def default_async_client() -> AsyncClient:
    """The running event loop's client, made when it is first used."""
    loop = asyncio.get_running_loop()
    with _lock:
        if loop not in _of_loops:
            for closed in [each for each in _of_loops if each.is_closed()]:
                del _of_loops[closed]
            _of_loops[loop] = AsyncClient()
        return _of_loops[loop]

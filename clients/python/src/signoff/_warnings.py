"""Warnings that are logged only once."""

from __future__ import annotations

import asyncio
import logging

from ._call import Call

_log = logging.getLogger("signoff")


class Warnings:
    """The warnings of one gate: a wrapped function, or a client."""

    def __init__(self) -> None:
        self._is_call_said = False
        self._is_loop_said = False
        self._is_schema_said = False

    def of_call(self, call: Call) -> None:
        """Warns of calls that can neither be found again nor be stopped: a retry asks twice."""
        if self._is_call_said or call.request_id or (call.run_id and call.call_id) or call.cancel_handle:
            return
        self._is_call_said = True
        _log.warning(
            "The call to %s has no request_id, no run_id with call_id, and no cancel_handle. "
            "A retry asks for a second approval, and nothing can stop the wait.",
            call.tool_name,
        )

    def of_schema(self, tool_name: str, problem: str) -> None:
        """Warns that the server does not check reviewers' edits."""
        if self._is_schema_said:
            return
        self._is_schema_said = True
        _log.warning(
            "No schema is sent with calls to %s: %s. Set arguments_schema or derive_schema.", tool_name, problem
        )

    def of_event_loop(self) -> None:
        """Warns of blocking calls within an event loop, which block the loop."""
        if self._is_loop_said:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._is_loop_said = True
        _log.warning(
            "A Client blocks the event loop that it is used in while it waits. "
            "Use an AsyncClient, or asyncio.to_thread."
        )

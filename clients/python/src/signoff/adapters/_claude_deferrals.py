"""Calls of the Claude Agent SDK with which a run ends, instead of waiting."""

from __future__ import annotations

import dataclasses
import inspect
import uuid
from collections.abc import Callable
from typing import Any, Literal

from .._aio_client import AsyncClient
from .._call import Call
from .._handle import Handle
from ..v1.approval_service_pb2 import CancelApprovalRequest
from ._asking import pending_async

OnDeferred = Callable[[Handle, dict[str, Any]], object]


@dataclasses.dataclass
class _Held:
    turn: tuple[Any, Any]
    approval_id: str


class Deferrals:
    """Calls with which runs end: the program resumes them later, and asks the gate again.

    It forgets all calls of a turn that have no result but the last one that was deferred, though the model made them at
    once. So one call of a turn is deferred, and the model is told to make the others again.
    """

    def __init__(self, client: AsyncClient, on_deferred: OnDeferred | None) -> None:
        self._client = client
        self._on_deferred = on_deferred
        self._held: dict[str, _Held] = {}

    async def judge(self, given: Any, call: Call) -> Literal["defer", "again", "run"]:
        """Asks for a call, and says what to do with it.

        `defer` while nobody has decided, `again` if another call of its turn is deferred, and `run` once there is a
        decision. A subagent's call cannot be resumed: it is waited for. Raises a Refusal if the call cannot be asked
        for, and what `on_deferred` raises.
        """
        if given.get("agent_id"):
            return "run"
        key, turn = call.call_id or "", (given["session_id"], given.get("prompt_id"))
        # It is asked about again: nothing is held any more.
        self._held.pop(key, None)
        handle = await pending_async(self._client, call)
        if not handle:
            return "run"
        if any(held.turn == turn for held in self._held.values()):
            await self._withdraw(handle.approval_id)
            return "again"
        self._held[key] = _Held(turn, handle.approval_id)
        try:
            told = self._on_deferred(handle, given) if self._on_deferred else None
            if inspect.isawaitable(told):
                await told
        except BaseException:
            self._held.pop(key, None)
            raise
        return "defer"

    def is_held(self, session_id: Any) -> bool:
        """Whether a call of the session waits. A prompt would have the program forget it."""
        return any(held.turn[0] == session_id for held in self._held.values())

    async def give_up(self, key: str) -> bool:
        """Gives up a call that the program goes on with, in place of ending the run; whether there was one."""
        held = self._held.pop(key, None)
        if held:
            await self._withdraw(held.approval_id)
        return held is not None

    async def _withdraw(self, approval_id: str) -> None:
        await self._client.approvals.CancelApproval(
            CancelApprovalRequest(
                approval_id=approval_id,
                request_id=f"cancel:{uuid.uuid4()}",
                reason="another call of the turn waits for approval",
            )
        )

"""Runs that pause: the SDK stores the run, Signoff the calls that it needs approved."""

from __future__ import annotations

from typing import Any

from agents import RunState


async def decisions(state: RunState[Any]) -> None:
    raise NotImplementedError

"""Runs that pause, and go on when there is a decision."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents_at_work import (
    USER,
    Body,
    Scripted,
    a_runner,
    an_agent,
    an_app,
    calls,
    events_of,
    one_call,
    results,
)
from google.adk.apps.app import ResumabilityConfig
from google.adk.events.event import Event
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from reviewing import approve, before_its_end, beside, reviewing

import signoff
from reviewers import all_of, decide, pending
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin, decisions

PROGRAM = Path(__file__).parent / "durable_program.py"


class Durable:
    """An app whose runs pause."""

    def __init__(self, client: Any, agent: Any, **options: Any) -> None:
        self.client = client
        self.sessions = InMemorySessionService()
        self.plugin = ApprovalPlugin(client, durable=True)
        self.runner = a_runner(an_app(agent, self.plugin, **options), self.sessions)

    async def begin(self) -> list[Event]:
        return await events_of(self.runner)

    async def session(self) -> Any:
        return await self.sessions.get_session(app_name="mail", **USER)

    async def go_on(self) -> list[Event]:
        message = await decisions(await self.session(), self.client)
        assert message
        return await events_of(self.runner, message)


RESUMABLE = [{}, {"resumability_config": ResumabilityConfig(is_resumable=True)}]


@pytest.mark.parametrize("options", RESUMABLE, ids=["plain", "resumable"])
@pytest.mark.filterwarnings("ignore")
def test_three_calls(desk: Server, name: str, options: Any) -> None:
    body = Body(name)
    turn = calls(*((f"call-{to}", name, {"to": to, "amount": 1}) for to in ("alice", "bob", "carol")))

    async def main() -> None:
        async with signoff.AsyncClient(desk.address, token=desk.agent) as client:
            agent = an_agent(body.tool, steps=[turn])
            app = Durable(client, agent, **options)
            await app.begin()
            assert len(agent.model.read) == 1
            assert body.runs == []
            by_to = {str(each.arguments["to"]): each for each in all_of(desk, name)}
            assert len(by_to) == 3
            decide(desk, by_to["bob"], approve=False, comment="Not Bob.")
            decide(desk, by_to["carol"], approve=True, edited={"to": "dave", "amount": 3})
            going_on = asyncio.ensure_future(app.go_on())
            await before_its_end(going_on, lambda: decide(desk, by_to["alice"], approve=True))
            told = results(await going_on)
            assert told["call-alice"] == "done for alice"
            assert "Not Bob." in told["call-bob"]
            assert told["call-carol"] == "done for dave"
            assert sorted(each["to"] for each in body.runs) == ["alice", "dave"]
            assert len(all_of(desk, name)) == 3
            assert await decisions(await app.session(), client) is None
            print(agent.model.read[-1])
            assert len(agent.model.read) == 2

    asyncio.run(main())

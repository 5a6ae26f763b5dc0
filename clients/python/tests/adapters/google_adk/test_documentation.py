"""What the documentation says works."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from agents_at_work import USER, Body, an_agent, one_call, user
from google.adk.apps.app import App
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from reviewing import approve, reviewing

import signoff
from reviewers import all_of
from servers import Server
from signoff.adapters.google_adk import ApprovalPlugin

DOCUMENT = (Path(__file__).parents[5] / "docs" / "adapters" / "google-adk.md").read_text()


def test_lines(own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    app, pause, sync = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    for lines in (app, pause, sync):
        assert len([each for each in lines.splitlines() if each]) <= 10
    body = Body(name)
    names: dict[str, Any] = {"App": App, "Runner": Runner, "user": USER}

    def prepare(**others: Any) -> None:
        names.update(
            sessions=InMemorySessionService(),
            agent=an_agent(body.tool, steps=[one_call(name)]),
            message=user(),
            **others,
        )

    async def run(lines: str) -> None:
        # As the lines of an asynchronous function, whose names are kept.
        begin = "async def lines(message):\n" + textwrap.indent(lines, "    ")
        exec(f"{begin}\n    globals().update(locals())", names)
        await names["lines"](names["message"])

    async def main() -> None:
        with reviewing(own_server, name, approve) as seen:
            prepare()
            await run(app)
            assert seen[0].agent.name == "mailer"
            assert len(body.runs) == 1
            prepare()
            await run(pause)
            assert len(body.runs) == 2
            await names["client"].close()

    asyncio.run(main())
    prepare()
    with reviewing(own_server, name, approve):
        exec(sync, names)
    assert len(body.runs) == len(all_of(own_server, name)) == 3


def test_a_later_process_goes_on(own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of a run that pauses, as a process has them that begins after the pause."""
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    _, pause, _ = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    body = Body(name)
    sessions = InMemorySessionService()
    begun, resumed = pause.split("# In a later")[0], pause

    async def main() -> None:
        async with signoff.AsyncClient() as client:
            names: dict[str, Any] = {"App": App, "Runner": Runner, "user": USER, "sessions": sessions, "client": client}
            names["ApprovalPlugin"] = ApprovalPlugin
            names["agent"] = an_agent(body.tool, steps=[one_call(name)])
            exec(begun, names)
            async for _ in names["runner"].run_async(**USER, new_message=user()):
                pass
            names["agent"] = an_agent(body.tool)
            exec("async def lines(message):\n" + textwrap.indent(resumed, "    "), names)
            with reviewing(own_server, name, approve):
                await names["lines"](None)

    asyncio.run(main())
    assert len(body.runs) == len(all_of(own_server, name)) == 1

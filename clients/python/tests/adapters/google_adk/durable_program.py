"""A run in a process of its own: durable_program.py DIRECTORY TOOL begin|wait|go-on|again. Prints what came of it.

begin pauses, and waits for the decision; wait does not pause, but waits within the run; go-on is for what has paused;
again runs the last invocation again, as after a crash. The session is in SQLite.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", r"\[EXPERIMENTAL\]")

from agents_at_work import USER, a_runner, an_agent, an_app, events_of, one_call, results, user  # noqa: E402
from google.adk.apps.app import ResumabilityConfig  # noqa: E402
from google.adk.sessions.sqlite_session_service import SqliteSessionService  # noqa: E402

import signoff  # noqa: E402
from signoff.adapters.google_adk import ApprovalPlugin, decisions  # noqa: E402


async def main(directory: Path, name: str, step: str) -> None:
    def send(to: str) -> str:
        with (directory / "sent").open("a") as sent:
            sent.write(f"{to}\n")
        return f"sent to {to}"

    send.__name__ = name
    sessions = SqliteSessionService(str(directory / "sessions.db"))
    is_new = step in ("begin", "wait")
    agent = an_agent(send, steps=[one_call(name, to="alice")] if is_new else [])
    async with signoff.AsyncClient() as client:
        plugin = ApprovalPlugin(client, durable=step in ("begin", "go-on"))
        app = an_app(agent, plugin, resumability_config=ResumabilityConfig(is_resumable=True))
        runner = a_runner(app, sessions)
        if is_new:
            await events_of(runner, user())
        session = await sessions.get_session(app_name="mail", **USER)
        assert session
        if step == "again":
            invocation_id = session.events[-1].invocation_id
            events = [each async for each in runner.run_async(**USER, invocation_id=invocation_id)]
        else:
            print("paused", flush=True)
            events = await events_of(runner, await decisions(session, client))
        print(*results(events).values(), flush=True)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))

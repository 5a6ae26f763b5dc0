"""What the documentation says works."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from reviewing import approve, reviewing
from runs import Mail, Scripted, call

from reviewers import all_of
from servers import Server

DOCUMENT = (Path(__file__).parents[5] / "docs" / "adapters" / "agent-framework.md").read_text()


def test_lines(own_server: Server, mail: Mail, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    waits, pauses = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    assert len([each for each in waits.splitlines() if each]) <= 10
    before, after = pauses.split("# Later, in any process:\n")
    names: dict[str, Any] = {"model": Scripted([call(tool)]), "tools": [mail.tool]}

    async def run(lines: str) -> None:
        # As the lines of an asynchronous function, whose names are kept.
        exec(f"async def lines():\n{textwrap.indent(lines, '    ')}\n    globals().update(locals())", names)
        await names["lines"]()

    async def main() -> None:
        with reviewing(own_server, tool, approve) as seen:
            await run(waits)
        assert seen[0].agent.name == "mailer"
        names["model"] = Scripted([call(tool)])
        await run(before)
        assert names["response"].user_input_requests
        with reviewing(own_server, tool, approve):
            # The lines say `session, … = …` before they read it.
            await run(f"stored = globals()['stored']\n{after}")
        await names["client"].close()

    asyncio.run(main())
    assert names["response"].text == "done"
    assert len(mail.runs) == len(all_of(own_server, tool)) == 2

"""What the documentation says works."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.toolsets import FunctionToolset
from reviewing import approve, reviewing
from runs import Mail, call, scripted

from reviewers import all_of
from servers import Server

DOCUMENT = (Path(__file__).parents[5] / "docs" / "adapters" / "pydantic_ai.md").read_text()


def test_lines(own_server: Server, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    agent, toolset, pause = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    for lines in (agent, toolset, pause):
        assert len([each for each in lines.splitlines() if each]) <= 10
    mail = Mail(tool)
    before, after = pause.split("# Later, in any process:\n")
    names: dict[str, Any] = {
        "model": scripted([call(tool)], []),
        "tools": [mail.tool],
        "toolset": FunctionToolset([mail.tool]),
    }

    async def run(lines: str) -> None:
        # As the lines of an asynchronous function, whose names are kept.
        exec(f"async def lines():\n{textwrap.indent(lines, '    ')}\n    globals().update(locals())", names)
        await names["lines"]()

    async def main() -> None:
        with reviewing(own_server, tool, approve) as seen:
            await run(agent)
            await run(toolset)
        assert seen[0].agent.name == "mailer"
        await run(before)
        with reviewing(own_server, tool, approve):
            await run(after)
        await names["client"].close()

    asyncio.run(main())
    assert names["result"].output == "done"
    assert len(mail.runs) == len(all_of(own_server, tool)) == 3

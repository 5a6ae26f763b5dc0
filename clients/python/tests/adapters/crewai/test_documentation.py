"""What the documentation says works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from crewai import Crew, Task
from reviewing import approve, reviewing
from runs import Mail, Scripted, call, mailer

from reviewers import all_of
from servers import Server

DOCUMENT = (Path(__file__).parents[5] / "docs" / "adapters" / "crewai.md").read_text()


def test_lines(
    own_server: Server, tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    crew, agent, tools, again = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    mail = Mail(tool)
    names: dict[str, Any] = {"Crew": Crew, "send_email": mail.tool, "delete_record": mail.tool}

    def run(lines: str) -> None:
        assert len([each for each in lines.splitlines() if each]) <= 10
        worker = mailer(Scripted([[call(tool)]], native=True), [mail.tool])
        task = Task(description="Write.", expected_output="Text.", agent=worker)
        names.update(mailer=worker, task=task)
        exec(lines, names)

    with reviewing(own_server, tool, approve) as seen:
        for lines in (crew, agent, again):
            run(lines)
            assert names["result"].raw == "done"
        run(tools)
        assert capsys.readouterr().out.endswith("sent 1 to alice@example.com\n")
        # A second time.
        run(again)
    assert [each.agent.name for each in seen] == ["Mailer", "Mailer", "Mailer", "mailer"]
    assert seen[2].agent.run_id == "ticket-7"
    assert len(mail.runs) == len(all_of(own_server, tool)) == 4
    names["client"].close()

"""README shows the examples as they are, and they work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reviewers import decide, pending
from servers import Server

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(example: Path, server: Server) -> str:
    environment = {**os.environ, "SIGNOFF_ADDRESS": server.address, "SIGNOFF_TOKEN": server.agent}
    return subprocess.run(
        [sys.executable, example], env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=120
    ).stdout


def outcome(example: Path, server: Server, tool: str, *, approve: bool) -> str:
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(run, example, server)
        decide(server, pending(server, tool), approve=approve, comment="Not today.")
        return running.result()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_shown_as_it_is(example: Path) -> None:
    [shown] = re.findall(rf"<!-- examples/{example.name} -->\n\n```python\n(.*?)```\n", readme(), re.DOTALL)
    assert shown == example.read_text()


def readme() -> str:
    return (ROOT / "README.md").read_text()


def test_send_email(own_server: Server) -> None:
    example = ROOT / "examples" / "send_email.py"
    approved = outcome(example, own_server, "send_email", approve=True)
    assert approved.endswith("sent 'Welcome' to alice@company.com\n")
    rejected = outcome(example, own_server, "send_email", approve=False)
    assert rejected.endswith("NOT RUN. A reviewer rejected the call to send_email: Not today. Do not try it again.\n")


def test_async_run(own_server: Server) -> None:
    example = ROOT / "examples" / "async_run.py"
    approved = outcome(example, own_server, "search_records", approve=True)
    assert approved == "found nothing for 'Alice', edited: False\n"
    assert "NOT RUN AGAIN." in run(example, own_server)

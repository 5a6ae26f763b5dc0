"""The programs that a newcomer types: those of the project's README and of docs/start.md."""

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

REPOSITORY = Path(__file__).parents[3]


def run(program: Path, server: Server) -> str:
    environment = {**os.environ, "SIGNOFF_ADDRESS": server.address, "SIGNOFF_TOKEN": server.agent}
    return subprocess.run(
        [sys.executable, program], env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=120
    ).stdout


def decided(program: Path, server: Server, *, approve: bool) -> str:
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(run, program, server)
        decide(server, pending(server, "send_email"), approve=approve, comment="Not today.")
        return running.result()


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_first_program(page: str, own_server: Server, tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```\n", (REPOSITORY / page).read_text(), re.DOTALL)
    program = tmp_path / "agent.py"
    program.write_text(code)
    assert decided(program, own_server, approve=True).endswith("sent 'Welcome' to alice@company.com\n")
    assert run(program, own_server).splitlines()[-1].startswith("NOT RUN AGAIN.")
    program.write_text(code.replace('call_id="', 'call_id="another-'))
    assert "NOT RUN. A reviewer rejected the call" in decided(program, own_server, approve=False)

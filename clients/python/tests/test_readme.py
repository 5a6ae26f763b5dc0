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


def run(example: Path, server: Server, *arguments: str) -> str:
    environment = {**os.environ, "SIGNOFF_ADDRESS": server.address, "SIGNOFF_TOKEN": server.agent}
    return subprocess.run(
        [sys.executable, example, *arguments],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
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


def test_handles(own_server: Server) -> None:
    example = ROOT / "examples" / "handles.py"
    handle = run(example, own_server)
    decide(own_server, pending(own_server, "process_payment"), approve=True)
    assert run(example, own_server, handle) == "paid 12.50, due 2027-01-15\n"
    assert run(example, own_server, handle).startswith("NOT RUN AGAIN.")


def snippet(first_line: str) -> str:
    """The piece of Python in README that begins with this line."""
    [found] = [
        each for each in re.findall(r"```python\n(.*?)```\n", readme(), re.DOTALL) if each.startswith(first_line)
    ]
    return str(found)


def indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


PREFACE = """
import asyncio, contextvars, types
from concurrent.futures import ThreadPoolExecutor
import signoff
client = signoff.Client()
conversation, tool_call = types.SimpleNamespace(id="c"), types.SimpleNamespace(id="t")

@signoff.requires_approval(client, "auto.send")
def send_email(to: str) -> str:
    return f"sent to {to}"
"""


def test_recipes(own_server: Server, tmp_path: Path) -> None:
    """Those of options, of threads and of handles."""
    around_a_call = snippet("with signoff.call_options(")
    in_a_thread = snippet("executor.submit(").rstrip()
    with_a_handle = snippet("handle = ")
    listing = snippet("from signoff.v1")
    program = tmp_path / "recipes.py"
    program.write_text(
        f"{PREFACE}\n{around_a_call}\n"
        f"with ThreadPoolExecutor(1) as executor:\n    print({in_a_thread}.result())\n"
        f"async def main() -> None:\n{indented(with_a_handle)}\nasyncio.run(main())\n"
    )
    # Both the call around which options are set and the one with the handle have the same ids.
    program.write_text(program.read_text().replace("call_id=tool_call.id):", 'call_id="first"):', 1))
    assert run(program, own_server).splitlines() == ["sent to alice@company.com"] * 2
    program.write_text(f"{PREFACE}\n{listing}")
    with ThreadPoolExecutor(1) as executor:
        asking = executor.submit(run, ROOT / "examples" / "send_email.py", own_server)
        waiting = pending(own_server, "send_email")
        environment = {**os.environ, "SIGNOFF_ADDRESS": own_server.address, "SIGNOFF_TOKEN": own_server.reviewer}
        listed = subprocess.run(
            [sys.executable, program], env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=120
        )
        assert listed.stdout == f"{waiting.id} send_email\n"
        decide(own_server, waiting, approve=True)
        asking.result()

"""What the documentation and the example say works."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphs import Mail, Scripted, State, call
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from reviewing import approve, reviewing

from reviewers import all_of
from servers import BINARY, Server

ROOT = Path(__file__).parents[5]
DOCUMENT = (ROOT / "docs" / "adapters" / "langgraph.md").read_text()


def test_lines(own_server: Server, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    agent, graph, pause = re.findall(r"```python\n(.*?)```\n", DOCUMENT, re.DOTALL)
    for lines in (agent, graph, pause):
        assert len([each for each in lines.splitlines() if each]) <= 10
    mail = Mail(tool)
    names: dict[str, Any] = {"model": Scripted(calls=[call(tool)], read=[]), "tools": [mail.tool]}
    with reviewing(own_server, tool, approve) as seen:
        exec(agent, names)
        names["graph"] = builder = StateGraph(State)
        builder.add_node("model", lambda state: {"messages": [names["model"].invoke(state["messages"])]})
        builder.add_edge(START, "model")
        builder.add_edge("tools", "model")
        exec(graph, names)
        builder.compile().invoke({"messages": [("human", "go")], "secret": ""})
        before, after = pause.split("# Later, in any process:\n")
    names["checkpointer"] = InMemorySaver()
    exec(before, names)
    with reviewing(own_server, tool, approve):
        exec(after, names)
    names["client"].close()
    assert [each.agent.name for each in seen] == ["mailer", "mailer"]
    assert [each.agent.run_id for each in seen] == ["conversation-7", ""]
    assert len(mail.runs) == len(all_of(own_server, tool)) == 3


def demo(
    tmp_path: Path, binary: str, example: Path = ROOT / "examples" / "langgraph"
) -> subprocess.CompletedProcess[str]:
    """Runs the example, as from another directory. Its processes must have ended with it."""
    environment = {**os.environ, "SIGNOFF_BIN": binary, "PYTHON": sys.executable, "TMPDIR": str(tmp_path)}
    environment["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
    # What the demo starts has this in its environment.
    environment["OF_THE_DEMO"] = str(tmp_path)
    ran = subprocess.run(
        [example / "demo"],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not processes_with(f"OF_THE_DEMO={tmp_path}")
    assert not list(tmp_path.glob("tmp.*"))
    return ran


def processes_with(variable: str) -> list[str]:
    """The commands of processes that have the variable."""
    found: list[str] = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable.encode() in (directory / "environ").read_bytes().split(b"\0"):
                found.append((directory / "cmdline").read_text())
    return found


EXPECTED = """\
Support:
 → search_records {'query': 'Alice'}
 ← record 17: Alice, alice@example.com, paid twice
 → send_email {'to': 'team@company.com', 'subject': 'Alice paid twice', 'body': 'Record 17.'}
 → send_email {'to': 'alice@example.com', 'subject': 'Your refund', 'body': 'It is on its way.'}
   (reviewer) send_email, asked for by Support
 ← sent 'Alice paid twice' (10 characters) to team@company.com
 ← sent 'Your refund' (17 characters) to alice@example.com
 → delete_record {'record_id': 17}
   (reviewer) delete_record, asked for by Support
 ← NOT RUN. A reviewer rejected the call to delete_record: Keep it until the audit. Do not try it again.
 → process_payment {'amount': 250.0, 'to': 'alice@example.com'}
 ← NOT RUN. The policy does not allow the call to process_payment: Support does not pay. \
Hand the customer over to Billing. Do not try it again.
 → transfer_to_billing {}
 ← Billing takes over.
Billing:
 → process_payment {'amount': 250.0, 'to': 'alice@example.com'}
   (reviewer) process_payment, asked for by Support → Billing
 ← paid 125.00 to alice@example.com
Alice has her money back.
"""


def test_example(tmp_path: Path) -> None:
    """Progress is shown while each of the three calls waits."""
    ran = demo(tmp_path, os.path.relpath(Path(BINARY).resolve(), tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    waits = [line for line in lines if line.startswith("   … ")]
    assert len(waits) >= 3
    assert all(line.startswith("   … Waiting for approval from a reviewer") for line in waits)
    # A result may come before or after somebody is asked about another call.
    assert sorted(line for line in lines if line not in waits) == sorted(EXPECTED.splitlines())


def test_example_without_the_hand_over(tmp_path: Path) -> None:
    example = shutil.copytree(ROOT / "examples" / "langgraph", tmp_path / "example")
    policy = example / "policy.yaml"
    hand_over = "    tools: [transfer_to_billing]\n    auto_approve: {}"
    assert hand_over in policy.read_text()
    refused = hand_over.replace("auto_approve: {}", "auto_reject: { message: Billing is closed. }")
    policy.write_text(policy.read_text().replace(hand_over, refused))
    ran = demo(tmp_path, str(Path(BINARY).resolve()), example)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1].endswith("Billing is closed. Do not try it again.")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'no space left' >&2; exit 1", "Cannot start the server:\nno space left\n"),
        (None, "Cannot run ./signoff"),
    ],
)
def test_example_without_a_server(tmp_path: Path, script: str | None, says: str) -> None:
    if script:
        (tmp_path / "signoff").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "signoff").chmod(0o755)
    ran = demo(tmp_path, "./signoff")
    assert ran.returncode == 1
    assert ran.stderr.startswith(says)

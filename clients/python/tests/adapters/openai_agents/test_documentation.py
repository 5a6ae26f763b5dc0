"""What docs and example show of the OpenAI Agents SDK works as it is shown."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunConfig, RunContextWrapper, Runner, RunState, function_tool
from models import calls, outputs, says, scripted
from reviewing import before_its_end

import signoff
from reviewers import all_of, decide, pending
from servers import BINARY, Server
from signoff.adapters.openai_agents import decisions

ROOT = Path(__file__).parents[5]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/adapters/openai-agents.md").read_text(), re.DOTALL)


def body(block: str) -> str:
    return f"async def program() -> None:\n    global result, state, send_email\n{textwrap.indent(block, '    ')}"


def run(server: Server, block: str, scope: dict[str, Any], meanwhile: Any, then: Any = None) -> None:
    """Runs lines of the docs, and the reviewer beside them."""
    exec(compile(body(block), "docs", "exec", dont_inherit=True), scope)

    async def main() -> None:
        async with signoff.AsyncClient(server.address, token=server.agent) as client:
            scope["client"] = client
            running = asyncio.ensure_future(scope["program"]())
            if meanwhile:
                await before_its_end(running, meanwhile)
            await running
            if then:
                await then()

    asyncio.run(main())


async def send_email(to: str) -> str:
    """Sends."""
    return f"sent to {to}"


def triage(*steps: Any) -> Agent[Any]:
    mailer = Agent[Any](name="Mailer", model=scripted(*steps, says("end")), tools=[function_tool(send_email)])
    return Agent(name="Triage", model=scripted(calls(("call-0", "transfer_to_mailer", {}))), handoffs=[mailer])


ONE = calls(("call-1", "send_email", {"to": "alice"}))


def test_all_tools(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    scope = {"triage": triage(ONE), "Runner": Runner, "RunConfig": RunConfig}
    run(own_server, BLOCKS[0], scope, lambda: decide(own_server, pending(own_server, "send_email"), approve=True))
    assert outputs(scope["result"]) == {"call-1": "sent to alice"}
    assert [each.agent.run_id for each in all_of(own_server, "send_email")] == ["conversation-7"]


def test_paused(own_server: Server, tmp_path: Path) -> None:
    from signoff.adapters.openai_agents import gate

    scope: dict[str, Any] = {
        "triage": triage(ONE),
        "Runner": Runner,
        "RunState": RunState,
        "decisions": decisions,
        "gate": gate,
        "stored": tmp_path / "state",
    }
    run(own_server, BLOCKS[1], scope, lambda: decide(own_server, pending(own_server, "send_email"), approve=True))
    assert (tmp_path / "state").exists()
    # Again, as a process that finds the stored run.
    scope["triage"] = triage()
    run(own_server, BLOCKS[1], scope, None)
    assert len(all_of(own_server, "send_email")) == 1


def test_one_tool(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The article's pattern."""
    monkeypatch.setenv("SIGNOFF_ADDRESS", own_server.address)
    monkeypatch.setenv("SIGNOFF_TOKEN", own_server.agent)
    name = "send_email"
    scope: dict[str, Any] = {
        "signoff": signoff,
        "function_tool": function_tool,
        "RunContextWrapper": RunContextWrapper,
        "Any": Any,
    }
    results: list[Any] = []

    async def then() -> None:
        tool = scope[name]
        assert set(tool.params_json_schema["properties"]) == {"to", "subject"}
        steps = [calls((f"call-{each}", name, {"to": "alice", "subject": "Hello"})) for each in (1, 2)]
        agent = Agent[Any](name="Mailer", model=scripted(*steps, says("end")), tools=[tool])
        running = asyncio.ensure_future(Runner.run(agent, "go", context={"key": "secret"}))

        def review() -> None:
            first = pending(own_server, name)
            assert first.agent.name == "Mailer"
            decide(own_server, first, approve=True)
            second = pending(own_server, name)
            while second.id == first.id:
                second = pending(own_server, name)
            decide(own_server, second, approve=False, comment="One is enough.")

        await before_its_end(running, review)
        results.append(await running)

    run(own_server, BLOCKS[2], scope, None, then)
    assert outputs(results[0]) == {
        "call-1": "sent 'Hello' to alice",
        "call-2": "NOT RUN. A reviewer rejected the call to send_email: One is enough. Do not try it again.",
    }
    assert "secret" not in str(all_of(own_server, name))


EXPECTED = """\
Support:
 → search_records {"query":"Alice"}
 ← record 17: Alice, alice@example.com, paid twice
 → send_email {"to":"team@company.com","subject":"Alice paid twice","body":"Record 17."}
 → send_email {"to":"alice@example.com","subject":"Your refund","body":"It is on its way."}
   (reviewer) send_email, asked for by Support
 ← sent 'Alice paid twice' (10 characters) to team@company.com
 ← sent 'Your refund' (17 characters) to alice@example.com
 → delete_record {"record_id":17}
   (reviewer) delete_record, asked for by Support
 ← NOT RUN. A reviewer rejected the call to delete_record: Keep it until the audit. Do not try it again.
 → process_payment {"amount":250.0,"to":"alice@example.com"}
 ← NOT RUN. The policy does not allow the call to process_payment: Support does not pay. \
Hand the customer over to Billing. Do not try it again.
Billing:
 → process_payment {"amount":250.0,"to":"alice@example.com"}
   (reviewer) process_payment, asked for by Support → Billing
 ← paid 125.00 to alice@example.com
Alice has her money back.
"""


def test_example() -> None:
    """One command; progress is shown while each of the three calls waits."""
    pytest.importorskip("agents.testing")
    environment = {**os.environ, "PYTHON": sys.executable, "SIGNOFF_BIN": BINARY}
    shown = subprocess.run(
        [ROOT / "examples/openai_agents/run"], env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines(keepends=True)
    waits = [line for line in shown if line.startswith("   … ")]
    assert len(waits) >= 3
    assert all(line.startswith("   … Waiting for approval from a reviewer") for line in waits)
    assert "".join(line for line in shown if line not in waits) == EXPECTED

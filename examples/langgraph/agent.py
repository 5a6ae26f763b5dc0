"""An agent with three sensitive tools. The policy of the server, ../policy.yaml, says which calls need a person."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from model import ScriptedModel

import signoff
from signoff.adapters.langchain import ApprovalMiddleware


@tool
def send_email(to: str, subject: str, body: str) -> str:
    """Sends an email."""
    return f"sent {subject!r} with {len(body)} characters to {to}"


@tool
def delete_record(record_id: str) -> str:
    """Deletes a record of the customer database."""
    return f"deleted {record_id}"


@tool
def process_payment(to: str, amount: float) -> str:
    """Pays from the company's account."""
    return f"paid {amount:.2f} to {to}"


def told(progress: signoff.Progress) -> None:
    """Shows how a wait stands."""
    print(f"… {progress.message}", flush=True)


def main() -> None:
    """Runs the agent, and prints each result as the model reads it."""
    with signoff.Client() as client:
        agent: Any = create_agent(
            ScriptedModel(),
            [send_email, delete_record, process_payment],
            middleware=[ApprovalMiddleware(client, agent_name="assistant", on_progress=told)],
        )
        task = {"messages": [HumanMessage("Tell Alice of the refund, remove C-17 and pay Bob his 250.")]}
        for update in agent.stream(task, stream_mode="updates"):
            for message in update.get("tools", {}).get("messages", ()):
                if isinstance(message, ToolMessage):
                    print(f"{message.name}: {message.content}", flush=True)
            for message in update.get("model", {}).get("messages", ()):
                if message.content:
                    print(f"model: {message.content}", flush=True)


main()

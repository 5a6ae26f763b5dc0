"""The tools. They only print a text: the example shows when they run, and with which arguments."""

from __future__ import annotations

from langchain.tools import ToolRuntime
from langchain_core.tools import tool


@tool
def search_records(query: str) -> str:
    """Finds records of customers."""
    return f"record 17: {query}, alice@example.com, paid twice"


@tool
def send_email(to: str, subject: str, body: str, runtime: ToolRuntime[dict[str, str]]) -> str:
    """Sends an email."""
    assert runtime.context["smtp_password"], "the context is passed on, and no reviewer sees it"
    return f"sent {subject!r} ({len(body)} characters) to {to}"


@tool
def delete_record(record_id: int) -> str:
    """Deletes a record."""
    return f"deleted record {record_id}"


@tool
def process_payment(amount: float, to: str) -> str:
    """Pays an amount to a customer."""
    return f"paid {amount:.2f} to {to}"


@tool(return_direct=True)
def transfer_to_billing() -> str:
    """Hands the customer over to Billing."""
    return "Billing takes over."

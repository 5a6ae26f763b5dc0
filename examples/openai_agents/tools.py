"""The tools. They only print a text: the example shows when they run, and with which arguments."""

from agents import RunContextWrapper, function_tool


@function_tool
async def search_records(query: str) -> str:
    """Finds records of customers."""
    return f"record 17: {query}, alice@example.com, paid twice"


@function_tool
async def send_email(ctx: RunContextWrapper[dict[str, str]], to: str, subject: str, body: str) -> str:
    """Sends an e-mail."""
    assert ctx.context["smtp_password"], "the context is passed on, and no reviewer sees it"
    return f"sent {subject!r} ({len(body)} characters) to {to}"


@function_tool
async def delete_record(record_id: int) -> str:
    """Deletes a record."""
    return f"deleted record {record_id}"


@function_tool
async def process_payment(amount: float, to: str) -> str:
    """Pays an amount to a customer."""
    return f"paid {amount:.2f} to {to}"

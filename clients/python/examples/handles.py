"""Asks for a call, and prints its handle. With a handle, waits for the decision and runs the call, in any process."""

import sys
from datetime import date
from decimal import Decimal

import signoff

client = signoff.Client(on_refusal="return")


@signoff.requires_approval(client)
def process_payment(amount: Decimal, due: date) -> str:
    return f"paid {amount}, due {due}"


with client:
    if len(sys.argv) == 1:
        print(process_payment.ask(Decimal("12.50"), date(2027, 1, 15)).to_json())
    else:
        print(process_payment.resume(signoff.Handle.from_json(sys.argv[1])))

"""The scripted models, so that the example needs no network. To use real models, omit `model`."""

from agents.testing import ScriptedModel, assistant_message, function_call

SUPPORT = ScriptedModel(
    [
        [function_call("search_records", {"query": "Alice"}, call_id="search")],
        # Two calls at once: one needs nobody, the other a person.
        [
            function_call(
                "send_email",
                {"to": "team@company.com", "subject": "Alice paid twice", "body": "Record 17."},
                call_id="mail-to-team",
            ),
            function_call(
                "send_email",
                {"to": "alice@example.com", "subject": "Your refund", "body": "It is on its way."},
                call_id="mail-to-alice",
            ),
        ],
        [function_call("delete_record", {"record_id": 17}, call_id="delete")],
        [function_call("process_payment", {"amount": 250.0, "to": "alice@example.com"}, call_id="payment-by-support")],
        [function_call("transfer_to_billing", {}, call_id="handoff")],
    ]
)

BILLING = ScriptedModel(
    [
        [function_call("process_payment", {"amount": 250.0, "to": "alice@example.com"}, call_id="payment-by-billing")],
        [assistant_message("Alice has her money back.")],
    ]
)

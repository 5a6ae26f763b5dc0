"""An agent's tool that runs only with an approval."""

import signoff

client = signoff.Client()  # from SIGNOFF_ADDRESS and SIGNOFF_TOKEN


@signoff.requires_approval(client, reason="Welcome mail", on_progress=lambda progress: print(progress.message))
def send_email(to: str, subject: str = "Welcome") -> str:
    """Only returns a text: the example shows when it runs, and with which arguments."""
    return f"sent {subject!r} to {to}"


with client:
    try:
        print(send_email("alice@company.com"))
    except signoff.Refusal as refusal:
        # For the model: why the call was not made.
        print(refusal)

"""Decides in place of a person, for `./demo`. With `./demo --ask` you decide, with `signoff pending`."""

import uuid
from typing import Any

import signoff
from signoff.v1.approval_pb2 import VoteChoice
from signoff.v1.approval_service_pb2 import DecideRequest, WatchApprovalRequest, WatchPendingRequest

DECISIONS: dict[str, dict[str, Any]] = {
    "send_email": {"choice": VoteChoice.VOTE_CHOICE_APPROVE},
    "delete_record": {"choice": VoteChoice.VOTE_CHOICE_REJECT, "comment": "Keep it until the audit."},
    "process_payment": {
        "choice": VoteChoice.VOTE_CHOICE_APPROVE,
        "edited_arguments": {"amount": 125.0, "to": "alice@example.com"},
        "comment": "Half of it was right.",
    },
}

with signoff.Client() as client:
    for change in client.approvals.WatchPending(WatchPendingRequest()):
        if not change.HasField("pending"):
            continue
        approval = change.pending
        agents = " → ".join([*approval.agent.chain, approval.agent.name])
        print(f"   (reviewer) {approval.tool_name}, asked for by {agents}", flush=True)
        # Waits for the agent's first progress message, as a slow person would.
        watch = client.approvals.WatchApproval(WatchApprovalRequest(approval_id=approval.id))
        next(message for message in watch if message.HasField("progress"))
        watch.cancel()
        client.approvals.Decide(
            DecideRequest(
                approval_id=approval.id,
                request_id=str(uuid.uuid4()),
                revision=approval.revision,
                **DECISIONS[approval.tool_name],
            )
        )

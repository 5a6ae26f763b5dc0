/** Decides in place of a person, for `./run`. With `./run --ask` you decide, with `signoff pending`. */
import { connect } from "@signoff/client/node";
import { VoteChoice } from "@signoff/client/v1";

const DECISIONS = {
  send_email: { choice: VoteChoice.APPROVE },
  delete_record: { choice: VoteChoice.REJECT, comment: "Keep it until the audit." },
  process_payment: {
    choice: VoteChoice.APPROVE,
    editedArguments: { amount: 125, to: "alice@example.com" },
    comment: "Half of it was right.",
  },
};

/** Waits for the agent's first progress message, as a slow person would. */
async function takeTime(approvals, approvalId) {
  for await (const { message } of approvals.watchApproval({ approvalId })) {
    if (message.case === "progress") return;
  }
}

const { approvals } = connect();
for await (const { change } of approvals.watchPending({})) {
  if (change.case !== "pending") continue;
  const { id: approvalId, revision, toolName, agent } = change.value;
  console.log(`   (reviewer) ${toolName}, asked for by ${[...agent.chain, agent.name].join(" → ")}`);
  await takeTime(approvals, approvalId);
  await approvals.decide({
    approvalId,
    requestId: crypto.randomUUID(),
    seen: { case: "revision", value: revision },
    ...DECISIONS[toolName],
  });
}

/** What reviewers do. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Client } from "../../../src/index.js";
import type { Approval } from "../../../src/v1.js";
import { VoteChoice } from "../../../src/v1.js";
import type { Server } from "../../server.js";

/** What becomes of a call. */
export type Decision = { readonly reject: string } | { readonly edit: JsonObject } | "approve";

/** Decides a number of pending calls of a tool, as soon as each is there. */
export async function decide(
  server: Server,
  toolName: string,
  count: number,
  how: (approval: Approval) => Decision,
): Promise<void> {
  const client = server.client({ token: server.tokens.reviewer });
  let left = count;
  for await (const { change } of client.approvals.watchPending({ toolName })) {
    if (change.case !== "pending") continue;
    await decideOne(client, change.value, how(change.value));
    left -= 1;
    if (left === 0) return;
  }
}

/** Decides one call, as a reviewer's client. */
export async function decideOne(client: Client, approval: Approval, decision: Decision): Promise<void> {
  const isRejected = decision !== "approve" && "reject" in decision;
  await client.approvals.decide({
    approvalId: approval.id,
    requestId: crypto.randomUUID(),
    seen: { case: "revision", value: approval.revision },
    choice: isRejected ? VoteChoice.REJECT : VoteChoice.APPROVE,
    ...(isRejected && { comment: decision.reject }),
    ...(decision !== "approve" && "edit" in decision && { editedArguments: decision.edit }),
  });
}

/** The recipient of a call's mail. */
export function recipientOf(approval: Approval): string {
  return String((approval.arguments as { to?: unknown } | undefined)?.to);
}

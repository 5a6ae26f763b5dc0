/** What reviewers do. */
import type { JsonObject } from "@bufbuild/protobuf";
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
  const { approvals } = server.client({ token: server.tokens.reviewer });
  let left = count;
  for await (const { change } of approvals.watchPending({ toolName })) {
    if (change.case !== "pending") continue;
    const { id: approvalId, revision } = change.value;
    const decision = how(change.value);
    const isRejected = decision !== "approve" && "reject" in decision;
    await approvals.decide({
      approvalId,
      requestId: crypto.randomUUID(),
      seen: { case: "revision", value: revision },
      choice: isRejected ? VoteChoice.REJECT : VoteChoice.APPROVE,
      ...(isRejected && { comment: decision.reject }),
      ...(decision !== "approve" && "edit" in decision && { editedArguments: decision.edit }),
    });
    left -= 1;
    if (left === 0) return;
  }
}

/** The recipient of a call's mail. */
export function recipientOf(approval: Approval): string {
  return String((approval.arguments as { to?: unknown } | undefined)?.to);
}

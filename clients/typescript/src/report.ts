import { ConnectError } from "@connectrpc/connect";
import { isReported } from "./answers.js";
import type { Connection } from "./connection.js";
import { ExecutionResult } from "./gen/signoff/v1/approval_pb.js";
import { repeat } from "./patience.js";
import type { FirstFailure } from "./reachability.js";

/** The server's maximum for a report's message, in bytes. */
const MESSAGE_BYTES = 4096;

/** A granted claim. */
export interface Claimed {
  readonly toolName: string;
  readonly approvalId: string;
  readonly claimId: string;
}

/** How a call ended: with this error, or successfully. */
export type Outcome = { readonly error: unknown } | undefined;

/**
 * Reports the outcome of a claimed call. Never throws: a failed report is logged, and the outcome stays unreported.
 *
 * The function has run, and its effects stay. If an error of the report replaced its result, the agent would take the
 * call for failed, and might make it again: a second mail, a second payment. So the function's result always stands.
 *
 * @param patienceMs - the time for retries.
 */
export async function report(
  connection: Connection,
  { toolName, approvalId, claimId }: Claimed,
  outcome: Outcome,
  patienceMs: number,
  first: FirstFailure,
): Promise<void> {
  const result = outcome === undefined ? ExecutionResult.SUCCEEDED : ExecutionResult.FAILED;
  const message = outcome === undefined ? "" : shorten(textOf(outcome.error));
  const request = { approvalId, requestId: crypto.randomUUID(), claimId, result, message };
  try {
    const once = (timeoutMs: number) => connection.approvals.reportExecution(request, { timeoutMs });
    const answer = await repeat(connection, patienceMs, once, first);
    if (!isReported(answer, request)) throw new Error("the answer is about another claim or outcome");
  } catch (error) {
    const { message: failure } = ConnectError.from(error);
    connection.logger.warn(`signoff: Cannot report the outcome of the call to ${toolName} (${approvalId}): ${failure}`);
  }
}

/** The text of a thrown value. */
export function textOf(error: unknown): string {
  try {
    // A message may have another type than declared.
    return String(error instanceof Error ? error.message || error.name : error);
  } catch {
    return "an error that has no text";
  }
}

/** A text within a report's limit, cut between two characters. */
export function shorten(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MESSAGE_BYTES));
  return text.slice(0, read);
}

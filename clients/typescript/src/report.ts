import { ConnectError } from "@connectrpc/connect";
import { isReported } from "./answers.js";
import type { Connection } from "./connection.js";
import { ExecutionResult } from "./gen/signoff/v1/approval_pb.js";
import { repeat } from "./patience.js";
import type { FirstFailure } from "./reachability.js";

/** The longest message of a report that the server takes, in bytes. */
const MESSAGE_BYTES = 4096;

/** A claim that was granted. */
export interface Claimed {
  readonly toolName: string;
  readonly approvalId: string;
  readonly claimId: string;
}

/** How a call ended: with this error, or well. */
export type Outcome = { readonly error: unknown } | undefined;

/**
 * Reports what became of a claimed call. Never throws: a report that fails is logged, and the outcome stays unreported.
 *
 * @param patienceMs - how long it is tried.
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
    connection.logger.warn(
      `signoff: what became of the call to ${toolName} (${approvalId}) is not reported: ${failure}`,
    );
  }
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  try {
    // Whatever its type says, a message may be anything.
    return String(error instanceof Error ? error.message || error.name : error);
  } catch {
    return "an error that has no text";
  }
}

/** As much of a text as a report can hold, cut between two characters. */
export function shorten(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MESSAGE_BYTES));
  return text.slice(0, read);
}

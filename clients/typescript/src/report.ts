import { ConnectError } from "@connectrpc/connect";
import type { Connection } from "./connection.js";
import { isPassing } from "./failures.js";
import { ExecutionResult } from "./gen/signoff/v1/approval_pb.js";
import { Patience } from "./patience.js";

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
 * @param end - cuts it short, because the caller waits no more.
 */
export async function report(
  { approvals, logger }: Connection,
  { toolName, approvalId, claimId }: Claimed,
  outcome: Outcome,
  patienceMs: number,
  end: AbortSignal | undefined,
): Promise<void> {
  const patience = new Patience(patienceMs);
  const result = outcome === undefined ? ExecutionResult.SUCCEEDED : ExecutionResult.FAILED;
  const message = outcome === undefined ? "" : shorten(textOf(outcome.error));
  const requestId = crypto.randomUUID();
  for (;;) {
    try {
      await approvals.reportExecution({ approvalId, requestId, claimId, result, message }, end && { signal: end });
      return;
    } catch (error) {
      const failure = ConnectError.from(error);
      if (isPassing(failure) && (await patience.again(failure, end).catch(() => false))) continue;
      logger.warn(
        `signoff: what became of the call to ${toolName} (${approvalId}) is not reported: ${failure.message}`,
      );
      return;
    }
  }
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  try {
    if (error instanceof Error) return error.message || error.name;
    return String(error);
  } catch {
    return "an error that has no text";
  }
}

/** As much of a text as a report can hold, cut between two characters. */
export function shorten(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MESSAGE_BYTES));
  return text.slice(0, read);
}

import { ConnectError } from "@connectrpc/connect";
import { whenAborted } from "./aborts.js";
import type { Answers } from "./answers.js";
import type { Connection } from "./connection.js";
import { isPassing, ownReason } from "./failures.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import { now, Patience } from "./patience.js";
import { Refusal } from "./refusals.js";
import type { Source } from "./source.js";
import { meaningOf } from "./statuses.js";

/** The maximum time for cleaning up after the caller stopped waiting, in milliseconds. */
export const GRACE_MS = 5_000;

/**
 * Withdraws a request whose caller stopped waiting, within {@link GRACE_MS}. Never throws: a failure is logged.
 *
 * @param answers - has the approval as it was last seen; it is asked for when it never was.
 * @returns whether it is withdrawn; false when it was decided before.
 */
export async function withdraw(
  { approvals, closed, logger }: Connection,
  source: Source,
  answers: Answers,
): Promise<boolean> {
  const signal = AbortSignal.timeout(GRACE_MS);
  const patience = new Patience(GRACE_MS, closed);
  const requestId = crypto.randomUUID();
  for (;;) {
    const began = now();
    try {
      const approvalId = source.approvalId ?? (answers.newest ?? (await firstAnswer(source, answers, signal))).id;
      if (answers.newest && meaningOf(answers.newest.status) !== "pending") return false;
      await approvals.cancelApproval({ approvalId, requestId, reason: "the caller stopped waiting" }, { signal });
      return true;
    } catch (error) {
      const failure = ConnectError.from(error);
      // Decided meanwhile: there is nothing left to withdraw.
      if (ownReason(failure) === "ALREADY_DECIDED") return false;
      const isPossible = !(error instanceof Refusal) && isPassing(failure);
      if (isPossible && (await patience.again(failure, began, signal).catch(() => false))) continue;
      logger.warn(`signoff: Cannot withdraw the request to call ${source.toolName}: ${failure.message}`);
      return false;
    }
  }
}

async function firstAnswer(source: Source, answers: Answers, signal: AbortSignal): Promise<Approval> {
  const enough = new AbortController();
  const stream = source.open(0n, AbortSignal.any([signal, enough.signal]));
  try {
    for await (const { message } of stream) {
      if (message.case === "update") return answers.update(message.value);
    }
  } finally {
    enough.abort();
  }
  throw new ConnectError("the server did not say which approval it is");
}

/** A signal that is aborted {@link GRACE_MS} after another one; `stop` ends the watch. */
export function graceOf(signal: AbortSignal | undefined): { signal: AbortSignal; stop: () => void } {
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ignore = whenAborted(signal, () => {
    timer = setTimeout(() => end.abort(), GRACE_MS);
  });
  const stop = () => {
    ignore();
    clearTimeout(timer);
  };
  return { signal: end.signal, stop };
}

import type { JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { graceOf } from "./abandon.js";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import { isPassing, ownReason, requestFailed } from "./failures.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { ClaimExecutionResponse } from "./gen/signoff/v1/approval_service_pb.js";
import { Patience } from "./patience.js";
import { AlreadyClaimed, ClaimWindowClosed, DigestMismatch, type Refusal, Unavailable } from "./refusals.js";
import { type Claimed, report } from "./report.js";

/**
 * Takes the one permission to run what was approved.
 *
 * @param args - what is about to be run.
 * @throws Refusal when it is not to be had, or is for something else.
 * @throws the signal's reason, when the caller gives up; a claim that was granted is reported as failed then.
 */
export async function claim(
  connection: Connection,
  call: CallOptions,
  approval: Approval,
  args: JsonObject,
  patienceMs: number,
): Promise<Claimed> {
  const { toolName, signal } = call;
  const approvalId = approval.id;
  const digest = await digestOf(toolName, args);
  if (digest !== approval.digest) throw new DigestMismatch({ toolName, approvalId });
  // The same for each try, so that a lost answer does not lose the permission; another one in every other run.
  const request = { approvalId, requestId: crypto.randomUUID(), digest };
  const grace = graceOf(signal);
  try {
    const answer = await repeat(connection, call, request, patienceMs, grace.signal);
    const claimed = { toolName, approvalId, claimId: answer.claimId };
    if (signal?.aborted) {
      const error = new Error("the caller gave up before it was run");
      await report(connection, claimed, { error }, patienceMs, grace.signal);
      throw signal.reason;
    }
    if (answer.approval?.digest !== digest) {
      const mismatch = new DigestMismatch({ toolName, approvalId });
      await report(connection, claimed, { error: mismatch }, patienceMs, grace.signal);
      throw mismatch;
    }
    return claimed;
  } finally {
    grace.stop();
  }
}

async function repeat(
  { approvals }: Connection,
  { toolName, signal }: CallOptions,
  request: { approvalId: string; requestId: string; digest: string },
  patienceMs: number,
  grace: AbortSignal,
): Promise<ClaimExecutionResponse> {
  const call = { toolName, approvalId: request.approvalId };
  const patience = new Patience(patienceMs);
  for (;;) {
    signal?.throwIfAborted();
    try {
      // Not cut at once when the caller gives up: it may be granted at this moment.
      const answer = await approvals.claimExecution(request, { signal: grace });
      if (answer.claimId !== "") return answer;
      throw new ConnectError("the server granted a claim without an id", Code.FailedPrecondition);
    } catch (error) {
      signal?.throwIfAborted();
      const failure = ConnectError.from(error);
      if (!isPassing(failure)) throw refusalOf(call, failure);
      if (!(await patience.again(failure, signal))) throw new Unavailable(call, { cause: failure });
    }
  }
}

function refusalOf(call: { toolName: string; approvalId: string }, failure: ConnectError): Refusal {
  const options = { cause: failure };
  switch (ownReason(failure)) {
    case "ALREADY_CLAIMED":
      return new AlreadyClaimed(call, options);
    case "CLAIM_WINDOW_CLOSED":
      return new ClaimWindowClosed(call, options);
    case "DIGEST_MISMATCH":
      return new DigestMismatch(call, options);
    default:
      return requestFailed(call, failure);
  }
}

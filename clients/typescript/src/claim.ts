import type { JsonObject } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { GRACE_MS, graceOf } from "./abandon.js";
import type { Answers } from "./answers.js";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import { isPassing, ownMetadata, ownReason, requestFailed } from "./failures.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { ClaimExecutionResponse } from "./gen/signoff/v1/approval_service_pb.js";
import { repeat } from "./patience.js";
import {
  AlreadyClaimed,
  ClaimWindowClosed,
  DigestMismatch,
  type Refusal,
  type RefusedCall,
  Unavailable,
} from "./refusals.js";
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
  answers: Answers,
  approval: Approval,
  args: JsonObject,
  patienceMs: number,
): Promise<Claimed> {
  const { toolName, signal } = call;
  const approvalId = approval.id;
  // What cannot be digested, such as an edit that is not JSON, is not what was approved.
  const digest = await digestOf(toolName, args).catch(() => undefined);
  if (digest === undefined || digest !== approval.digest) throw answers.mismatch();
  const answer = await take(connection, call, { approvalId, digest }, patienceMs);
  const claimed = { toolName, approvalId, claimId: answer.claimId };
  const refuse = async (error: unknown) => {
    if (claimed.claimId !== "") await report(connection, claimed, { error }, signal?.aborted ? GRACE_MS : patienceMs);
  };
  if (signal?.aborted) {
    await refuse(new Error("the caller gave up before it was run"));
    throw signal.reason;
  }
  try {
    await answers.claim(answer, approval);
  } catch (error) {
    await refuse(error);
    throw error;
  }
  return claimed;
}

async function take(
  connection: Connection,
  { toolName, signal }: CallOptions,
  { approvalId, digest }: { approvalId: string; digest: string },
  patienceMs: number,
): Promise<ClaimExecutionResponse> {
  // The same for each try, so that a lost answer does not lose the permission; another one in every other run.
  const request = { approvalId, requestId: crypto.randomUUID(), digest };
  // Not cut at once when the caller gives up: it may be granted at this moment.
  const grace = graceOf(signal);
  try {
    const options = { signal: grace.signal };
    const once = (timeoutMs: number) => connection.approvals.claimExecution(request, { ...options, timeoutMs });
    return await repeat(connection, patienceMs, once, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw refusalOf({ toolName, approvalId }, ConnectError.from(error), connection.closed.aborted);
  } finally {
    grace.stop();
  }
}

function refusalOf(call: RefusedCall, failure: ConnectError, closed: boolean): Refusal {
  const options = { cause: failure };
  if (closed || isPassing(failure)) return new Unavailable(call, options);
  switch (ownReason(failure)) {
    case "ALREADY_CLAIMED": {
      const { result, report_time: reportTime, message: reportMessage } = ownMetadata(failure);
      return new AlreadyClaimed(call, { result, reportTime, reportMessage }, options);
    }
    case "CLAIM_WINDOW_CLOSED":
      return new ClaimWindowClosed(call, options);
    case "DIGEST_MISMATCH":
      return new DigestMismatch(call, options);
    default:
      return requestFailed(call, failure);
  }
}

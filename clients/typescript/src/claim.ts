import type { JsonObject } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { GRACE_MS, graceOf } from "./abandon.js";
import { joined } from "./aborts.js";
import type { Answers } from "./answers.js";
import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import { isPassing, ownMetadata, ownReason, refusalOfFailure } from "./failures.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { ClaimExecutionResponse } from "./gen/signoff/v1/approval_service_pb.js";
import { repeat } from "./patience.js";
import type { FirstFailure } from "./reachability.js";
import {
  AlreadyClaimed,
  ClaimWindowClosed,
  DigestMismatch,
  Frozen,
  type Refusal,
  type RefusedCall,
  Revoked,
  StillWaiting,
} from "./refusals.js";
import { type Claimed, report } from "./report.js";

/**
 * Takes the one permission to run what was approved.
 *
 * @param args - what is about to be run.
 * @throws Refusal when it is not to be had, or is for something else.
 * @throws the signal's reason, or StillWaiting, when the caller gives up; a claim that was granted is reported as
 *   failed then.
 */
export async function claim(
  connection: Connection,
  call: CallOptions,
  answers: Answers,
  approval: Approval,
  args: JsonObject,
  patienceMs: number,
  first: FirstFailure,
): Promise<Claimed> {
  const { toolName, signal, stopWaiting } = call;
  const approvalId = approval.id;
  // What cannot be digested, such as an edit that is not JSON, is not what was approved.
  const digest = await digestOf(toolName, args).catch(() => undefined);
  if (digest === undefined || digest !== approval.digest) throw answers.mismatch();
  const answer = await take(connection, call, { approvalId, digest }, patienceMs, first);
  const claimed = { toolName, approvalId, claimId: answer.claimId };
  const hasEnded = () => signal?.aborted || stopWaiting?.aborted;
  const refuse = async (error: unknown) => {
    if (claimed.claimId === "") return;
    await report(connection, claimed, { error }, hasEnded() ? GRACE_MS : patienceMs, first);
  };
  if (hasEnded()) {
    await refuse(new Error("the caller gave up before it was run"));
    throwIfEnded(call, approvalId);
  }
  try {
    await answers.claim(answer, approval);
  } catch (error) {
    await refuse(error);
    throw error;
  }
  return claimed;
}

/** @throws the signal's reason, or StillWaiting, when the caller does not want what was approved any more. */
function throwIfEnded({ toolName, signal, stopWaiting }: CallOptions, approvalId: string): void {
  signal?.throwIfAborted();
  if (stopWaiting?.aborted) throw new StillWaiting({ toolName, approvalId }, true, { cause: stopWaiting.reason });
}

async function take(
  connection: Connection,
  call: CallOptions,
  { approvalId, digest }: { approvalId: string; digest: string },
  patienceMs: number,
  first: FirstFailure,
): Promise<ClaimExecutionResponse> {
  // The same for each try, so that a lost answer does not lose the permission; another one in every other run.
  const request = { approvalId, requestId: crypto.randomUUID(), digest };
  const ends = joined(call.signal, call.stopWaiting);
  // Not cut at once when the caller gives up: it may be granted at this moment.
  const grace = graceOf(ends.signal);
  try {
    const options = { signal: grace.signal };
    const once = (timeoutMs: number) => connection.approvals.claimExecution(request, { ...options, timeoutMs });
    return await repeat(connection, patienceMs, once, first, ends.signal);
  } catch (error) {
    throwIfEnded(call, approvalId);
    throw refusalOf({ toolName: call.toolName, approvalId }, connection, ConnectError.from(error));
  } finally {
    grace.stop();
    ends.stop();
  }
}

function refusalOf(call: RefusedCall, connection: Connection, failure: ConnectError): Refusal {
  const options = { cause: failure };
  const known = ownMetadata(failure);
  switch (connection.closed.aborted || isPassing(failure) ? undefined : ownReason(failure)) {
    case "ALREADY_CLAIMED": {
      const { claimed_by: claimedBy, claim_time: claimTime } = known;
      const { result, report_time: reportTime, message: reportMessage } = known;
      return new AlreadyClaimed(call, { claimedBy, claimTime, result, reportTime, reportMessage }, options);
    }
    case "APPROVAL_REVOKED":
      return new Revoked(call, known.reason ?? "", options);
    case "FROZEN":
      return new Frozen(call, known.reason ?? "", options);
    case "CLAIM_WINDOW_CLOSED":
      return new ClaimWindowClosed(call, options);
    case "DIGEST_MISMATCH":
      return new DigestMismatch(call, options);
    default:
      return refusalOfFailure(call, connection, failure, true);
  }
}

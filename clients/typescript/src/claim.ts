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
 * Takes the only permission to run the approved call.
 *
 * @param args - the arguments to run with.
 * @throws Refusal when the server does not grant it, or grants it for another call.
 * @throws the signal's reason, or StillWaiting, when the caller stops waiting; a granted claim is then reported as
 *   failed.
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
  // Arguments without a digest, such as an edit that is not JSON, are not the approved ones.
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
    await refuse(new Error("the caller stopped waiting before the call ran"));
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

/** @throws the signal's reason, or StillWaiting, when the caller has stopped waiting. */
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
  // One requestId for all tries. After a lost reply the client cannot know whether the server granted the claim. The
  // same id asks for the same claim: the server answers as the first time, while the claim window is open and no
  // outcome is on record. A new id would get ALREADY_CLAIMED for this runner's own claim, and the call would never run.
  // It is random, so that only one of two runners gets the claim.
  const request = { approvalId, requestId: crypto.randomUUID(), digest };
  const ends = joined(call.signal, call.stopWaiting);
  // Not cut immediately when the caller stops waiting: the server may be granting it.
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

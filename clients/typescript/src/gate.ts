import type { JsonObject } from "@bufbuild/protobuf";
import { GRACE_MS, withdraw } from "./abandon.js";
import { Answers } from "./answers.js";
import { copyArguments } from "./arguments.js";
import type { Call, CallOptions, Run } from "./call.js";
import { claim } from "./claim.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { RequestApprovalRequest } from "./gen/signoff/v1/approval_service_pb.js";
import { InvalidArguments } from "./refusals.js";
import { type Outcome, report, textOf } from "./report.js";
import { requestOf } from "./request.js";
import { refusalOf } from "./statuses.js";
import { Wait } from "./wait.js";

const PATIENCE_MS = 30_000;

/** What is run when a call is approved. */
export interface Gated<A, R> {
  /** Makes the function's arguments out of what a reviewer edited; what it throws refuses the edit. */
  takeEdited(edited: JsonObject): A | Promise<A>;
  /** Runs the function, with what `takeEdited` made or with what was asked for. */
  run(args: A, run: Run): R;
}

/**
 * Asks, waits, claims, runs and reports: `docs/clients.md` of the project says what each step does.
 *
 * @throws Refusal when the function was not run.
 * @throws what the function throws, and the signal's reason.
 */
export async function gate<A, R>(connection: Connection, call: Call, gated: Gated<A, R>): Promise<Awaited<R>> {
  const { toolName, signal } = call;
  const patienceMs = call.patienceMs ?? PATIENCE_MS;
  if (!(patienceMs >= 0)) throw new TypeError("patienceMs must be a number of milliseconds");
  const asked = copyArguments(toolName, call.arguments);
  const request = await requestOf(call, asked);
  signal?.throwIfAborted();

  const answers = new Answers(toolName, request.requestId, await digestOf(toolName, asked));
  const approval = await decision(connection, call, request, answers, patienceMs);
  const refusal = refusalOf(toolName, approval);
  if (refusal) throw refusal;

  const edited = await answers.isEdited(approval);
  const args = edited ? (approval.arguments ?? {}) : asked;
  const claimed = await claim(connection, call, answers, approval, args, patienceMs);
  const finish = (outcome: Outcome) => report(connection, claimed, outcome, signal?.aborted ? GRACE_MS : patienceMs);

  const run = { approvalId: approval.id, arguments: args, edited };
  let result: Awaited<R>;
  try {
    // What was asked for came from the function's own caller, with its types.
    const taken = edited ? await takeEdited(gated, call, run) : (args as A);
    result = await gated.run(taken, run);
  } catch (error) {
    await finish({ error });
    throw error;
  }
  await finish(undefined);
  return result;
}

async function decision(
  connection: Connection,
  call: CallOptions,
  request: RequestApprovalRequest,
  answers: Answers,
  patienceMs: number,
): Promise<Approval> {
  const wait = new Wait(connection, call, request, answers, patienceMs);
  try {
    return await wait.decision();
  } catch (error) {
    const gaveUp = call.signal?.aborted && error === call.signal.reason;
    if (gaveUp && call.cancelOnAbandon) await withdraw(connection, request, answers);
    throw error;
  }
}

/** @throws TypeError for what is not a function: before anything is asked, not when the call is to be run. */
export function requireFunction(value: unknown, what: string): void {
  if (typeof value !== "function") throw new TypeError(`${what} must be a function`);
}

async function takeEdited<A, R>(gated: Gated<A, R>, call: CallOptions, run: Run): Promise<A> {
  try {
    return await gated.takeEdited(run.arguments);
  } catch (error) {
    const { toolName } = call;
    const problem = `was edited to what the function cannot take: ${textOf(error).replace(/\.$/, "")}`;
    throw new InvalidArguments({ toolName, approvalId: run.approvalId }, "", problem, { cause: error });
  }
}

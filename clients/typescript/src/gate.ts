import type { JsonObject } from "@bufbuild/protobuf";
import { GRACE_MS, withdraw } from "./abandon.js";
import { Answers } from "./answers.js";
import { causeOf, copyJson, Misfit, refusedBy } from "./arguments.js";
import type { CallOptions, Run } from "./call.js";
import { claim } from "./claim.js";
import type { Connection } from "./connection.js";
import { digestOf } from "./digest.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { RequestApprovalRequest } from "./gen/signoff/v1/approval_service_pb.js";
import { type Fitted, fitAsked, type StandardSchema } from "./parameters.js";
import { FirstFailure } from "./reachability.js";
import { Cancelled, InvalidEdit, StillWaiting } from "./refusals.js";
import { type Outcome, report } from "./report.js";
import { requestOf } from "./request.js";
import { type Steps, settled, stepped } from "./results.js";
import { refusalOf } from "./statuses.js";
import { Wait } from "./wait.js";

const PATIENCE_MS = 30_000;

/** A call whose options were checked. */
export interface Asking {
  readonly call: CallOptions;
  readonly parameters: StandardSchema | undefined;
  /** A copy of the arguments, which no other code can reach. */
  readonly given: JsonObject;
  /**
   * Makes the function's arguments of those that a reviewer edited.
   *
   * @param asked - the arguments that were asked for.
   * @throws Misfit, which refuses the edit.
   */
  fitEdited(edited: JsonObject, asked: JsonObject): Promise<Fitted> | Fitted;
}

/** A call that was approved and claimed: it is to be run, and then to be finished. */
interface Granted {
  readonly run: Run;
  /** What the function takes. */
  readonly taken: unknown;
  /** Reports what became of it. Never throws. */
  finish(outcome: Outcome): Promise<void>;
}

/** Runs what was approved. */
type Start<R> = (taken: unknown, run: Run) => R;

/**
 * Asks, waits, claims, runs and reports: `docs/clients.md` of the project says what each step does.
 *
 * @throws Refusal when the function was not run.
 * @throws what the function throws, and the signal's reason.
 */
export async function gate<R>(connection: Connection, asking: Asking, start: Start<R>): Promise<Awaited<R>> {
  const granted = await grant(connection, asking);
  let result: Awaited<R>;
  try {
    result = await settled(connection.withoutCallIds(() => start(granted.taken, granted.run)));
  } catch (error) {
    await granted.finish({ error });
    throw error;
  }
  await granted.finish(undefined);
  return result;
}

/** As {@link gate}, around a generator: it asks when it is first read, and reports when the generator has ended. */
export async function* gateSteps<T, R, N>(
  connection: Connection,
  asking: Asking,
  start: Start<Steps<T, R, N>>,
): AsyncGenerator<Awaited<T>, Awaited<R>, N> {
  const granted = await grant(connection, asking);
  let outcome: Outcome = { error: new Error("its caller stopped reading before its end") };
  try {
    const result = yield* stepped(start(granted.taken, granted.run), connection.withoutCallIds);
    outcome = undefined;
    return result;
  } catch (error) {
    outcome = { error };
    throw error;
  } finally {
    await granted.finish(outcome);
  }
}

async function grant(connection: Connection, asking: Asking): Promise<Granted> {
  const { call, given, parameters } = asking;
  const { toolName, signal, stopWaiting, patienceMs = PATIENCE_MS } = call;
  const { shown: asked, taken } = await fitAsked(parameters, given).catch((error: unknown) => {
    throw refusedBy(error, toolName);
  });
  const request = await requestOf(call, asked, connection.address);
  signal?.throwIfAborted();
  // Here, and not in the wait: what was not asked for is not to be withdrawn either.
  if (stopWaiting?.aborted) throw new StillWaiting({ toolName }, false, { cause: stopWaiting.reason });

  const answers = new Answers(connection.address, toolName, request.requestId, await digestOf(toolName, asked));
  const first = new FirstFailure(connection);
  const approval = await decision(connection, call, request, answers, patienceMs, first);
  const refusal = refusalOf(toolName, approval);
  if (refusal) throw refusal;

  const edited = await answers.isEdited(approval);
  const fitted = edited ? await fitEdit(asking, approval, asked) : { shown: asked, taken };
  const claimed = await claim(connection, call, answers, approval, fitted.shown, patienceMs, first);
  return {
    run: { approvalId: approval.id, arguments: fitted.shown, edited },
    taken: fitted.taken,
    finish: (outcome) => report(connection, claimed, outcome, signal?.aborted ? GRACE_MS : patienceMs, first),
  };
}

async function decision(
  connection: Connection,
  call: CallOptions,
  request: RequestApprovalRequest,
  answers: Answers,
  patienceMs: number,
  first: FirstFailure,
): Promise<Approval> {
  const wait = new Wait(connection, call, request, answers, patienceMs, first);
  try {
    return await wait.decision();
  } catch (error) {
    const gaveUp = call.signal?.aborted && error === call.signal.reason;
    const stopped = error instanceof StillWaiting && call.stopWaiting?.aborted;
    if (!(gaveUp || stopped) || !call.cancelOnAbandon) throw error;
    const isWithdrawn = await withdraw(connection, request, answers);
    if (gaveUp || !isWithdrawn) throw error;
    throw new Cancelled({ toolName: call.toolName, approvalId: answers.newest?.id }, { cause: error });
  }
}

/** @throws InvalidEdit, before anything is claimed. */
async function fitEdit({ call, fitEdited }: Asking, approval: Approval, asked: JsonObject): Promise<Fitted> {
  try {
    return await fitEdited(copyJson(approval.arguments ?? {}), asked);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const { path, problem } = error;
    throw new InvalidEdit({ toolName: call.toolName, approvalId: approval.id }, path, problem, causeOf(error));
  }
}

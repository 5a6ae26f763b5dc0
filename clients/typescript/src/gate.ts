import type { JsonObject } from "@bufbuild/protobuf";
import { GRACE_MS, withdraw } from "./abandon.js";
import type { Answers } from "./answers.js";
import type { CallOptions, Run } from "./call.js";
import { claim } from "./claim.js";
import type { Connection } from "./connection.js";
import type { Approval } from "./gen/signoff/v1/approval_pb.js";
import type { Fitted } from "./parameters.js";
import { FirstFailure } from "./reachability.js";
import { Cancelled, StillWaiting } from "./refusals.js";
import { type Outcome, report } from "./report.js";
import { type Steps, settled, stepped } from "./results.js";
import type { Source } from "./source.js";
import { refusalOf } from "./statuses.js";
import { Wait } from "./wait.js";

const PATIENCE_MS = 30_000;

/** A call on its way: what is waited for, how answers are checked, and what the function takes. */
export interface Begun {
  /** Whose options were checked. */
  readonly call: CallOptions;
  readonly source: Source;
  readonly answers: Answers;
  /**
   * The arguments that were approved.
   *
   * @throws Refusal when the function cannot take them: nothing is claimed then.
   */
  fit(approval: Approval, edited: boolean): Promise<Fitted>;
}

/** A call that was approved. */
interface Approved {
  readonly approval: Approval;
  readonly edited: boolean;
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
 * Waits, claims, runs and reports: `docs/clients.md` of the project says what each step does.
 *
 * @param begin - makes the call: by asking, or out of a handle.
 * @throws Refusal when the function was not run.
 * @throws what the function throws, and the signal's reason.
 */
export async function gate<R>(
  connection: Connection,
  begin: () => Promise<Begun>,
  start: Start<R>,
): Promise<Awaited<R>> {
  const granted = await grant(connection, await begin());
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
  begin: () => Promise<Begun>,
  start: Start<Steps<T, R, N>>,
): AsyncGenerator<Awaited<T>, Awaited<R>, N> {
  const granted = await grant(connection, await begin());
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

/**
 * Waits until the server has recorded the call, whatever its status is then.
 *
 * @throws Refusal when it did not; the signal's reason.
 */
export async function recorded(connection: Connection, begun: Begun): Promise<Approval> {
  return waited(connection, begun, "answer", new FirstFailure(connection));
}

/**
 * Waits until the call is approved, and claims nothing.
 *
 * @throws Refusal when it is not; the signal's reason.
 */
export async function approved(
  connection: Connection,
  begun: Begun,
  first = new FirstFailure(connection),
): Promise<Approved> {
  const approval = await waited(connection, begun, "decision", first);
  const refusal = refusalOf(begun.call.toolName, approval);
  if (refusal) throw refusal;
  return { approval, edited: await begun.answers.isEdited(approval) };
}

async function grant(connection: Connection, begun: Begun): Promise<Granted> {
  const { call, answers } = begun;
  const { signal, patienceMs = PATIENCE_MS } = call;
  const first = new FirstFailure(connection);
  const { approval, edited } = await approved(connection, begun, first);
  const { shown, taken } = await begun.fit(approval, edited);
  const claimed = await claim(connection, call, answers, approval, shown, patienceMs, first);
  return {
    run: { approvalId: approval.id, arguments: taken as JsonObject, edited },
    taken,
    finish: (outcome) => report(connection, claimed, outcome, signal?.aborted ? GRACE_MS : patienceMs, first),
  };
}

async function waited(
  connection: Connection,
  { call, source, answers }: Begun,
  until: "answer" | "decision",
  first: FirstFailure,
): Promise<Approval> {
  const { toolName, signal, stopWaiting, patienceMs = PATIENCE_MS } = call;
  signal?.throwIfAborted();
  // Here, and not in the wait: what was not asked for is not to be withdrawn either.
  if (stopWaiting?.aborted && source.approvalId === undefined) {
    throw new StillWaiting({ toolName }, false, { cause: stopWaiting.reason });
  }
  try {
    return await new Wait(connection, call, source, answers, patienceMs, first).for(until);
  } catch (error) {
    const gaveUp = signal?.aborted && error === signal.reason;
    const stopped = error instanceof StillWaiting && stopWaiting?.aborted;
    if (!(gaveUp || stopped) || !call.cancelOnAbandon) throw error;
    const isWithdrawn = await withdraw(connection, source, answers);
    if (gaveUp || !isWithdrawn) throw error;
    throw new Cancelled({ toolName, approvalId: answers.newest?.id ?? source.approvalId }, { cause: error });
  }
}

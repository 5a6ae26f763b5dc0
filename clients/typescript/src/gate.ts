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

/** A call under way: where to wait for it, how to check its answers, and what the function takes. */
export interface Begun {
  /** The call, with checked options. */
  readonly call: CallOptions;
  readonly source: Source;
  readonly answers: Answers;
  /**
   * The approved arguments, as the function takes them.
   *
   * @throws Refusal when the function cannot take them: nothing is claimed then.
   */
  fit(approval: Approval, edited: boolean): Promise<Fitted>;
}

/** An approved call. */
interface Approved {
  readonly approval: Approval;
  readonly edited: boolean;
}

/** An approved and claimed call: run it, then finish it. */
interface Granted {
  readonly run: Run;
  /** What the function takes. */
  readonly taken: unknown;
  /** Reports the outcome. Never throws. */
  finish(outcome: Outcome): Promise<void>;
}

/** Runs the approved call. */
type Start<R> = (taken: unknown, run: Run) => R;

/**
 * Waits, claims, runs and reports: `docs/clients.md` of the project defines each step.
 *
 * The order makes the gate safe. Waiting grants nothing, so a caller may stop there at no cost. The claim is the
 * approval's only permission to run, so it comes last before the function: an edit that does not fit is found before
 * it, and leaves the approval unclaimed. The report comes last. If the process dies before it, the approval shows a
 * claim without an outcome, and no other runner gets the call: it runs at most once.
 *
 * @param begin - makes the call: by asking, or from a handle.
 * @throws Refusal when the function did not run.
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
  let outcome: Outcome = { error: new Error("the caller stopped reading before the end") };
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
 * Waits until the server has recorded the call, with any status.
 *
 * @throws Refusal when the server did not record it; the signal's reason.
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
  // Here, not in the wait: a request that was never sent must not be withdrawn.
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

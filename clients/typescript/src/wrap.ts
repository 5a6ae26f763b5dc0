import { Advice } from "./advice.js";
import type { Call, OnRefusal, ResumeOptions, Run } from "./call.js";
import type { Connection } from "./connection.js";
import { derived } from "./derive.js";
import { dress, kindOf } from "./functions.js";
import { approved, type Begun, gate, gateSteps, recorded } from "./gate.js";
import type { ApprovalStatus } from "./gen/signoff/v1/approval_pb.js";
import { Handle } from "./handle.js";
import { checkOptions, GATE_CHECKS } from "./options.js";
import {
  type Given,
  type Prepared,
  prepareCall,
  prepareResumed,
  prepareResumedWrapped,
  prepareWrapped,
} from "./prepare.js";
import { Refusal } from "./refusals.js";
import type { Steps } from "./results.js";

/** The result of a wrapped function: a promise of the function's result, or an async generator. */
export type Gated<R> = 0 extends 1 & R
  ? Promise<R>
  : [R] extends [never]
    ? Promise<never>
    : R extends AsyncGenerator<infer T, infer V, infer N> | Generator<infer T, infer V, infer N>
      ? AsyncGenerator<Awaited<T>, Awaited<V>, N>
      : Promise<Awaited<R>>;

/** A function that runs only with an approval of its arguments. */
export interface GatedFunction<A, C extends unknown[], R> {
  (args: A, ...contexts: C): Gated<R>;
  /**
   * Asks for approval of a call, and does not wait for the decision.
   *
   * @returns a handle, with which the call is resumed: here or in another process.
   * @throws Refusal when the server did not record the request.
   */
  ask(args: A, ...contexts: C): Promise<Handle>;
  /**
   * Waits for a call that was asked for, and runs the function as if it had been called. `this` is undefined in it.
   *
   * @param contexts - as of a call: they are not part of the handle.
   * @throws TypeError for a handle of another tool.
   */
  resume(handle: Handle, ...contexts: C): Gated<R>;
}

/** The function that is wrapped: of one argument that is approved, and contexts that are passed on. */
// biome-ignore lint/suspicious/noExplicitAny: any function of an object.
type Wrapped = (args: any, ...contexts: any[]) => unknown;

/** Functions that ask by themselves. */
const gated = new WeakSet<object>();

/** Whether a function asks for approval by itself. */
export function isGated(fn: unknown): boolean {
  return typeof fn === "function" && gated.has(fn);
}

/** Wraps a function: see `Client.requiresApproval`. */
export function wrap(connection: Connection, fn: Wrapped, options: Given): Wrapped {
  const kind = kindOf(fn, "the tool");
  if (typeof options !== "function") {
    checkOptions(options, GATE_CHECKS, "a call");
    if (options.toolName === undefined) throw new TypeError("toolName of a call is required");
    if (options.parameters) derived(options.parameters);
    if (kind === "generator") refuseReturn(options.onRefusal ?? connection.onRefusal);
  }
  const advice = new Advice(connection);
  const prepare = (args: unknown, contexts: unknown[]) => prepareWrapped(connection, options, args, contexts, advice);

  /** Runs the function for a call, however it is made. */
  function started(self: unknown, contexts: unknown[], ready: Prepared): unknown {
    const start = (taken: unknown) => fn.call(self, taken, ...contexts);
    if (kind === "plain") return resultOf(connection, ready, start);
    if (ready.returns) refuseReturn("return");
    return stepsOf(connection, ready, start as (taken: unknown) => Steps<unknown, unknown, unknown>);
  }

  async function plain(this: unknown, args: unknown, ...contexts: unknown[]): Promise<unknown> {
    return started(this, contexts, prepare(args, contexts));
  }

  function steps(this: unknown, args: unknown, ...contexts: unknown[]): unknown {
    // Now, and not when it is first read: the caller may change its object meanwhile.
    const ready = prepare(args, contexts);
    if (ready.refusal) throw ready.refusal;
    return started(this, contexts, ready);
  }

  const ask = async (args: unknown, ...contexts: unknown[]) => asked(connection, prepare(args, contexts));
  const resumed = (handle: unknown, contexts: unknown[]) =>
    started(undefined, contexts, prepareResumedWrapped(connection, options, handleOf(handle), contexts));
  const resume =
    kind === "plain"
      ? async (handle: unknown, ...contexts: unknown[]) => resumed(handle, contexts)
      : (handle: unknown, ...contexts: unknown[]) => resumed(handle, contexts);
  const wrapper = dress(kind === "generator" ? steps : plain, fn);
  gated.add(wrapper);
  return Object.defineProperties(wrapper, { ask: { value: ask }, resume: { value: resume } });
}

/** Runs a function once a call is approved: see `Client.run`. */
export async function runApproved<R>(
  connection: Connection,
  call: Call<unknown>,
  // biome-ignore lint/suspicious/noExplicitAny: the arguments of a run are in the types of its schema.
  fn: (run: Run<any>) => R,
  advice: Advice,
): Promise<Awaited<R>> {
  refuseGenerator(fn);
  const { begin, stop } = prepareCall(connection, call, advice);
  return ending(stop, () => gate(connection, begin, (_, run) => fn(run)));
}

/** Asks for a call, and does not wait: see `Client.ask`. */
export async function askFor(connection: Connection, call: Call<unknown>, advice: Advice): Promise<Handle> {
  return asked(connection, prepareCall(connection, call, advice));
}

/** Waits until a call is approved: see `Client.wait`. */
export async function waitFor(connection: Connection, handle: Handle, options: ResumeOptions<unknown>): Promise<void> {
  const { begin, stop } = prepareResumed(connection, handleOf(handle), options);
  await ending(stop, async () => approved(connection, await begin()));
}

/** Runs a function once a call that was asked for is approved: see `Client.resume`. */
export async function resumeApproved<R>(
  connection: Connection,
  handle: Handle,
  // biome-ignore lint/suspicious/noExplicitAny: as for `runApproved`.
  fn: (run: Run<any>) => R,
  options: ResumeOptions<unknown>,
): Promise<Awaited<R>> {
  refuseGenerator(fn);
  if (isGated(fn)) throw new TypeError("the function to run asks for approval itself: use its own resume");
  const { begin, stop } = prepareResumed(connection, handleOf(handle), options);
  return ending(stop, () => gate(connection, begin, (_, run) => fn(run)));
}

async function asked(connection: Connection, { begin, stop }: Prepared): Promise<Handle> {
  return ending(stop, async () => {
    const begun: Begun = await begin();
    const { id: approvalId, status } = await recorded(connection, begun);
    const handle = new Handle({ ...begun.answers.expected, approvalId });
    statuses.set(handle, status);
    return handle;
  });
}

const statuses = new WeakMap<Handle, ApprovalStatus>();

/**
 * The status that an approval had when `ask` returned its handle, for adapters of frameworks that pause. It says whether to
 * wait, and never whether to run: that is for the claim.
 */
export function statusWhenAsked(handle: Handle): ApprovalStatus | undefined {
  return statuses.get(handle);
}

async function resultOf<R>(
  connection: Connection,
  { begin, stop, returns }: Prepared,
  start: (taken: unknown) => R,
): Promise<Awaited<R> | string> {
  try {
    return await ending(stop, () => gate(connection, begin, start));
  } catch (error) {
    if (returns && error instanceof Refusal) return error.message;
    throw error;
  }
}

async function* stepsOf<T, R, N>(
  connection: Connection,
  { begin, stop }: Prepared,
  start: (taken: unknown) => Steps<T, R, N>,
): AsyncGenerator<Awaited<T>, Awaited<R>, N> {
  try {
    return yield* gateSteps(connection, begin, start);
  } finally {
    stop();
  }
}

async function ending<R>(stop: () => void, run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } finally {
    stop();
  }
}

function handleOf(value: unknown): Handle {
  if (value instanceof Handle) return value;
  throw new TypeError("the handle must be a Handle: read its JSON with Handle.fromJson");
}

function refuseGenerator(fn: unknown): void {
  if (kindOf(fn, "the function to run") === "generator") {
    throw new TypeError(
      "the function to run is a generator function, which runs while it is read: use requiresApproval",
    );
  }
}

/** @throws TypeError where a refusal's text would be in place of a generator. */
function refuseReturn(onRefusal: OnRefusal): void {
  if (onRefusal !== "return") return;
  throw new TypeError('onRefusal of a generator function must be "throw": its result cannot be a text');
}

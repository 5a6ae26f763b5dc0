import type { JsonObject } from "@bufbuild/protobuf";
import { joined } from "./aborts.js";
import { copyJson, Misfit, refusedBy } from "./arguments.js";
import type { Call, CallOptions, GateOptions, Run } from "./call.js";
import type { Connection } from "./connection.js";
import { factsOf, refuseContext } from "./contexts.js";
import { dress, kindOf } from "./functions.js";
import { type Asking, gate, gateSteps } from "./gate.js";
import { checkCall, checkOptions, GATE_CHECKS, RUN_CHECKS } from "./options.js";
import { type Fitted, fitEdited, refuseMisshapen, type Shape, shapeOf } from "./parameters.js";
import { textOf } from "./report.js";
import type { Steps } from "./results.js";

/** What a wrapped function returns: a promise of what the function does; of a generator one that is read step by step. */
export type Gated<R> = 0 extends 1 & R
  ? Promise<R>
  : [R] extends [never]
    ? Promise<never>
    : R extends AsyncGenerator<infer T, infer V, infer N> | Generator<infer T, infer V, infer N>
      ? AsyncGenerator<Awaited<T>, Awaited<V>, N>
      : Promise<Awaited<R>>;

/** The function that is wrapped: of one argument that is approved, and contexts that are passed on. */
// biome-ignore lint/suspicious/noExplicitAny: any function of an object.
type Wrapped = (args: any, ...contexts: any[]) => unknown;

/** Options as the wrapper has them, or a function that makes them of each call. */
// biome-ignore lint/suspicious/noExplicitAny: as for the function.
type Given = GateOptions<any> | ((args: any, ...contexts: any[]) => GateOptions<any>);

/** A call that is ready to be asked for, and what ends with it. */
interface Prepared {
  readonly asking: Asking;
  readonly stop: () => void;
}

/** Wraps a function: see `Client.requiresApproval`. */
export function wrap(connection: Connection, fn: Wrapped, options: Given): Wrapped {
  const kind = kindOf(fn, "what needs approval");
  if (typeof options !== "function") {
    checkOptions(options, GATE_CHECKS, "a call");
    if (options.toolName === undefined) throw new TypeError("toolName of a call must be given");
  }
  const advice = new Advice(connection);
  const prepare = (args: unknown, contexts: unknown[]) => prepared(connection, options, args, contexts, advice);

  async function approved(this: unknown, args: unknown, ...contexts: unknown[]): Promise<unknown> {
    const { asking, stop } = prepare(args, contexts);
    try {
      return await gate(connection, asking, (taken) => fn.call(this, taken, ...contexts));
    } finally {
      stop();
    }
  }

  function steps(this: unknown, args: unknown, ...contexts: unknown[]): AsyncGenerator<unknown, unknown, unknown> {
    // Now, and not when it is first read: the caller may change its object meanwhile.
    const ready = prepare(args, contexts);
    const start = (taken: unknown) => fn.call(this, taken, ...contexts) as Steps<unknown, unknown, unknown>;
    return (async function* read() {
      try {
        return yield* gateSteps(connection, ready.asking, start);
      } finally {
        ready.stop();
      }
    })();
  }

  return dress(kind === "generator" ? steps : approved, fn);
}

/** Runs a function once a call is approved: see `Client.run`. */
export async function runApproved<R>(
  connection: Connection,
  call: Call,
  fn: (run: Run) => R,
  advice: Advice,
): Promise<Awaited<R>> {
  if (kindOf(fn, "what is to be run") === "generator") {
    throw new TypeError("what is to be run is a generator function, which runs while it is read: use requiresApproval");
  }
  checkOptions(call, RUN_CHECKS, "a call");
  // A copy, as its caller may use it for another call.
  const { arguments: args, parameters, ...own } = call;
  const options: CallOptions = join(connection.carried(), own);
  checkCall(options, connection.requiredOptions);
  const asked = copied(options.toolName, args);
  advice.give(options);
  const { signal, stop } = joined(options.signal);
  const fit = fitOf({ parameters }, undefined);
  try {
    const asking = { call: { ...options, signal }, given: asked, parameters, fitEdited: fit };
    return await gate(connection, asking, (_, run) => fn(run));
  } finally {
    stop();
  }
}

function prepared(
  connection: Connection,
  options: Given,
  args: unknown,
  contexts: unknown[],
  advice: Advice,
): Prepared {
  // Read once, so that what the options are made of is what is approved.
  let copy: JsonObject | undefined;
  let misfit: unknown;
  try {
    copy = copyJson(args);
  } catch (error) {
    misfit = error;
  }
  const merged = merge(connection.carried(), options, copy ? copyJson(copy) : args, contexts);
  const { passContext = false, parseEdited, parameters, ...call } = merged;
  if (!copy) refuseContext(call.toolName, args);
  const facts = factsOf(call.toolName, contexts, passContext);
  // A call's id names it only within a run.
  const callId = call.callId ?? (call.runId === undefined ? undefined : facts.callId);
  const known = { ...call, callId, signal: call.signal ?? facts.signal };
  checkCall({ ...known, parseEdited, parameters }, connection.requiredOptions);
  if (!copy) throw refusedBy(misfit, call.toolName);
  advice.give(known);
  const fit = fitOf({ parameters, parseEdited }, (asked) => shapeOf(asked, call.argumentsSchema));
  const { signal, stop } = joined(call.signal, facts.signal);
  return { asking: { call: { ...known, signal }, given: copy, parameters, fitEdited: fit }, stop };
}

/**
 * The options of a call. What the call's surroundings carry comes before what was fixed when the function was wrapped,
 * and after what was made for this call.
 */
function merge(
  carried: Partial<CallOptions>,
  options: Given,
  args: unknown,
  contexts: unknown[],
): GateOptions<unknown> {
  if (typeof options !== "function") return join(options, carried);
  const made = options(args, ...contexts);
  checkOptions(made, GATE_CHECKS, "a call");
  return join(carried, made);
}

/**
 * Options, of which the later win. Labels are joined: a policy may ask on each. Those that are undefined are as if they
 * were not given.
 */
function join<O extends Partial<CallOptions>>(before: Partial<O>, after: Partial<O>): O {
  const given = (options: object) => Object.entries(options).filter(([, value]) => value !== undefined);
  const labels = { ...before.labels, ...after.labels };
  const isLabelled = Object.keys(labels).length > 0;
  return { ...Object.fromEntries([...given(before), ...given(after)]), ...(isLabelled && { labels }) } as unknown as O;
}

function copied(toolName: string, args: unknown): JsonObject {
  try {
    return copyJson(args);
  } catch (error) {
    throw refusedBy(error, toolName);
  }
}

/** @param shape - what an edit of these arguments must be like, where nothing else says what fits. */
function fitOf(
  { parameters, parseEdited }: Pick<GateOptions<unknown>, "parameters" | "parseEdited">,
  shape: ((asked: JsonObject) => Shape) | undefined,
) {
  return async (edited: JsonObject, asked: JsonObject): Promise<Fitted> => {
    if (parseEdited) return { shown: edited, taken: await parsed(parseEdited, edited) };
    if (parameters) return fitEdited(parameters, edited);
    if (shape) refuseMisshapen(edited, shape(asked));
    return { shown: edited, taken: copyJson(edited) };
  };
}

async function parsed(parse: (edited: JsonObject) => unknown, edited: JsonObject): Promise<unknown> {
  try {
    return await parse(copyJson(edited));
  } catch (cause) {
    throw new Misfit("", `does not fit: ${textOf(cause).replace(/\.$/, "")}`, { cause });
  }
}

/** Warns once of calls that are asked for anew when they are tried again. */
export class Advice {
  readonly #connection: Connection;
  #isGiven = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  give({ toolName, requestId, runId, callId, signal, stopWaiting }: CallOptions): void {
    const isStable = requestId !== undefined || (runId !== undefined && callId !== undefined);
    if (this.#isGiven || isStable || signal !== undefined || stopWaiting !== undefined) return;
    this.#isGiven = true;
    this.#connection.logger.warn(
      `signoff: a call to ${toolName} has neither requestId, nor runId and callId, nor signal: ` +
        "trying it again asks for a second approval",
    );
  }
}

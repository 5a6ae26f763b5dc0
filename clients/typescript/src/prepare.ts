import type { JsonObject } from "@bufbuild/protobuf";
import { joined } from "./aborts.js";
import type { Advice } from "./advice.js";
import { copyArguments, copyValues, refusedBy } from "./arguments.js";
import { beginAsking, beginResuming, type Taking } from "./begin.js";
import type { Call, CallOptions, GateOptions, RefusalOptions, ResumeOptions } from "./call.js";
import type { Connection } from "./connection.js";
import { factsOf, refuseContext } from "./contexts.js";
import { type Derived, derived } from "./derive.js";
import type { Begun } from "./gate.js";
import type { Handle } from "./handle.js";
import { checkCall, checkOptions, GATE_CHECKS, RESUME_CHECKS, RUN_CHECKS } from "./options.js";
import type { StandardSchema } from "./parameters.js";
import type { Values } from "./values.js";

// biome-ignore lint/suspicious/noExplicitAny: of any function of an object.
type WrapOptions = GateOptions<any> & RefusalOptions<unknown>;

/** Options as a wrapper has them, or a function that makes them of each call. */
// biome-ignore lint/suspicious/noExplicitAny: likewise.
export type Given = WrapOptions | ((args: any, ...contexts: any[]) => WrapOptions);

/** A call that is ready. */
export interface Prepared {
  /** Begins it. */
  readonly begin: () => Promise<Begun>;
  /** Ends what watches its signals. */
  readonly stop: () => void;
  /** Whether a refusal's text is to be the function's result. */
  readonly returns: boolean;
}

/** @throws TypeError for options that make no sense; InvalidArguments. */
export function prepareCall(connection: Connection, given: Call<unknown>, advice: Advice): Prepared {
  checkOptions(given, RUN_CHECKS, "a call");
  // A copy, as its caller may use it for another call.
  const { arguments: args, parameters, ...own } = given;
  const call: CallOptions = join(connection.carried(), own);
  checkCall(call, connection.requiredOptions);
  const values = copyArguments(call.toolName, args);
  advice.onIds(call);
  const schema = parameters && derived(parameters);
  const { signal, stop } = joined(call.signal);
  const asked = withSchema({ ...call, signal }, schema, advice);
  const begin = () => beginAsking(connection, asked, values, { parameters: schema, isShaped: false });
  return { begin, stop, returns: false };
}

/** @throws TypeError for options that make no sense. */
export function prepareResumed(connection: Connection, handle: Handle, options: ResumeOptions<unknown>): Prepared {
  checkOptions(options, RESUME_CHECKS, "resume");
  const { parameters, ...own } = options;
  const carried = waitingOptions(connection.withoutCallIds(() => connection.carried()));
  const call: CallOptions = join<CallOptions>(carried, { ...own, toolName: handle.toolName });
  const taking = { parameters: parameters && derived(parameters), isShaped: false };
  const { signal, stop } = joined(call.signal);
  const begin = async () => beginResuming(connection, { ...call, signal }, handle, taking);
  return { begin, stop, returns: false };
}

/**
 * A call of a wrapped function.
 *
 * @throws TypeError for options that make no sense.
 */
export function prepareWrapped(
  connection: Connection,
  options: Given,
  args: unknown,
  contexts: unknown[],
  advice: Advice,
): Prepared & { readonly refusal: unknown } {
  // Read once, so that what the options are made of is what is approved.
  let copy: Values | undefined;
  let misfit: unknown;
  try {
    copy = copyValues(args);
  } catch (error) {
    misfit = error;
  }
  const merged = merge(connection.carried(), options, copy ? copyValues(copy) : args, contexts);
  const { onRefusal = connection.onRefusal, passContext = false, parseEdited, parameters, ...call } = merged;
  if (!copy) refuseContext(call.toolName, args);
  const facts = factsOf(call.toolName, contexts, passContext);
  // A call's id names it only within a run.
  const callId = call.callId ?? (call.runId === undefined ? undefined : facts.callId);
  const known = { ...call, callId, signal: call.signal ?? facts.signal };
  checkCall({ ...known, parseEdited, parameters }, connection.requiredOptions);
  const taking = takingOf(parameters, parseEdited);
  const refusal = copy ? undefined : refusedBy(misfit, call.toolName);
  if (!refusal) advice.onIds(known);
  const { signal, stop } = joined(call.signal, facts.signal);
  const asked = withSchema({ ...known, signal }, taking.parameters, advice);
  const begin = async () => {
    if (!copy) throw refusal;
    return beginAsking(connection, asked, copy, taking);
  };
  return { begin, stop, returns: onRefusal === "return", refusal };
}

/**
 * A wrapped function that is resumed. Its options are those that need no arguments.
 *
 * @throws TypeError for a handle of another tool, and options that make no sense.
 */
export function prepareResumedWrapped(
  connection: Connection,
  options: Given,
  handle: Handle,
  contexts: unknown[],
): Prepared {
  if (typeof options === "function") {
    throw new TypeError("options computed from arguments are unknown for a handle: use client.resume");
  }
  const carried = waitingOptions(connection.withoutCallIds(() => connection.carried()));
  const merged = join<WrapOptions>(options, carried);
  const { onRefusal = connection.onRefusal, passContext = false, parseEdited, parameters, ...call } = merged;
  if (handle.toolName !== call.toolName) {
    throw new TypeError(`the handle is for the tool ${handle.toolName}, not for ${call.toolName}`);
  }
  const facts = factsOf(call.toolName, contexts, passContext);
  const { signal, stop } = joined(call.signal, facts.signal);
  const taking = takingOf(parameters, parseEdited);
  const begin = async () => beginResuming(connection, { ...call, signal }, handle, taking);
  return { begin, stop, returns: onRefusal === "return" };
}

function takingOf(
  parameters: StandardSchema | undefined,
  parseEdited: ((edited: JsonObject) => unknown) | undefined,
): Taking & { readonly parameters: Derived | undefined } {
  return { parameters: parameters && derived(parameters), parseEdited, isShaped: true };
}

/** The call with the schema for the server: its own, or what is derived of its parameters. */
function withSchema(call: CallOptions, schema: Derived | undefined, advice: Advice): CallOptions {
  if (call.argumentsSchema !== undefined || call.deriveSchema === false || schema === undefined) return call;
  if (schema.jsonSchema === undefined) advice.onSchema(call.toolName, schema);
  return { ...call, argumentsSchema: schema.jsonSchema };
}

/** Those options that say how to wait: the others were sent with the request. */
function waitingOptions(carried: Partial<CallOptions>): Partial<CallOptions> {
  const { patienceMs, onProgress, cancelOnAbandon, signal, stopWaiting } = carried;
  return { patienceMs, onProgress, cancelOnAbandon, signal, stopWaiting };
}

/**
 * The options of a call. What the call's surroundings carry comes before what was fixed when the function was wrapped,
 * and after what was made for this call.
 */
function merge(carried: Partial<CallOptions>, options: Given, args: unknown, contexts: unknown[]): WrapOptions {
  if (typeof options !== "function") return join(options, carried);
  const made = options(args, ...contexts);
  checkOptions(made, GATE_CHECKS, "a call");
  return join(carried, made);
}

/**
 * Options, of which the later win. Labels are joined: a policy may ask on each. Those that are undefined are as if they
 * were not given.
 */
export function join<O extends Partial<CallOptions>>(before: Partial<O>, after: Partial<O>): O {
  const given = (options: object) => Object.entries(options).filter(([, value]) => value !== undefined);
  const labels = { ...before.labels, ...after.labels };
  const isLabelled = Object.keys(labels).length > 0;
  return { ...Object.fromEntries([...given(before), ...given(after)]), ...(isLabelled && { labels }) } as unknown as O;
}

import leven from "leven";
import { isPlainObject } from "./arguments.js";
import type { Call, CallOptions, GateOptions, RefusalOptions, RequirableOption, ResumeOptions } from "./call.js";
import { isSignal } from "./contexts.js";

/** What an option must be, such as `a string`; undefined when the value is that. */
export type Check = (value: unknown) => string | undefined;

/** The checks of a set of options, by name. */
export type Checks<O> = { readonly [Name in keyof O]-?: Check };

export const isText: Check = (value) => (typeof value === "string" ? undefined : "a string");
const isName: Check = (value) => (typeof value === "string" && value !== "" ? undefined : "a non-empty string");
export const isFlag: Check = (value) => (typeof value === "boolean" ? undefined : "a boolean");
export const isCallable: Check = (value) => (typeof value === "function" ? undefined : "a function");
const isAbortSignal: Check = (value) => (isSignal(value) ? undefined : "an AbortSignal");
export const isOnRefusal: Check = (value) =>
  value === "throw" || value === "return" ? undefined : '"throw" or "return"';
const isObject: Check = (value) => (isPlainObject(value) ? undefined : "a JSON object");

/** Infinity would be a wait without end, or an overflow, and is always a mistake. */
export const isDuration: Check = (value) =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? undefined : "a number of milliseconds above 0";

const isPatience: Check = (value) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? undefined : "a number of milliseconds";

const areTexts: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "an array of strings";

const areLabels: Check = (value) =>
  isPlainObject(value) && Object.values(value).every((label) => typeof label === "string")
    ? undefined
    : "an object whose values are strings";

const isPerson: Check = (value) => {
  const wanted = "{ subject, issuer } with strings";
  if (!isPlainObject(value) || typeof value.subject !== "string") return wanted;
  const { issuer, subject: _, ...others } = value;
  return (issuer === undefined || typeof issuer === "string") && Object.keys(others).length === 0 ? undefined : wanted;
};

export const isLogger: Check = (value) =>
  typeof (value as { warn?: unknown } | null)?.warn === "function" ? undefined : "an object with a function warn";

/** Functions too: some libraries make their schemas so. */
const isSchema: Check = (value) => {
  const standard = (value as { "~standard"?: { validate?: unknown } } | null)?.["~standard"];
  return typeof standard?.validate === "function" ? undefined : "a schema of Standard Schema, such as one of Zod";
};

export const areOptionNames: Check = (value) => {
  const isKnown = (name: unknown) => typeof name === "string" && name in CALL_CHECKS && !UNREQUIRABLE.has(name);
  return Array.isArray(value) && value.every(isKnown) ? undefined : "an array of names of call options";
};
const UNREQUIRABLE: ReadonlySet<string> = new Set(["toolName", "requiredOptions"]);

/** Of a call without its arguments. */
export const CALL_CHECKS: Checks<CallOptions> = {
  toolName: isName,
  agentName: isText,
  runId: isName,
  chain: areTexts,
  reason: isText,
  labels: areLabels,
  timeoutMs: isDuration,
  argumentsSchema: isObject,
  deriveSchema: isFlag,
  onBehalfOf: isPerson,
  requestId: isName,
  callId: isName,
  patienceMs: isPatience,
  onProgress: isCallable,
  cancelOnAbandon: isFlag,
  signal: isAbortSignal,
  stopWaiting: isAbortSignal,
  requiredOptions: areOptionNames,
};

/** Of a call with its arguments, which have checks of their own. */
export const RUN_CHECKS: Checks<Call> = { ...CALL_CHECKS, arguments: () => undefined, parameters: isSchema };

/** Of a wrapped function. */
export const GATE_CHECKS: Checks<GateOptions<unknown> & RefusalOptions<unknown>> = {
  ...CALL_CHECKS,
  parameters: isSchema,
  parseEdited: isCallable,
  passContext: isFlag,
  onRefusal: isOnRefusal,
};

const { patienceMs, onProgress, cancelOnAbandon, signal, stopWaiting } = CALL_CHECKS;

/** Of a call that is resumed. */
export const RESUME_CHECKS: Checks<ResumeOptions> = {
  patienceMs,
  onProgress,
  cancelOnAbandon,
  signal,
  stopWaiting,
  parameters: isSchema,
};

/**
 * Checks options as plain JavaScript may give them: an option that is not known would be ignored, and its call judged
 * without it.
 *
 * @param of - whose options they are, as a message names it.
 * @throws TypeError with the option's name.
 */
export function checkOptions<O extends object>(options: O, checks: Record<string, Check>, of: string): void {
  // What an object inherits, such as the getters of a class, would be left out.
  if (!isPlainObject(options)) throw new TypeError(`the options of ${of} must be a plain object`);
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) throw new TypeError(`unknown option ${name} of ${of}${hint(name, Object.keys(checks))}`);
    const wanted = value === undefined ? undefined : check(value);
    if (wanted) throw new TypeError(`${name} of ${of} must be ${wanted}`);
  }
}

/** What is asked of a call beyond each option by itself. @throws TypeError */
export function checkCall(call: Partial<GateOptions<unknown>>, required: readonly string[]): void {
  if (call.toolName === undefined) throw new TypeError("toolName of a call is required");
  if (call.callId !== undefined && call.runId === undefined) {
    throw new TypeError("callId needs runId: alone it does not identify a call");
  }
  if (call.parameters !== undefined && call.parseEdited !== undefined) {
    throw new TypeError("parameters and parseEdited exclude each other: parameters reads edits too");
  }
  const missing = [...required, ...(call.requiredOptions ?? [])].find((name) =>
    isMissing(call[name as RequirableOption]),
  );
  if (missing !== undefined) {
    throw new TypeError(`${missing} is required for calls to ${call.toolName}, and not set`);
  }
}

/** Whether there is nothing in it, whatever its type. */
function isMissing(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  return typeof value === "object" && value !== null && (Array.isArray(value) || isPlainObject(value))
    ? Object.keys(value).length === 0
    : false;
}

/** The name that was meant, where one is near. */
function hint(name: string, known: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  const given = plain(name);
  const near = known
    .map((candidate) => [candidate, distance(given, plain(candidate))] as const)
    .sort(([, one], [, other]) => one - other)
    .find(([, steps]) => steps <= Math.max(1, Math.floor(given.length / 3)));
  return near ? `: did you mean ${near[0]}?` : "";
}

/** `timeout` is near to `timeoutMs`. */
function distance(given: string, candidate: string): number {
  return given !== "" && candidate.startsWith(given) ? 0 : leven(given, candidate);
}

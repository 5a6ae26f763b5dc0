import type { CallOptions } from "../call.js";
import { CALL_CHECKS, type Check, isCallable, isFlag, isOnRefusal } from "../options.js";
import type { RunContextLike } from "./openai-agents-sdk.js";

/** A call that an agent makes of a tool. */
export interface ToolCall {
  readonly toolName: string;
  /** The arguments: a copy. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The model's id of the call. */
  readonly callId: string | undefined;
  readonly agentName: string;
  /** The run's context of the SDK. It never reaches the server. */
  readonly runContext: RunContextLike;
}

/** Options that the gate sets for each call, or that would be the same for all of them. */
export type Own = "toolName" | "agentName" | "runId" | "chain" | "requestId" | "callId" | "argumentsSchema";

/** How an agent's tools are gated: options of their calls, and these. */
export interface GateAgentOptions extends Omit<CallOptions, Own> {
  /**
   * Names the run (conversation, job), or says its name from the run's context; random for each run unless given. With the
   * same name, a call that the model's answer names with the same id finds its earlier approval.
   */
  readonly runId?: string | ((context: RunContextLike) => string) | undefined;
  /** Pauses the run at a call that is to be decided, for `decisions`, in place of waiting within it. Needs `runId`. */
  readonly durable?: boolean | undefined;
  /** Names of tools that run without: those that no function of this process runs, such as `web_search`. */
  readonly ungated?: readonly string[] | undefined;
  /** `return`, unless set, hands the refusal's text to the model as the tool's result; `throw` ends the run with it. */
  readonly onRefusal?: "return" | "throw" | undefined;
  /** Gives one call's own options, which come before the others. What it throws ends the run; the tool is not run. */
  readonly optionsFor?: ((call: ToolCall) => Partial<Omit<CallOptions, Own | "signal" | "stopWaiting">>) | undefined;
}

const areNames: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === "string") ? undefined : "an array of names of tools";
const isRunId: Check = (value) =>
  typeof value === "function" || (typeof value === "string" && value !== "") ? undefined : "a text or a function";

const { toolName, agentName, runId, chain, requestId, callId, argumentsSchema, ...SHARED_CHECKS } = CALL_CHECKS;
const { signal, stopWaiting, ...OPTIONS_FOR_CHECKS } = SHARED_CHECKS;

/** Of what `optionsFor` gives. */
export const CALL_OWN_CHECKS: Record<string, Check> = OPTIONS_FOR_CHECKS;

/** Of what `gate` is given. */
export const CHECKS: Record<string, Check> = {
  ...SHARED_CHECKS,
  runId: isRunId,
  durable: isFlag,
  ungated: areNames,
  onRefusal: isOnRefusal,
  optionsFor: isCallable,
};

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
   * The name of the run (conversation, job), or a function of the run's context that returns it; random for each run
   * unless set. With the same name, a call with the same id of the model finds its earlier approval.
   */
  readonly runId?: string | ((context: RunContextLike) => string) | undefined;
  /** Pauses the run at a call that needs a decision, for `decisions`, instead of waiting within it. Needs `runId`. */
  readonly durable?: boolean | undefined;
  /** Names of tools without a gate: those that no function of this process runs, such as `web_search`. */
  readonly ungated?: readonly string[] | undefined;
  /** `return` (the default) makes the refusal's text the tool's result; `throw` ends the run with the refusal. */
  readonly onRefusal?: "return" | "throw" | undefined;
  /** Returns the options of one call, which override the others. If it throws, the run ends, and the tool does not run. */
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

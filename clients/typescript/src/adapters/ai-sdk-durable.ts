import { joined } from "../aborts.js";
import { ApprovalStatus } from "../gen/signoff/v1/approval_pb.js";
import type { Handle } from "../handle.js";
import { CALL_CHECKS, type Check, checkOptions } from "../options.js";
import { isRefusal, StillWaiting } from "../refusals.js";
import { statusWhenAsked } from "../wrap.js";
import { type Answer, nameOf, openBeside, type PausedCall, pausedCalls } from "./ai-sdk-messages.js";

/** What the AI SDK passes to a tool besides its input, as far as it names the call. */
export interface Naming {
  readonly toolCallId: string;
  readonly messages: readonly unknown[];
  readonly context?: unknown;
  readonly experimental_context?: unknown;
}

/** How a durable tool asks for its calls. */
export interface Asking {
  readonly toolName: string;
  /** Whether a run that goes on has the same input, however its messages were stored. */
  readonly keeps: (input: unknown) => Promise<boolean>;
  readonly ask: (input: unknown, naming: Naming) => Promise<Handle>;
  /** Asks, and waits for the decision. */
  readonly wait: (input: unknown, naming: Naming, signal: AbortSignal | undefined) => Promise<void>;
}

/** How to ask for the calls of gated tools, by what runs them; null for those that wait where they run. */
const gates = new WeakMap<object, Asking | null>();

/** Whether something runs a tool that is gated. */
export function isGate(execute: object): boolean {
  return gates.has(execute);
}

/** Remembers what runs a tool that is gated, and does not pause. */
export function waiting(execute: object): void {
  gates.set(execute, null);
}

/**
 * The `needsApproval` of a durable tool: the AI SDK pauses the run where it says so.
 *
 * It only pauses. Whatever it returns, and whatever the stored messages contain, `execute` is the gate. So it never
 * fails before the pause: a failure occurs in `execute` too, and the model reads why.
 */
export function pausing(asking: Asking, execute: object): (input: unknown, naming: Naming) => Promise<boolean> {
  gates.set(execute, asking);
  const { toolName, ask, keeps } = asking;
  return async (input, naming) => {
    const { isResumed, toolCallId } = nameOf(naming?.toolCallId, naming?.messages);
    try {
      // Without an id, a run that goes on would not find the approval.
      if (!toolCallId || !(await keeps(input))) return false;
      const handle = await ask(input, naming);
      const status = statusWhenAsked(handle);
      const { approvalId } = handle;
      if (status === ApprovalStatus.PENDING && isResumed) throw new StillWaiting({ toolName, approvalId }, false);
      // The AI SDK denies what nobody needed to approve, when it goes on: the run did not pause for such a call.
      return isResumed ? status !== ApprovalStatus.AUTO_APPROVED : status === ApprovalStatus.PENDING;
    } catch (error) {
      // The run stays as it is, to go on later: nothing was run.
      if (isResumed && isUndecided(error)) throw error;
      return isResumed;
    }
  };
}

/** What `decisions` takes besides the messages and tools. */
export interface DecisionsOptions {
  /** Version 7: as of `generateText`, for `optionsFor`. */
  readonly toolsContext?: object | undefined;
  /** Version 6: as of `generateText`, for `optionsFor`. */
  readonly experimental_context?: unknown;
  /** Ends the wait, with the signal's reason. The approvals stay open. */
  readonly signal?: AbortSignal | undefined;
}

/** A message with which a paused run continues. */
export interface AnswersMessage {
  role: "tool";
  content: Answer[];
}

const isAnything: Check = () => undefined;
const CHECKS = { toolsContext: isAnything, experimental_context: isAnything, signal: CALL_CHECKS.signal };

/**
 * Waits until all calls that paused the run are decided, and returns the message to continue with:
 *
 *     const messages = await stored();
 *     messages.push(...(await decisions(messages, tools)));
 *     const result = await generateText({ model, tools, messages });
 *
 * The answers only mean: continue. Each call is claimed when it would run; the model reads why a call did not run.
 *
 * @param messages - as of the AI SDK: of a `useChat`, what `convertToModelMessages` makes of them.
 * @param tools - those of the run, gated with `durable`. Calls of other tools keep the answers that the messages have.
 * @returns none where the run is not paused.
 * @throws Unavailable when the server cannot be reached for long enough; the signal's reason; TypeError.
 */
export async function decisions(
  messages: readonly unknown[],
  tools: object,
  options: DecisionsOptions = {},
): Promise<AnswersMessage[]> {
  checkOptions(options, CHECKS, "decisions");
  if (!Array.isArray(messages) || !messages.every(isModelMessage)) {
    throw new TypeError("messages of decisions must be model messages: see convertToModelMessages of the AI SDK");
  }
  const paused = pausedCalls(messages).map((call) => ({ ...call, asking: askingOf(tools, call.toolName) }));
  const calls = paused.flatMap(({ asking, ...call }) => (asking ? [{ ...call, asking }] : []));
  const overtaken = calls.find(({ isLast }) => !isLast);
  if (overtaken) {
    throw new TypeError(
      `the run paused at a call to ${overtaken.toolName}, and no message may follow before it continues`,
    );
  }
  if (calls.length === 0) return [];
  const others = paused.filter(({ asking, answer, isLast }) => !asking && answer && isLast);
  const open = openBeside([...calls, ...others], messages);
  if (open !== undefined) {
    // The AI SDK would run the calls that are answered, and then fail and lose their results.
    throw new TypeError(`the run waits for a call to ${open}, too: add its answer or result to the messages first`);
  }
  const failed = new AbortController();
  const { signal, stop } = joined(options.signal, failed.signal);
  try {
    await Promise.all(calls.map((call) => isDenied(call) || decided(call, messages, options, signal)));
  } finally {
    failed.abort();
    stop();
  }
  // All of them, as the AI SDK reads those of the last message alone.
  const content = [...calls, ...others].map((call): Answer => {
    const { answer, approvalId } = call;
    if (answer && (isDenied(call) || others.includes(call))) return answer;
    return { type: "tool-approval-response", approvalId, approved: true };
  });
  return [{ role: "tool", content }];
}

function isDenied({ answer }: PausedCall): boolean {
  return answer?.approved === false;
}

/** Returns when a call is decided, however it is. */
async function decided(
  { asking, input, toolCallId }: PausedCall & { readonly asking: Asking },
  messages: readonly unknown[],
  { toolsContext, experimental_context }: DecisionsOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const context = (toolsContext as Record<string, unknown> | undefined)?.[asking.toolName];
  try {
    await asking.wait(input, { toolCallId, messages, context, experimental_context }, signal);
  } catch (error) {
    if (isUndecided(error) || !isRefusal(error)) throw error;
  }
}

function isUndecided(error: unknown): boolean {
  return isRefusal(error) && (error.kind === "Unavailable" || error.kind === "StillWaiting");
}

function isModelMessage(message: unknown): boolean {
  return typeof message === "object" && message !== null && "content" in message;
}

/** How to ask for calls of a tool; undefined for one that is not gated. */
function askingOf(tools: object, toolName: string): Asking | undefined {
  if (!Object.hasOwn(tools, toolName))
    throw new TypeError(`the run paused at a call to ${toolName}, which is not one of the tools`);
  const tool = (tools as Record<string, unknown>)[toolName];
  const execute = (tool as { execute?: unknown } | null | undefined)?.execute;
  const asking = typeof execute === "function" ? gates.get(execute) : undefined;
  if (asking === null) throw new TypeError(`the run paused at a call to ${toolName}, which is gated without durable`);
  return asking;
}

import type { JsonObject } from "@bufbuild/protobuf";
import { ToolMessage } from "@langchain/core/messages";
import canonicalize from "canonicalize";
import { isPlainObject } from "../arguments.js";
import { AlreadyClaimed, DigestMismatch, type Refusal } from "../refusals.js";
import { textOf } from "../report.js";

/** What the gate looks at in a tool. Those of the provider have no `invoke`, and those that are Runnables no `_call`. */
export interface LangChainTool {
  readonly name: string;
  readonly schema?: unknown;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly _call?: ((parsed: unknown, ...rest: unknown[]) => unknown) | undefined;
  readonly invoke: (input: unknown, config?: unknown) => Promise<unknown>;
}

/** A call of a tool, as messages of LangChain have it. */
export interface ModelCall {
  readonly name: string;
  readonly args: unknown;
  readonly id?: string | undefined;
}

/** What the framework made of a run: its result, or what it threw without having failed. */
export type Outcome = { readonly result: unknown } | { readonly thrown: unknown };

/** A run that is reported as failed with this text, although the framework has a result of it. */
export class Failed extends Error {
  readonly outcome: Outcome;

  constructor(text: string, outcome: Outcome) {
    super(text);
    this.outcome = outcome;
  }
}

/** Takes whatever it is given: the gate has read the arguments already. */
const ANYTHING = {};

/**
 * Runs the tool of an approved call.
 *
 * The framework gets a stand-in for the tool. Middlewares between the gate and the tool cannot change its arguments, have
 * it run again, or have it run later.
 *
 * @param approved - what was approved, and `taken`, what the tool gets of it.
 * @param run - hands the stand-in to the framework.
 * @throws Refusal for what was not approved; Failed; what the framework throws of an error of the tool.
 */
export async function runApproved(
  tool: LangChainTool,
  { approved, taken }: { readonly approved: JsonObject; readonly taken: unknown },
  run: (standIn: LangChainTool) => Promise<unknown>,
): Promise<Outcome> {
  const { name: toolName } = tool;
  const text = canonicalize(approved);
  let state: "ready" | "started" | "ended" | "over" = "ready";
  let refusal: Refusal | undefined;
  let failure: { readonly error: unknown } | undefined;

  /** Noted, as what is between may make a message of it. */
  const refuse = (found: Refusal) => {
    refusal ??= found;
    return found;
  };

  async function invoke(input: unknown, config?: unknown): Promise<unknown> {
    if (state !== "ready") throw refuse(new AlreadyClaimed({ toolName }));
    if (canonicalOf(argsOf(input)) !== text) {
      // Nothing runs any more: the model reads that nothing did.
      state = "over";
      throw refuse(new DigestMismatch({ toolName }));
    }
    state = "started";
    const args = structuredClone(approved);
    try {
      return await inner.invoke(isToolCall(input) ? { ...input, args } : args, config);
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      state = "ended";
    }
  }

  let isRead = false;
  const callOnce = (_: unknown, ...rest: unknown[]) => {
    if (isRead) throw refuse(new AlreadyClaimed({ toolName }));
    isRead = true;
    return tool._call?.(taken, ...rest);
  };
  // LangChain's own methods run with this as their `this`, so that they find this schema and this `_call`.
  const inner =
    typeof tool._call === "function"
      ? replaced(tool, { schema: ANYTHING, _call: callOnce })
      : { invoke: tool.invoke.bind(tool) };
  const standIn = guarded(tool, invoke);

  let result: unknown;
  try {
    result = await run(standIn);
  } catch (error) {
    if (refusal) throw refusal;
    if (isInterrupt(error)) {
      throw new TypeError(
        `${toolName} called interrupt(): a gated tool cannot pause, because an approval is for one run. Name it in ` +
          "ungated if it only asks a question",
      );
    }
    // The tool has ended, and tells the graph where to go on.
    if (isBubbleUp(error)) return { thrown: error };
    throw error;
  } finally {
    state = state === "ready" ? "over" : state;
  }
  if (refusal) throw refusal;
  if (failure) throw new Failed(textOf(failure.error), { result });
  if (state === "over") throw new Failed("not run: a middleware answered in the tool's place", { result });
  if (state === "started") throw new Failed("not known: a middleware answered before the tool ended", { result });
  if (ToolMessage.isInstance(result) && result.status === "error") throw new Failed(String(result.content), { result });
  return { result };
}

/** The arguments of a call, in whichever form a tool takes it; a text is that of a tool with one. */
export function argsOf(input: unknown): unknown {
  if (typeof input === "string") return { input };
  return isToolCall(input) ? input.args : input;
}

/** Whether a tool is invoked with a call of a model, and not with arguments alone. */
export function isToolCall(input: unknown): input is ModelCall {
  return typeof input === "object" && input !== null && (input as { type?: unknown }).type === "tool_call";
}

/** Whether something has an `invoke`, as tools have that run here. */
export function isTool(value: unknown): value is LangChainTool {
  const { name, invoke } = (value ?? {}) as Partial<LangChainTool>;
  return typeof name === "string" && typeof invoke === "function";
}

const gated = new WeakSet<object>();

/** Whether a tool asks for approval by itself. */
export function isGatedTool(tool: unknown): boolean {
  return typeof tool === "object" && tool !== null && gated.has(tool);
}

/** A tool that asks for approval by itself: by this `invoke`. */
export function gatedBy<T extends object>(tool: T, invoke: LangChainTool["invoke"]): T {
  const made = guarded(tool, invoke);
  gated.add(made);
  return made;
}

/** All ways to run a Runnable. Those of a tool with a `_call` lead to its `invoke`. */
const RUNS = ["batch", "stream", "streamEvents", "streamLog", "transform"] as const;

/** A tool that is run by this `invoke` alone, and is like the given one in all else. */
function guarded<T extends object>(tool: T, invoke: LangChainTool["invoke"]): T {
  const { name, _call } = tool as Partial<LangChainTool>;
  const refuse = () => {
    throw new TypeError(`${name} is gated: run it by its invoke`);
  };
  const others = typeof _call === "function" ? [] : RUNS.map((run) => [run, refuse]);
  const call = (args: unknown, config?: unknown) => invoke(args, config);
  return replaced(tool, {
    invoke,
    call,
    _call: _call && refuse,
    func: refuse,
    bound: undefined,
    ...Object.fromEntries(others),
  });
}

/** An object with some properties of its own, and all others of the given one, which stays as it is. */
function replaced<T extends object>(object: T, by: Readonly<Record<string, unknown>>): T {
  const get = (target: T, name: string | symbol) =>
    typeof name === "string" && Object.hasOwn(by, name) ? by[name] : Reflect.get(target, name, target);
  return new Proxy(object, { get });
}

function canonicalOf(args: unknown): string | undefined {
  try {
    return isPlainObject(args) ? canonicalize(args) : undefined;
  } catch {
    return undefined;
  }
}

/** Errors of LangGraph that lead out of a node: they say so themselves, as their classes may be there twice. */
function isBubbleUp(error: unknown): boolean {
  return error instanceof Error && (error as { is_bubble_up?: unknown }).is_bubble_up === true;
}

function isInterrupt(error: unknown): boolean {
  return isBubbleUp(error) && ["GraphInterrupt", "NodeInterrupt"].includes((error as Error).name);
}

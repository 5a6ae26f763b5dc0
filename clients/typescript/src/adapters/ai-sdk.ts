/**
 * Vercel AI SDK, versions 6 and 7: tools run only after an approval.
 *
 *     const tools = gateTools({ sendEmail, searchRecords }, client, { agentName: "mailer", runId: chat.id });
 *     await generateText({ model, tools, prompt });
 *
 * It imports nothing of the AI SDK.
 *
 * @module
 */
import { joined } from "../aborts.js";
import { copyValues, isPlainObject } from "../arguments.js";
import type { CallOptions } from "../call.js";
import type { Client } from "../client.js";
import { kindOf } from "../functions.js";
import type { Handle } from "../handle.js";
import { CALL_CHECKS, type Check, checkOptions, isCallable, isFlag } from "../options.js";
import { join } from "../prepare.js";
import { isRefusal } from "../refusals.js";
import { isGated } from "../wrap.js";
import { isGate, type Naming, pausing, waiting } from "./ai-sdk-durable.js";
import { contextOf, type InputCheck, InputSchema, isJson } from "./ai-sdk-input.js";
import { type NamedCall, nameOf } from "./ai-sdk-messages.js";

export { type AnswersMessage, type DecisionsOptions, decisions } from "./ai-sdk-durable.js";

/** A call that the model makes of a tool. */
export interface ToolCall {
  readonly toolName: string;
  /** The arguments: a copy. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The model's id of the call. */
  readonly toolCallId: string;
  /** What was sent to the model, before its answer with the call. */
  readonly messages: readonly unknown[];
  /** The tool's context (version 7), or `experimental_context` (version 6). It never reaches the server. */
  // biome-ignore lint/suspicious/noExplicitAny: the user's own.
  readonly context: any;
}

/** Options that several calls have in common. */
type SharedOptions = Omit<CallOptions, "toolName" | "requestId" | "callId" | "argumentsSchema">;

/** How tools are gated: options of their calls, and these. */
export interface GateToolsOptions extends SharedOptions {
  /**
   * Returns the options of one call, which override the others. An exception in it is the call's error; the tool does
   * not run.
   */
  readonly optionsFor?: ((call: ToolCall) => Partial<Omit<CallOptions, "toolName" | "stopWaiting">>) | undefined;
  /**
   * The run does not wait for decisions: it pauses, and may go on in another process, with the messages that
   * {@link decisions} makes. Each call then needs a `runId`, which names the conversation.
   */
  readonly durable?: boolean | undefined;
  /** Names of tools without a gate. Tools that do not run here must be named. */
  readonly ungated?: readonly string[] | undefined;
}

/** Tools by their names. The result of each may be the text of a refusal. */
export type GatedTools<T> = { [Name in keyof T]: GatedTool<T[Name]> };

/** A tool whose result may be the text of a refusal. */
export type GatedTool<T> = T extends { execute: (input: infer I, execution: infer E) => infer R }
  ? Omit<T, "execute" | "outputSchema" | "toModelOutput"> & { execute: (input: I, execution: E) => OrText<R> }
  : T;

type OrText<R> =
  R extends AsyncIterable<infer O>
    ? AsyncIterable<O | string>
    : R extends PromiseLike<infer O>
      ? PromiseLike<O | string>
      : R | string;

/** What the AI SDK knows its `toolSearch` by. */
const TOOL_SEARCH = Symbol.for("vercel.ai.toolSearch");

/** What the gate looks at in a tool. */
interface SdkTool {
  readonly inputSchema?: unknown;
  readonly execute?: unknown;
  readonly toModelOutput?: unknown;
  readonly needsApproval?: unknown;
  readonly contextSchema?: unknown;
  readonly isProviderExecuted?: unknown;
  readonly experimental_toolCaller?: unknown;
  readonly [TOOL_SEARCH]?: unknown;
}

/** What the AI SDK passes to a tool besides its input. It is passed on unchanged. */
interface Execution extends Naming {
  readonly abortSignal?: AbortSignal | undefined;
}

/** A call on its way through the gate, in the form of a context: its id names the call. */
interface Ready extends NamedCall {
  readonly execution: Execution;
  readonly check: InputCheck;
  readonly stopWaiting: AbortSignal | undefined;
}

type Execute = (this: unknown, input: object, execution: Execution) => unknown;

const areNames: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === "string") ? undefined : "an array of names of tools";

const { toolName: _, ...OWN_CHECKS } = CALL_CHECKS;
const { requestId: __, callId: ___, argumentsSchema: ____, ...SHARED_CHECKS } = OWN_CHECKS;
const CHECKS: Record<string, Check> = { ...SHARED_CHECKS, optionsFor: isCallable, durable: isFlag, ungated: areNames };
const { stopWaiting: _____, ...CALLS_CHECKS } = OWN_CHECKS;

/**
 * Gates tools: they run only after an approval of their input, once, with exactly the approved input.
 *
 * The gate asks when the call would run: with the tool's own input, and after the AI SDK's own approvals. A refusal's
 * text is the tool's result, for the model to read.
 *
 * @param tools - as of `generateText`, `streamText` or an agent. They are not changed.
 * @throws TypeError for a tool that does not run here and is not named in `ungated`; for a tool that is gated already, or
 *   takes what has no JSON form; for invalid options.
 */
export function gateTools<T extends object>(tools: T, client: Client, options: GateToolsOptions = {}): GatedTools<T> {
  if (!isPlainObject(tools)) throw new TypeError("tools of gateTools must be an object of tools by their names");
  if (typeof client?.requiresApproval !== "function") throw new TypeError("client of gateTools must be a Client");
  checkOptions(options, CHECKS, "gateTools");
  const { ungated = [], ...rest } = options;
  const unknown = ungated.find((name) => !Object.hasOwn(tools, name));
  if (unknown !== undefined) {
    throw new TypeError(`ungated of gateTools names ${unknown}, which is not one of the tools`);
  }
  const entries = Object.entries(tools).map(([name, tool]) => [
    name,
    ungated.includes(name) ? tool : gateTool(name, tool, client, rest),
  ]);
  return Object.fromEntries(entries);
}

function gateTool(toolName: string, given: unknown, client: Client, options: GateToolsOptions): object {
  if (typeof given !== "object" || given === null) throw new TypeError(`${toolName} of gateTools must be a tool`);
  const tool: SdkTool = given;
  const body = bodyOf(toolName, tool);
  const schema = new InputSchema(toolName, tool.inputSchema);
  const { optionsFor, stopWaiting, durable = false, ...shared } = options;
  if (durable && tool.needsApproval !== undefined && tool.needsApproval !== false) {
    throw new TypeError(`${toolName} has needsApproval, and with durable the gate pauses the run itself: remove it`);
  }

  const makeOptions = (input: object, ready: Ready) => {
    const { toolCallId, context, experimental_context } = ready.execution;
    const call = {
      toolName,
      input: input as ToolCall["input"],
      toolCallId,
      messages: ready.messages,
      context: context ?? experimental_context,
    };
    const own = optionsFor?.(call) ?? {};
    checkOptions(own, CALLS_CHECKS, "optionsFor");
    const { stopWaiting, check } = ready;
    const made = join<CallOptions>(shared, { ...own, toolName });
    // Another process finds the approval by it.
    const requiredOptions = [...(made.requiredOptions ?? []), ...(durable ? (["runId"] as const) : [])];
    return { ...made, ...check, requiredOptions, stopWaiting, passContext: true, onRefusal: "throw" as const };
  };

  async function readied(input: unknown, execution: Execution): Promise<Ready & { readonly stop: () => void }> {
    const check = await schema.checkOf(input);
    const { signal, stop } = joined(stopWaiting, execution?.abortSignal);
    const named = nameOf(execution?.toolCallId, execution?.messages);
    return { ...named, execution: execution ?? {}, check, stopWaiting: signal, stop };
  }

  const plain = client.requiresApproval(
    async (input: object, { execution }: Ready) => lastOf(body.call(tool, input, execution)),
    makeOptions,
  );
  async function run(input: object, execution: Execution): Promise<unknown> {
    const ready = await readied(input, execution);
    try {
      return await plain(input, ready);
    } catch (error) {
      return textOf(error);
    } finally {
      ready.stop();
    }
  }

  const steps = client.requiresApproval(async function* (input: object, { execution }: Ready) {
    yield* body.call(tool, input, execution) as AsyncIterable<unknown>;
  }, makeOptions);
  async function* step(input: object, execution: Execution): AsyncGenerator<unknown> {
    const ready = await readied(input, execution);
    try {
      yield* steps(input, ready);
    } catch (error) {
      yield textOf(error);
    } finally {
      ready.stop();
    }
  }

  const isGenerator = kindOf(body, `execute of ${toolName}`) === "generator";
  const execute = isGenerator ? step : run;
  const made = { execute, ...modelOutputOf(tool) };
  if (!durable) {
    waiting(execute);
    return replaced(tool, made);
  }

  const keeps = async (input: unknown) => "parameters" in (await schema.checkOf(input)) && isJson(input);
  async function ask(input: unknown, execution: Naming): Promise<Handle> {
    const ready = await readied(input, execution);
    try {
      return await plain.ask(input as object, ready);
    } finally {
      ready.stop();
    }
  }
  async function wait(input: unknown, given: Naming, signal: AbortSignal | undefined): Promise<void> {
    const execution = { ...given, context: await contextOf(toolName, tool.contextSchema, given.context) };
    const handle = await ask(input, execution);
    const ready = await readied(input, execution);
    const { patienceMs, onProgress } = makeOptions(copyValues(input), ready);
    ready.stop();
    await client.wait(handle, { patienceMs, onProgress, stopWaiting, signal });
  }
  return replaced(tool, { ...made, needsApproval: pausing({ toolName, keeps, ask, wait }, execute) });
}

/** @throws TypeError for a tool that does not run here, or not only by its `execute`; for one that is gated already. */
function bodyOf(toolName: string, tool: SdkTool): Execute {
  const { execute, isProviderExecuted, experimental_toolCaller } = tool;
  const refuse = (problem: string) =>
    new TypeError(
      `${toolName} ${problem}: the gate cannot see its calls. Name it in ungated to run it without approval`,
    );
  if (isProviderExecuted === true) throw refuse("is run by the model's provider");
  // The AI SDK makes other tools of the next two, and runs those.
  if (experimental_toolCaller !== undefined) throw refuse("calls other tools");
  if (tool[TOOL_SEARCH] !== undefined) throw refuse("searches for tools");
  if (typeof execute !== "function") throw refuse("has no execute, and is run by the client or the model's provider");
  if (isGate(execute) || isGated(execute)) {
    throw new TypeError(`${toolName} is gated already: each call would ask twice`);
  }
  return execute as Execute;
}

/** The result of a tool. What comes step by step without being a generator is read to its end, as its work is in that. */
async function lastOf(result: unknown): Promise<unknown> {
  if (!isAsyncIterable(result)) return result;
  let last: unknown;
  for await (const output of result) last = output;
  return last;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] === "function";
}

/** What the model reads of a refusal; throws any other error. */
function textOf(error: unknown): string {
  if (isRefusal(error)) return error.message;
  throw error;
}

const REFUSED = /^NOT RUN(?: AGAIN)?\. /;

/** A tool's own form of its results for the model, which does not know refusals. */
function modelOutputOf(tool: SdkTool): object {
  const { toModelOutput } = tool;
  if (typeof toModelOutput !== "function") return {};
  return {
    toModelOutput: (result: { output?: unknown }) =>
      typeof result.output === "string" && REFUSED.test(result.output)
        ? { type: "text", value: result.output }
        : toModelOutput.call(tool, result),
  };
}

/** A copy of an object with other properties, which keeps what is not enumerable or inherited. */
function replaced(object: object, by: object): object {
  const properties = { ...Object.getOwnPropertyDescriptors(object), ...Object.getOwnPropertyDescriptors(by) };
  return Object.create(Object.getPrototypeOf(object), properties);
}

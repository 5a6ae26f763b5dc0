import type { JsonObject } from "@bufbuild/protobuf";
import { ToolMessage } from "@langchain/core/messages";
import canonicalize from "canonicalize";
import { joined } from "../aborts.js";
import { refusedBy } from "../arguments.js";
import type { CallOptions } from "../call.js";
import type { Client } from "../client.js";
import { requestIdOf } from "../digest.js";
import { ApprovalStatus } from "../gen/signoff/v1/approval_pb.js";
import type { Handle } from "../handle.js";
import { CALL_CHECKS, type Check, checkOptions, isCallable, isFlag } from "../options.js";
import { join } from "../prepare.js";
import { InvalidArguments, isRefusal } from "../refusals.js";
import type { GatedFunction } from "../wrap.js";
import { ToolArguments } from "./langchain-arguments.js";
import { Failed, isTool, type LangChainTool, type ModelCall, type Outcome, runApproved } from "./langchain-tool.js";

/** A call that the model makes of a tool. */
export interface ToolCall {
  readonly toolName: string;
  /** The arguments, with defaults filled in: a copy. */
  readonly args: Readonly<Record<string, unknown>>;
  /** The model's id of the call. */
  readonly toolCallId: string | undefined;
  /** The graph's state, as the tool would get it. It never reaches the server. */
  // biome-ignore lint/suspicious/noExplicitAny: the user's own.
  readonly state: any;
  /** What else the tool would get: `context`, `store`, `configurable`, …. It never reaches the server. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  readonly runtime: any;
}

/** Options that several calls have in common. */
type SharedOptions = Omit<CallOptions, "toolName" | "requestId" | "callId" | "argumentsSchema">;

/** How tools are gated: options of their calls, and these. */
export interface ToolGateOptions extends SharedOptions {
  /**
   * Pause the graph with an `interrupt` instead of waiting. After the decision, `invoke(null, config)` resumes it, in
   * any process. Needs a checkpointer and a `thread_id`.
   */
  readonly durable?: boolean | undefined;
  /** Returns the options of one call, which override the others. If it throws, the call fails, and the tool does not run. */
  readonly optionsFor?: ((call: ToolCall) => Partial<Omit<CallOptions, "toolName">>) | undefined;
  /** Names of tools without a gate. Tools that do not run here must be named. */
  readonly ungated?: readonly string[] | undefined;
}

/** What the framework has around a call. */
export interface Surroundings {
  /** The config of the node that runs the tool, as far as it is known. */
  readonly config: NodeConfig;
  readonly state: unknown;
  /** What the tool would get of both. */
  readonly runtime: unknown;
  /** The id of the call whose tool makes this one by itself. */
  readonly caller?: string | undefined;
}

/** What is looked at in the config of a node. */
export interface NodeConfig {
  readonly configurable?: Readonly<Record<string, unknown>> | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly interrupt?: unknown;
}

/** A call on its way through the gate, in the form of a context: its id is the call's, where there is a run. */
interface Ready {
  readonly toolCallId: string | undefined;
  readonly messages: readonly [];
  readonly options: Partial<CallOptions> & { readonly toolName: string };
  readonly parseEdited: (edited: JsonObject) => Promise<JsonObject>;
  readonly run: (approved: JsonObject) => Promise<Outcome>;
}

const areNames: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === "string") ? undefined : "an array of names of tools";

const { toolName: _, ...OWN_CHECKS } = CALL_CHECKS;
const { requestId: __, callId: ___, argumentsSchema: ____, ...SHARED_CHECKS } = OWN_CHECKS;
const CHECKS: Record<string, Check> = {
  ...SHARED_CHECKS,
  durable: isFlag,
  optionsFor: isCallable,
  ungated: areNames,
};

/** Runs each call of a tool only after an approval: once, with the approved arguments. */
export class ToolGate {
  readonly #client: Client;
  readonly #of: string;
  readonly #options: SharedOptions;
  readonly #durable: boolean;
  readonly #optionsFor: ToolGateOptions["optionsFor"];
  readonly #ungated: ReadonlySet<string>;
  readonly #gated: GatedFunction<JsonObject, [Ready], Promise<Outcome>>;

  /**
   * @param of - what the options are of, as a message names it.
   * @throws TypeError for invalid options.
   */
  constructor(client: Client, options: ToolGateOptions, of: string) {
    if (typeof client?.requiresApproval !== "function") throw new TypeError(`client of ${of} must be a Client`);
    checkOptions(options, CHECKS, of);
    const { durable = false, optionsFor, ungated = [], ...shared } = options;
    this.#client = client;
    this.#of = of;
    this.#options = shared;
    this.#durable = durable;
    this.#optionsFor = optionsFor;
    this.#ungated = new Set(ungated);
    this.#gated = client.requiresApproval(
      (approved: JsonObject, { run }: Ready) => run(approved),
      (_: JsonObject, { options: call, parseEdited }: Ready) => ({
        ...call,
        parseEdited,
        passContext: true,
        onRefusal: "throw" as const,
      }),
    );
  }

  isUngated(toolName: string): boolean {
    return this.#ungated.has(toolName);
  }

  /** @throws TypeError for names in `ungated` that none of the tools has. */
  requireNamed(tools: readonly unknown[]): void {
    const names = new Set(tools.map(nameOfTool));
    const unknown = [...this.#ungated].find((name) => !names.has(name));
    if (unknown === undefined) return;
    throw new TypeError(`ungated of ${this.#of} names ${unknown}, which is not one of the tools`);
  }

  /** @throws TypeError for a tool whose schema takes what has no JSON form. */
  requireReadable(tool: LangChainTool): void {
    new ToolArguments(tool);
  }

  /** @throws TypeError for a tool whose calls do not run here, unless it is named in `ungated`. */
  requireSeen(tool: unknown): void {
    const name = nameOfTool(tool);
    if (this.#ungated.has(name)) return;
    const { metadata } = (tool ?? {}) as { metadata?: unknown };
    const where = !isTool(tool)
      ? "is run by the model's provider"
      : (metadata as { headlessTool?: unknown } | undefined)?.headlessTool === true
        ? "is run by the client"
        : undefined;
    if (where === undefined) return;
    throw new TypeError(
      `${name} ${where}: the gate cannot see its calls. Name it in ungated to run it without approval`,
    );
  }

  /**
   * Asks for a call, or finds what was asked before, and runs it by the framework once it is approved.
   *
   * @param run - hands a stand-in for the tool, and the call with the approved arguments, to the framework.
   * @param refused - makes a result of a refusal's text.
   * @returns what the framework made of the run, or of the refusal.
   */
  async run(
    tool: LangChainTool | undefined,
    call: ModelCall,
    around: Surroundings,
    run: (standIn: LangChainTool, call: ModelCall) => Promise<unknown>,
    refused: (text: string) => unknown = (text) => messageFor(call, text),
  ): Promise<unknown> {
    let outcome: Outcome;
    try {
      outcome = await this.#decided(tool, call, around, run);
    } catch (error) {
      if (isRefusal(error)) return refused(error.message);
      if (!(error instanceof Failed)) throw error;
      outcome = error.outcome;
    }
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.result;
  }

  async #decided(
    tool: LangChainTool | undefined,
    call: ModelCall,
    around: Surroundings,
    run: (standIn: LangChainTool, call: ModelCall) => Promise<unknown>,
  ): Promise<Outcome> {
    const toolName = call.name;
    // Whatever would run it is a stranger to the gate.
    if (tool === undefined) {
      throw new InvalidArguments({ toolName }, "", "is for a tool that this agent does not have");
    }
    if (tool.name !== toolName) throw new InvalidArguments({ toolName }, "", `is for ${tool.name}, under another name`);
    this.requireSeen(tool);
    const takes = new ToolArguments(tool);
    const asked = await takes.asked(call.args).catch((error: unknown) => {
      throw refusedBy(error, toolName);
    });
    let { taken } = asked;
    const { toolCallId, options } = await this.#named(call, asked.shown, takes.jsonSchema, around);
    const { signal, stop } = joined(options.signal, around.config.signal);
    const ready: Ready = {
      toolCallId,
      messages: [],
      options: { ...options, signal },
      parseEdited: async (edited) => {
        taken = await takes.edited(edited);
        return edited;
      },
      run: (approved) =>
        runApproved(tool, { approved, taken }, (standIn) => run(standIn, { ...call, args: structuredClone(approved) })),
    };
    try {
      if (this.#durable) await this.#pauseWhilePending(call, around, () => this.#gated.ask(asked.shown, ready));
      return await this.#gated(asked.shown, ready);
    } finally {
      stop();
    }
  }

  /** @throws what pauses the graph, while nobody has decided. */
  async #pauseWhilePending(call: ModelCall, around: Surroundings, ask: () => Promise<Handle>): Promise<void> {
    const interrupt = pauseOf(call, around);
    for (;;) {
      const handle = await ask();
      if (!(await this.#isPending(handle))) return;
      // Returns where the graph was resumed with an answer, which decides nothing.
      interrupt(pauseFor(handle, call));
    }
  }

  /** The options of a call, with what the framework knows of it. */
  async #named(
    call: ModelCall,
    shown: JsonObject,
    argumentsSchema: JsonObject | undefined,
    around: Surroundings,
  ): Promise<Pick<Ready, "toolCallId" | "options">> {
    const { config, state, runtime } = around;
    const toolName = call.name;
    const { configurable = {}, metadata = {} } = config;
    const asked = { toolName, args: structuredClone(shown), toolCallId: call.id, state, runtime };
    const own = this.#optionsFor?.(asked) ?? {};
    checkOptions(own, OWN_CHECKS, "optionsFor");
    const known = { agentName: nameOf(metadata.lc_agent_name), runId: nameOf(configurable.thread_id) };
    const given = join<CallOptions>({ ...known, ...defined(this.#options) }, { ...own, toolName });
    const schema = given.deriveSchema === false ? undefined : argumentsSchema;
    const options = { ...given, argumentsSchema: given.argumentsSchema ?? schema };
    const task = nameOf(configurable.checkpoint_ns) ?? nameOf(metadata.langgraph_checkpoint_ns);
    // Models made for tests use a call's id again: it names the call only within the model's message, or the task.
    const within = messageOf(call, around)?.id ?? task;
    const id = call.id ?? (await idWithin(around.caller, toolName, shown));
    if (id === undefined || within === undefined) return { toolCallId: undefined, options };
    if (options.runId !== undefined) return { toolCallId: JSON.stringify([within, id]), options };
    // Without a run only the task itself finds it again.
    const requestId = task === undefined ? undefined : await requestIdOf(task, id);
    return { toolCallId: undefined, options: { ...options, requestId: options.requestId ?? requestId } };
  }

  /** Only whether to pause: where this cannot be known, the gate itself looks, and waits. */
  async #isPending({ approvalId }: Handle): Promise<boolean> {
    try {
      const { approval } = await this.#client.approvals.getApproval({ approvalId });
      return approval?.status === ApprovalStatus.PENDING;
    } catch {
      return false;
    }
  }
}

/** Those of providers may have a type alone, or a function. */
function nameOfTool(tool: unknown): string {
  const {
    name,
    type,
    function: fn,
  } = (tool ?? {}) as { name?: unknown; type?: unknown; function?: { name?: unknown } };
  return String(name ?? fn?.name ?? type ?? "a tool");
}

/** What names a call that another one's tool makes: nobody gave it an id. */
async function idWithin(caller: string | undefined, toolName: string, shown: JsonObject): Promise<string | undefined> {
  return caller === undefined ? undefined : requestIdOf(caller, JSON.stringify([toolName, canonicalize(shown)]));
}

export function messageFor({ name, id = "" }: ModelCall, content: string): ToolMessage {
  return new ToolMessage({ content, name, tool_call_id: id, status: "error" });
}

/** The interrupt's value for the application. */
function pauseFor(handle: Handle, { id }: ModelCall): object {
  const { approvalId, toolName } = handle;
  return {
    type: "signoff_approval",
    approval_id: approvalId,
    tool_name: toolName,
    tool_call_id: id,
    handle: handle.toJSON(),
  };
}

/** @throws TypeError where a pause would lose something. */
function pauseOf(call: ModelCall, around: Surroundings): (value: unknown) => unknown {
  const { configurable = {}, interrupt } = around.config;
  const isKept = configurable.thread_id !== undefined && configurable.__pregel_checkpointer !== undefined;
  if (!isKept || typeof interrupt !== "function") {
    throw new TypeError("durable needs a checkpointer, and a thread_id in the config's configurable");
  }
  if ((call.id ?? around.caller) === undefined) {
    throw new TypeError("durable needs the call's id: without it a resumed run would ask again each time");
  }
  const isAlone = isSent(inputOf(around.config)) || (messageOf(call, around)?.tool_calls?.length ?? 1) === 1;
  if (!isAlone) {
    throw new TypeError(
      "durable needs a task for each tool call, because a paused task runs again from its start: use oneTaskPerCall, " +
        'and version: "v2" of createAgent',
    );
  }
  return interrupt as (value: unknown) => unknown;
}

/** The input of the task that runs the tool. */
export function inputOf({ configurable }: NodeConfig): unknown {
  return (configurable?.__pregel_scratchpad as { currentTaskInput?: unknown } | undefined)?.currentTaskInput;
}

/** Whether a task is for one call. */
function isSent(input: unknown): boolean {
  return typeof input === "object" && input !== null && "lg_tool_call" in input;
}

/** A message of the model. */
interface ModelMessage {
  readonly id?: string | undefined;
  readonly tool_calls?: readonly ModelCall[] | undefined;
}

/** The model's message that makes the call, or that of the tool which makes it. */
function messageOf(call: ModelCall, { state, config, caller }: Surroundings): ModelMessage | undefined {
  const id = call.id ?? caller;
  const messages = [state, inputOf(config)].map(messagesOf).find((found) => found.length > 0) ?? [];
  return messages.findLast(({ tool_calls }) => Array.isArray(tool_calls) && tool_calls.some((made) => made.id === id));
}

function messagesOf(state: unknown): readonly ModelMessage[] {
  const messages = Array.isArray(state) ? state : (state as { messages?: unknown } | null | undefined)?.messages;
  return Array.isArray(messages) ? messages.filter((message) => typeof message === "object" && message !== null) : [];
}

/** A name or an id of the framework, if it is one. */
function nameOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Options without those that are undefined. */
export function defined<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}

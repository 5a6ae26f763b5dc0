/**
 * LangGraph, version 1: tools of a ToolNode run only after an approval.
 *
 *     const tools = new ToolNode(gateTools([sendEmail], client, { agentName: "mailer" }));
 *
 * `@signoff/client/langchain` has the same as a middleware of `createAgent`.
 *
 * @module
 */
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { END, Send } from "@langchain/langgraph";
import type { Client } from "../client.js";
import { defined, inputOf, messageFor, type NodeConfig, ToolGate, type ToolGateOptions } from "./langchain-gate.js";
import {
  argsOf,
  gatedBy,
  isGatedTool,
  isTool,
  isToolCall,
  type LangChainTool,
  type ModelCall,
} from "./langchain-tool.js";

export type { ToolCall, ToolGateOptions } from "./langchain-gate.js";

/** What a ToolNode passes to a tool besides its call; it is passed on unchanged. */
interface ToolConfig extends NodeConfig {
  readonly state?: unknown;
  readonly toolCall?: { readonly id?: string | undefined } | undefined;
  readonly toolCallId?: string | undefined;
}

/**
 * Gates tools: they run only after an approval of their arguments, once, with exactly the approved ones.
 *
 * A refusal's text is the tool's message, with status `error`, for the model to read.
 *
 * @param tools - as of a ToolNode, or of an agent. They are not changed.
 * @throws TypeError for a tool that does not run here and is not named in `ungated`; for a tool that is gated already, or
 *   takes what has no JSON form; for invalid options.
 */
export function gateTools<T extends readonly unknown[]>(tools: T, client: Client, options: ToolGateOptions = {}): T {
  if (!Array.isArray(tools)) throw new TypeError("tools of gateTools must be an array of tools");
  const gate = new ToolGate(client, options, "gateTools");
  gate.requireNamed(tools);
  return tools.map((tool) => gateTool(tool, gate)) as unknown as T;
}

function gateTool(tool: unknown, gate: ToolGate): unknown {
  gate.requireSeen(tool);
  if (!isTool(tool) || gate.isUngated(tool.name)) return tool;
  const { name } = tool;
  if (isGatedTool(tool)) throw new TypeError(`${name} is gated already: each call would ask twice`);
  gate.requireReadable(tool);

  const invoke = async (input: unknown, config: unknown = {}): Promise<unknown> => {
    const given = withNode(config as ToolConfig);
    const isCall = isToolCall(input);
    const call: ModelCall = { ...(isCall && input), name, args: argsOf(input) };
    // The config that a tool hands on to another one has its own call, which is not this one.
    const caller = given.toolCall?.id ?? given.toolCallId;
    const around = { config: given, state: given.state ?? inputOf(given), runtime: given, caller };
    const run = (standIn: LangChainTool, approved: ModelCall) =>
      standIn.invoke(isCall ? approved : approved.args, config);
    const id = call.id ?? caller;
    // What is not a call of a model has the tool's result alone, and no message.
    return gate.run(tool, call, around, run, (text) => (id === undefined ? text : messageFor({ ...call, id }, text)));
  };
  return gatedBy(tool, invoke);
}

/** The config that the tool gets: LangChain adds that of the node around it, which not every node hands on. */
function withNode(given: ToolConfig): ToolConfig {
  const node = AsyncLocalStorageProviderSingleton.getRunnableConfig() as ToolConfig | undefined;
  return { ...node, ...defined(given) };
}

/**
 * A router for `addConditionalEdges`: the calls of the last message each in a task of its own, or the end.
 *
 * A paused task runs again from its start. A durable gate needs one task for each call, so that no finished call is in
 * it.
 *
 * @param node - the name of the ToolNode.
 */
export function oneTaskPerCall(
  node = "tools",
): (state: { readonly messages: readonly unknown[] }) => Send[] | typeof END {
  return (state) => {
    const { tool_calls: calls = [] } = (state.messages.at(-1) ?? {}) as { tool_calls?: readonly ModelCall[] };
    return calls.length === 0 ? END : calls.map((call) => new Send(node, { ...state, lg_tool_call: call }));
  };
}

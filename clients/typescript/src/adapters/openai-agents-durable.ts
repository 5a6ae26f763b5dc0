import { whenAborted } from "../aborts.js";
import type { Call } from "../call.js";
import type { Client } from "../client.js";
import { isRefusal } from "../refusals.js";
import { type Gate, gateOf } from "./openai-agents-gate.js";
import { recordOf } from "./openai-agents-runs.js";
import {
  type AgentLike,
  type FunctionTool,
  isAgent,
  isFunctionTool,
  qualifiedName,
  type RunContextLike,
} from "./openai-agents-sdk.js";
import { type GatedTool, gatedOf } from "./openai-agents-tools.js";

/** The state of a run of the SDK, as far as it is looked at. */
export interface RunStateLike {
  // biome-ignore lint/suspicious/noExplicitAny: as the SDK's versions have them.
  getInterruptions(): any[];
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  approve(item: any): void;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  readonly _context: any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  readonly _generatedItems: any[];
}

/** A call that a run paused for. */
interface Interruption {
  readonly agent: AgentLike;
  readonly name: string;
  readonly rawItem: {
    readonly type: string;
    readonly callId?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly arguments?: string;
  };
}

/**
 * Waits until at least one of the calls is decided that a run paused for, and has the run go on with it.
 *
 *     while (result.interruptions.length > 0) {
 *       await store(result.state.toString());
 *       await decisions(result.state);
 *       result = await run(agent, result.state);
 *     }
 *
 * The run then pauses again for the calls that are not decided. Another process may go on with it, as often as it takes: it
 * makes the agents, gates them with the same `runId`, and begins with `await RunState.fromString(agent, stored)`.
 *
 * The SDK's interruption only pauses, and is always answered with yes: whether the call runs is decided by the gate around
 * the tool, which claims the approval, or tells the model why not. Other interruptions of the state are left alone.
 *
 * @throws TypeError when a durable gate paused none of the calls; Unavailable when the server cannot be reached;
 *   StillWaiting when `stopWaiting` is aborted before.
 */
export async function decisions(state: RunStateLike, options: { stopWaiting?: AbortSignal } = {}): Promise<void> {
  const context: RunContextLike = state._context;
  const paused = await pausedCalls(state.getInterruptions(), context);
  if (paused.length === 0) throw new TypeError("the run was not paused by a gate with durable: true");
  restoreChains(state, context);
  const enough = new AbortController();
  const end = whenAborted(options.stopWaiting, () => enough.abort());
  const waits = paused.map((each) => decided(each, context, enough.signal));
  try {
    await Promise.race(waits);
  } finally {
    enough.abort();
    end();
  }
  const ends = await Promise.allSettled(waits);
  ends.forEach(({ status }, index) => {
    if (status === "fulfilled") state.approve(paused[index]?.item);
  });
}

/** A call that a gate paused. */
interface Paused {
  readonly item: Interruption;
  readonly gate: Gate;
  readonly tool: GatedTool;
}

/** Not those of tools that are not gated, such as agents as tools, with `needsApproval` of their own. */
async function pausedCalls(items: readonly Interruption[], context: RunContextLike): Promise<Paused[]> {
  const paused: Paused[] = [];
  for (const item of items) {
    const gate = gateOf(item.agent);
    if (!gate?.durable || item.rawItem.type !== "function_call") continue;
    const tool = gatedOf(pausedTool(item, await item.agent.getAllTools(context)));
    if (tool) paused.push({ item, gate, tool });
  }
  return paused;
}

/** Returns when the call is decided, however. Throws what leaves it undecided. */
async function decided({ item, gate, tool }: Paused, context: RunContextLike, stopWaiting: AbortSignal): Promise<void> {
  try {
    const { arguments: input = "", callId } = item.rawItem;
    await waitFor(gate.client, tool.callOf(context, input, callId), stopWaiting);
  } catch (error) {
    // The gate around the tool tells the model of others.
    if (!isRefusal(error) || error.kind === "StillWaiting" || error.kind === "Unavailable") throw error;
  }
}

/** Asks and waits, and claims nothing. A wait that ends before leaves the approval as it is. */
async function waitFor(client: Client, call: Call<unknown>, stopWaiting: AbortSignal): Promise<void> {
  const handle = await client.ask({ ...call, cancelOnAbandon: false, stopWaiting });
  const { patienceMs, onProgress } = call;
  await client.wait(handle, { patienceMs, onProgress, stopWaiting, cancelOnAbandon: false });
}

function pausedTool({ rawItem, name, agent }: Interruption, tools: readonly unknown[]): FunctionTool {
  const called = rawItem.name ?? name;
  const qualified = rawItem.namespace ? `${rawItem.namespace}.${called}` : called;
  const found = tools.filter(isFunctionTool).find((tool) => [qualifiedName(tool), tool.name].includes(qualified));
  if (!found) throw new TypeError(`the run paused for ${qualified}, a tool that ${agent.name} no longer has`);
  return found;
}

/** The JSON form of a state has the hand-offs among its items only. */
function restoreChains(state: RunStateLike, context: RunContextLike): void {
  const record = recordOf(context);
  if (record.hasChains) return;
  for (const { type, sourceAgent, targetAgent } of state._generatedItems ?? []) {
    if (type !== "handoff_output_item" || !isAgent(sourceAgent) || !isAgent(targetAgent)) continue;
    record.handedOn(sourceAgent.name, targetAgent.name);
  }
}

/**
 * OpenAI Agents SDK for JavaScript: the tools of agents run only after an approval.
 *
 *     const agent = gate(triage, client, { runId: ({ context }) => context.ticket });
 *     await run(agent, "Refund Alice.", { context: { ticket: "T-7" } });
 *
 * It imports nothing of the SDK.
 *
 * @module
 */
import type { Client } from "../client.js";
import { checkOptions } from "../options.js";
import { Gate, gateOf } from "./openai-agents-gate.js";
import { CHECKS, type GateAgentOptions } from "./openai-agents-options.js";
import { type AgentLike, isAgent } from "./openai-agents-sdk.js";

export { decisions, type RunStateLike } from "./openai-agents-durable.js";
export type { GateAgentOptions, ToolCall } from "./openai-agents-options.js";
export type { AgentLike, RunContextLike } from "./openai-agents-sdk.js";

/**
 * Gates the tools of an agent, and of all agents that it hands off to; returns the agent.
 *
 * The agents themselves are changed, so that no other reference bypasses the gate: their tools, also those of MCP
 * servers and those that are added later, and their hand-offs. An agent that is used as a tool must be gated before its
 * `asTool` is called; its call needs no approval, those of its tools do. Calls have the agent's name, and in `chain`
 * the agents that handed the task on.
 *
 * @throws TypeError for invalid options, and for tools that cannot be gated; a tool like that which is added later
 *   ends the run.
 */
export function gate<A extends AgentLike>(agent: A, client: Client, options: GateAgentOptions = {}): A {
  if (!isAgent(agent)) throw new TypeError("agent of gate must be an Agent of the OpenAI Agents SDK");
  if (typeof client?.requiresApproval !== "function") throw new TypeError("client of gate must be a Client");
  checkOptions(options, CHECKS, "gate");
  if (options.durable && options.runId === undefined) {
    throw new TypeError("durable of gate needs runId: another process finds the approvals of a run by its name");
  }
  if (gateOf(agent)) throw new TypeError(`${agent.name} is gated already: each agent is gated once`);
  new Gate(client, options).putAround(agent);
  return agent;
}

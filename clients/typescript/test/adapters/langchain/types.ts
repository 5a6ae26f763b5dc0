/** Type-checked with each version: the adapters leave the types of agents and tools as they are. */
import { createAgent, createMiddleware, tool } from "langchain";
import { z } from "zod";
import { approvalMiddleware } from "../../../src/adapters/langchain.js";
import { gateTools } from "../../../src/adapters/langgraph.js";
import type { Client } from "../../../src/index.js";
import type { Scripted } from "./agents.js";

declare const client: Client;
declare const model: Scripted;

const sendEmail = tool(({ to }) => `sent to ${to}`, { name: "send", schema: z.object({ to: z.string() }) });
const counting = createMiddleware({ name: "Counting", stateSchema: z.object({ count: z.number().default(0) }) });

export async function typed(): Promise<[string, number]> {
  const agent = createAgent({ model, tools: [sendEmail], middleware: [counting, approvalMiddleware(client)] });
  const state = await agent.invoke({ messages: "Go.", count: 1 });
  // @ts-expect-error: what the state does not have.
  state.other;
  const count: number = state.count;
  return [state.messages[0]?.text ?? "", count];
}

export function gated(): typeof sendEmail {
  const [tool] = gateTools([sendEmail], client, { optionsFor: ({ args }) => ({ reason: String(args.to) }) });
  // @ts-expect-error: an option that there is not.
  gateTools([sendEmail], client, { needsApproval: true });
  return tool ?? sendEmail;
}

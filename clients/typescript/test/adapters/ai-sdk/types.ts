// Compiled with each version: gated tools have the types of tools, and their results may be texts.
import * as ai from "ai";
import { z } from "zod";
import { decisions, gateTools } from "../../../src/adapters/ai-sdk.js";
import type { Client } from "../../../src/index.js";

const mail = z.object({ to: z.string() });

export async function withTools(client: Client, model: ai.LanguageModel): Promise<void> {
  const tools = {
    send: ai.tool({ inputSchema: mail, execute: async ({ to }, { toolCallId }) => ({ id: to + toolCallId }) }),
    count: ai.tool({ inputSchema: mail, execute: ({ to }) => to.length }),
  };
  const gated = gateTools(tools, client);
  const { toolResults } = await ai.generateText({ model, tools: gated, prompt: "Go on." });
  for (const result of toolResults) {
    if (result.dynamic) continue;
    if (result.toolName === "send") {
      const output: { id: string } | string = result.output;
      // @ts-expect-error: it may be a refusal.
      const sent: { id: string } = result.output;
      console.log(output, sent, result.input.to);
    } else {
      const output: number | string = result.output;
      console.log(output);
    }
  }
  ai.streamText({ model, tools: gated, prompt: "Go on." });
  new ai.ToolLoopAgent({ model, tools: gated });
  const messages: ai.ModelMessage[] = [{ role: "user", content: "Go on." }];
  messages.push(...(await decisions(messages, gated)));
  await ai.generateText({ model, tools: gateTools(tools, client, { durable: true }), messages });
}

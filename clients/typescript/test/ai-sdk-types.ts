// Compiled with both versions of the AI SDK: gated tools have the types of tools, and their results may be texts.
import * as ai7 from "ai";
import * as ai6 from "ai-v6";
import { z } from "zod";
import { gateTools } from "../src/adapters/ai-sdk.js";
import type { Client } from "../src/index.js";

const mail = z.object({ to: z.string() });

export async function withVersion7(client: Client, model: ai7.LanguageModel): Promise<void> {
  const tools = {
    send: ai7.tool({ inputSchema: mail, execute: async ({ to }, { toolCallId }) => ({ id: to + toolCallId }) }),
    sign: ai7.tool({
      inputSchema: mail,
      contextSchema: z.object({ key: z.string() }),
      execute: ({ to }, { context }) => to.length + context.key.length,
    }),
    steps: ai7.tool({
      inputSchema: z.object({}),
      async *execute() {
        yield { step: 1 };
      },
      toModelOutput: ({ output }) => ({ type: "text", value: String(output.step) }),
    }),
    found: ai7.dynamicTool({ inputSchema: z.object({}), execute: async () => 5 }),
  };
  const gated = gateTools(tools, client, {
    agentName: "mailer",
    optionsFor: ({ context }) => ({ runId: context.run }),
  });
  const toolsContext = { sign: { key: "s" } };
  const { toolResults } = await ai7.generateText({ model, tools: gated, toolsContext, prompt: "Go on." });
  for (const result of toolResults) {
    if (result.dynamic) continue;
    if (result.toolName === "send") {
      const output: { id: string } | string = result.output;
      const input: { to: string } = result.input;
      // @ts-expect-error: it may be a refusal.
      const sent: { id: string } = result.output;
      console.log(output, input, sent);
    } else if (result.toolName === "steps") {
      const output: { step: number } | string = result.output;
      console.log(output);
    }
  }
  ai7.streamText({ model, tools: gated, toolsContext, prompt: "Go on." });
  new ai7.ToolLoopAgent({ model, tools: gated, toolsContext });
  // @ts-expect-error: a tool needs its context.
  await ai7.generateText({ model, tools: gated, prompt: "Go on." });
}

export async function withVersion6(client: Client, model: ai6.LanguageModel): Promise<void> {
  const tools = {
    send: ai6.tool({ inputSchema: mail, execute: async ({ to }, { toolCallId }) => ({ id: to + toolCallId }) }),
    count: ai6.tool({ inputSchema: mail, execute: ({ to }) => to.length }),
  };
  const gated = gateTools(tools, client);
  const { toolResults } = await ai6.generateText({ model, tools: gated, prompt: "Go on." });
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
  ai6.streamText({ model, tools: gated, prompt: "Go on." });
  new ai6.ToolLoopAgent({ model, tools: gated });
}

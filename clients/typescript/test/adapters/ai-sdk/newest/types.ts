// Contexts of tools are version 7's own.
import * as ai from "ai";
import { z } from "zod";
import { gateTools } from "../../../../src/adapters/ai-sdk.js";
import type { Client } from "../../../../src/index.js";

const mail = z.object({ to: z.string() });

export async function withContexts(client: Client, model: ai.LanguageModel): Promise<void> {
  const tools = {
    send: ai.tool({ inputSchema: mail, execute: async ({ to }, { toolCallId }) => ({ id: to + toolCallId }) }),
    sign: ai.tool({
      inputSchema: mail,
      contextSchema: z.object({ key: z.string() }),
      execute: ({ to }, { context }) => to.length + context.key.length,
    }),
    steps: ai.tool({
      inputSchema: z.object({}),
      async *execute() {
        yield { step: 1 };
      },
      toModelOutput: ({ output }) => ({ type: "text", value: String(output.step) }),
    }),
    found: ai.dynamicTool({ inputSchema: z.object({}), execute: async () => 5 }),
  };
  const gated = gateTools(tools, client, {
    agentName: "mailer",
    optionsFor: ({ context }) => ({ runId: context.run }),
  });
  const toolsContext = { sign: { key: "s" } };
  const { toolResults } = await ai.generateText({ model, tools: gated, toolsContext, prompt: "Go on." });
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
  ai.streamText({ model, tools: gated, toolsContext, prompt: "Go on." });
  new ai.ToolLoopAgent({ model, tools: gated, toolsContext });
  // @ts-expect-error: a tool needs its context.
  await ai.generateText({ model, tools: gated, prompt: "Go on." });
}

/**
 * What the adapter costs over the bare gate and the bare tool, one call after the other. After scripts/adapters:
 *
 *     node .adapters/ai-sdk-newest/out/test/adapters/ai-sdk/overhead.js [COUNT]
 *
 * Each round makes one call of each kind, so that what else the machine does falls on all of them.
 */
import { z } from "zod";
import { gateTools } from "../../../src/adapters/ai-sdk.js";
import { Server } from "../../server.js";
import { type Any, sdk } from "./sdk.js";

const WARM_UP = 50;
const count = Number(process.argv[2] ?? 500);

const inputSchema = z.object({ to: z.string(), amount: z.number() });
const input = { to: "alice", amount: 2.5 };
const execute = async ({ to, amount }: typeof input) => `${amount} to ${to}`;

await using server = await Server.start("log.filter=warn");
const client = server.client();
const toolName = "auto.send";
const tool = sdk.tool({ inputSchema, execute });
const options = { agentName: "Mailer", runId: "overhead" };
const gated: Any = gateTools({ [toolName]: tool }, client, options)[toolName];
const durable: Any = gateTools({ [toolName]: tool }, client, { ...options, durable: true })[toolName];

const execution = () => ({ toolCallId: crypto.randomUUID(), messages: [] });
const kinds: Record<string, () => Promise<unknown>> = {
  tool: () => tool.execute(input, execution()),
  gate: () => {
    const call = { toolName, arguments: input, parameters: inputSchema, callId: execution().toolCallId, ...options };
    return client.run(call, ({ arguments: args }) => execute(args));
  },
  adapter: () => gated.execute(input, execution()),
  durable: async () => {
    const made = execution();
    return (await durable.needsApproval(input, made)) || durable.execute(input, made);
  },
};

const times = Object.fromEntries(Object.keys(kinds).map((name) => [name, [] as number[]]));
for (let round = -WARM_UP; round < count; round += 1) {
  for (const [name, call] of Object.entries(kinds)) {
    const start = performance.now();
    await call();
    if (round >= 0) times[name]?.push(performance.now() - start);
  }
}
const median = (name: string) => times[name]?.sort((a, b) => a - b)[count >> 1] ?? Number.NaN;
const [bare, gate, adapter, paused] = [median("tool"), median("gate"), median("adapter"), median("durable")];
const over = adapter - gate - bare;
console.log(
  `tool ${bare.toFixed(3)} ms, gate ${gate.toFixed(3)} ms, both by the adapter ${adapter.toFixed(3)} ms: ` +
    `${over.toFixed(3)} ms, ${((100 * over) / (gate + bare)).toFixed(0)} %; with durable ${paused.toFixed(3)} ms`,
);

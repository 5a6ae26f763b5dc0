/**
 * What the adapter costs over the bare gate and the bare tool, one call after the other: node overhead.js [COUNT]. Needs
 * SIGNOFF_BIN. Each round makes one call of each kind, so that what else the machine does falls on all of them.
 */
import { RunContext, tool } from "@openai/agents";
import { z } from "zod";
import { gate } from "../../../src/adapters/openai-agents.js";
import { Server } from "../../server.js";
import { type Any, agentOf, ScriptedModel } from "./agents.js";

const count = Number(process.argv[2] ?? 300);
await using server = await Server.start();
const client = server.client();
const send = async ({ to, amount }: Any) => `${amount} to ${to}`;
const parameters = z.object({ to: z.string(), amount: z.number() });
const bare: Any = { ...tool({ name: "send", description: "Sends.", parameters, execute: send }), name: "auto.send" };
const [gated] = gate(agentOf([bare], new ScriptedModel()), client).tools as Any[];

const args = { to: "alice", amount: 2.5 };
const invoke = (each: Any) =>
  each.invoke(new RunContext(), JSON.stringify(args), { toolCall: { callId: crypto.randomUUID() } });
const kinds: Record<string, () => Promise<unknown>> = {
  tool: () => invoke(bare),
  gate: () =>
    client.run(
      { toolName: "auto.send", arguments: args, parameters, agentName: "mailer", requestId: crypto.randomUUID() },
      ({ arguments: approved }) => send(approved),
    ),
  adapter: () => invoke(gated),
};
const times: Record<string, number[]> = { tool: [], gate: [], adapter: [] };
for (let round = -20; round < count; round += 1) {
  for (const [kind, once] of Object.entries(kinds)) {
    const start = performance.now();
    await once();
    if (round >= 0) times[kind]?.push(performance.now() - start);
  }
}
for (const [kind, each] of Object.entries(times)) {
  each.sort((one, other) => one - other);
  console.log(`${kind}: median ${each[Math.floor(each.length / 2)]?.toFixed(3)} ms`);
}

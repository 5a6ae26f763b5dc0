/**
 * What the adapter's hooks cost over the bare gate, one call after the other: node overhead.js [COUNT], compiled by
 * scripts/adapters. Without the SDK's program, which adds its own time. Needs SIGNOFF_BIN. Both take turns in one run.
 */
import type { HookInput, Options } from "@anthropic-ai/claude-agent-sdk";
import { gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import { Server } from "../../server.js";

const count = Number(process.argv[2] ?? 300);
const toolName = "auto.bench";
const tool_input = { to: "alice", subject: "Welcome" };

await using server = await Server.start("log.filter=warn");
const client = server.client();
const run = client.run.bind(client);
let reported: Promise<unknown> = Promise.resolve();
client.run = (call, fn) => {
  const running = run(call, fn);
  reported = running;
  return running;
};
const options = gateOptions<Options>({ settingSources: [] }, client);
const { signal } = new AbortController();

async function gated(id: string): Promise<void> {
  const input = { session_id: "bench", tool_name: toolName, tool_input, tool_use_id: id };
  const told = (hook_event_name: string) => ({ ...input, hook_event_name }) as unknown as HookInput;
  await options.hooks?.PreToolUse?.at(-1)?.hooks[0]?.(told("PreToolUse"), id, { signal });
  await options.canUseTool?.(toolName, tool_input, { signal, toolUseID: id, requestId: id });
  await options.hooks?.PostToolUse?.at(-1)?.hooks[0]?.(told("PostToolUse"), id, { signal });
  await reported;
}

async function bare(callId: string): Promise<void> {
  const call = { toolName, arguments: tool_input, agentName: "claude", runId: "bare", callId };
  await run(call, async () => {});
}

const times = { adapter: [] as number[], gate: [] as number[] };
for (let round = -50; round < count; round += 1) {
  const turns = [["adapter", gated] as const, ["gate", bare] as const];
  for (const [name, call] of round % 2 === 0 ? turns : turns.toReversed()) {
    const began = performance.now();
    await call(`call-${round}`);
    if (round >= 0) times[name].push(performance.now() - began);
  }
}
const median = (values: number[]) => values.sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
const [adapter, gate] = [median(times.adapter), median(times.gate)];
console.log(`gate ${gate.toFixed(2)} ms, adapter ${adapter.toFixed(2)} ms: ${(adapter - gate).toFixed(2)} ms more`);

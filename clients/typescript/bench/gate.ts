/**
 * What the gate costs over the calls that it makes: a gated call that the policy approves at once (ask, wait, claim,
 * run, report), against the same three calls by the bare stubs. Both take turns in one run, so that whatever else the
 * machine does weighs on both.
 */
import { digestOf } from "../src/digest.js";
import type { Client } from "../src/index.js";
import { ExecutionResult } from "../src/v1.js";
import { Server } from "../test/server.js";

const WARM_UP = 100;
const ROUNDS = 1000;

const toolName = "auto.bench";
const args = { to: "alice@company.com", subject: "Welcome", body: "Hello Alice,\n".repeat(20) };

async function gated(client: Client): Promise<void> {
  await client.run({ toolName, arguments: args, reason: "Welcome mail" }, () => undefined);
}

async function bare({ approvals }: Client, digest: string): Promise<void> {
  const request = { requestId: crypto.randomUUID(), toolName, arguments: args, reason: "Welcome mail" };
  let approvalId = "";
  for await (const { message } of approvals.requestApproval(request)) {
    if (message.case === "update") approvalId = message.value.approval?.id ?? "";
  }
  const { claimId } = await approvals.claimExecution({ approvalId, requestId: crypto.randomUUID(), digest });
  const result = ExecutionResult.SUCCEEDED;
  await approvals.reportExecution({ approvalId, requestId: crypto.randomUUID(), claimId, result });
}

async function timed(call: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.floor((sorted.length - 1) * q)] ?? Number.NaN;
}

await using server = await Server.start("log.filter=warn");
const client = server.client();
const digest = await digestOf(toolName, args);
const times = { gated: new Float64Array(ROUNDS), bare: new Float64Array(ROUNDS) };
for (let round = -WARM_UP; round < ROUNDS; round += 1) {
  const turns = [
    ["gated", () => gated(client)],
    ["bare", () => bare(client, digest)],
  ] as const;
  // Neither always comes after the other.
  for (const [name, call] of round % 2 === 0 ? turns : turns.toReversed()) {
    const ms = await timed(call);
    if (round >= 0) times[name][round] = ms;
  }
}

const [gate, stubs] = [times.gated.sort(), times.bare.sort()];
console.log(`rounds ${ROUNDS}`);
for (const q of [0.5, 0.9, 0.99]) {
  const [a, b] = [quantile(gate, q), quantile(stubs, q)];
  console.log(`p${q * 100}: gated ${a.toFixed(3)} ms, bare ${b.toFixed(3)} ms, ratio ${(a / b).toFixed(3)}`);
}

/**
 * A process of its own that runs an agent whose runs pause, and goes on with what an earlier one stored:
 * paused.js DIRECTORY. It appends each call that is made to DIRECTORY/ran, and prints the run's end.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { RunState, run, tool } from "@openai/agents";
import { z } from "zod";
import { decisions, gate } from "../../../src/adapters/openai-agents.js";
import { connect } from "../../../src/node/index.js";
import { type Any, agentOf, calls, ScriptedModel } from "./agents.js";

const directory = process.argv[2] as string;
const client = connect();
const refund = tool({
  name: "refund_paused",
  description: "Refunds.",
  parameters: z.object({ to: z.string() }),
  execute: async ({ to }) => {
    appendFileSync(`${directory}/ran`, `${to}\n`);
    return `refunded ${to}`;
  },
});

const stored = `${directory}/state.json`;
const answers = [calls("transfer_to_refunds", {}, "h1"), calls("refund_paused", { to: "alice" }), "done"] as const;
// The model of the second process is only asked for what is left.
const model = new ScriptedModel(...(existsSync(stored) ? answers.slice(2) : answers));
const refunds = agentOf([refund], model, { name: "refunds" });
const agent = agentOf([], model, { name: "triage", handoffs: [refunds] });
gate(agent, client, { durable: true, runId: ({ context }) => context.ticket });

let result: Any = existsSync(stored)
  ? { state: await RunState.fromString(agent, readFileSync(stored, "utf8")), interruptions: [true] }
  : await run(agent, "Refund Alice.", { context: { ticket: "T-paused" } });
while (result.interruptions.length > 0) {
  writeFileSync(stored, result.state.toString());
  console.log("paused");
  await decisions(result.state);
  result = await run(agent, result.state);
}
console.log(model.read("c1"));
client.close();

/**
 * What a gated call of an agent costs over the bare gate: node out/test/adapters/langchain/overhead.js [CALLS], in the
 * folder that scripts/adapters makes. Both run without a person, in turn, against a real server.
 */
import { Server } from "../../server.js";
import { BUILDERS, call, Mail, run, Scripted, thread, toolName } from "./agents.js";

const count = Number(process.argv[2] ?? 200);
await using server = await Server.start();
const client = server.client();
const mail = new Mail(toolName("auto"));
const name = mail.tool.name;
const args = { to: "alice@company.com", count: 1 };

// With the same request: ids and the schema.
const bare = client.requiresApproval(
  async ({ to, count }: typeof args) => `sent ${count} to ${to}`,
  () => ({
    toolName: name,
    agentName: "mailer",
    runId: crypto.randomUUID(),
    callId: "call-1",
    parameters: mail.tool.schema,
  }),
);
// The same run without the gate: what the framework itself takes.
const plain = BUILDERS.agent?.(new Scripted([call(name, args)]), [mail.tool], client, { ungated: [name] });
const gated = BUILDERS.agent?.(new Scripted([call(name, args)]), [mail.tool], client, { agentName: "mailer" });

const forms = {
  "bare gate": () => bare(args),
  "agent, not gated": () => run(plain, thread()),
  "agent, gated": () => run(gated, thread()),
};
/** Of each call, in milliseconds: how long it took, and the CPU time of this process in it. */
const times = new Map<string, { elapsed: number; cpu: number }[]>(Object.keys(forms).map((form) => [form, []]));
for (let round = 0; round < count; round++) {
  for (const [form, once] of Object.entries(forms)) {
    const [begun, cpu] = [performance.now(), process.cpuUsage()];
    await once();
    const { user, system } = process.cpuUsage(cpu);
    times.get(form)?.push({ elapsed: performance.now() - begun, cpu: (user + system) / 1000 });
  }
}
for (const [form, all] of times) {
  const [elapsed, cpu] = (["elapsed", "cpu"] as const).map((what) => {
    // The first ones are slower.
    const sorted = all.slice(count / 10).map((one) => one[what]);
    return sorted.sort((one, other) => one - other)[Math.floor(sorted.length / 2)]?.toFixed(2);
  });
  console.log(`${form}: median ${elapsed} ms, of which ${cpu} ms CPU`);
}

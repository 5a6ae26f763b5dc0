import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Server } from "../../server.js";

const document = readFileSync("../../docs/adapters/openai-agents-js.md", "utf8");
const [first = "", options = "", asTool = "", durable = ""] = Array.from(
  document.matchAll(/```js\n(.*?)```/gs),
  ([, code]) => code,
);
/** The tools and agents, without a gate around them. */
const declared = first.split("const agent =")[0] as string;

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** Runs code of the document as a module, with a model of these answers: what it printed. */
async function run(name: string, answers: string, code: string): Promise<string> {
  const preamble = `
    import { setDefaultModelProvider } from "@openai/agents";
    import { ScriptedModel } from "./agents.js";
    const model = new ScriptedModel(${answers});
    setDefaultModelProvider({ getModel: () => model });`;
  // Next to what is compiled of the tests, so that imports are found.
  const path = new URL(`./docs-${name}.mjs`, import.meta.url).pathname;
  writeFileSync(path, `${preamble}\n${code}\nclient.close();\n`);
  const env = { SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
  const child = spawn(process.execPath, [path], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [status] = await once(child, "close");
  assert.equal(status, 0);
  return output;
}

const HAND_OFF = '[{ id: "h1", tool: "transfer_to_refunds", input: {} }]';
const REFUND = '[{ id: "c1", tool: "refund", input: { to: "Alice", amount: 10 } }]';
const READ = 'console.log(model.read("c1"));';

test("the document's agents run with an approval", async () => {
  const output = run("agents", `${HAND_OFF}, ${REFUND}, "done"`, `${first}\n${READ}\nconsole.log(result.finalOutput);`);
  const { agent } = await server.reviewer("refund").pending();
  assert.deepEqual([agent?.name, agent?.chain, agent?.runId], ["refunds", ["triage"], "chat-7"]);
  await server.reviewer("refund").approve();
  assert.equal(await output, "Refunded 10 to Alice.\ndone\n");
});

test("the document's options of one call", async () => {
  const go = 'await run(triage, "Go on.", { context: { team: "billing" } });';
  const code = `${declared}\n${options}\n${go}\n${READ}`.replace("const client", "\nconst client");
  const output = run("options", `${HAND_OFF}, ${REFUND}, "done"`, code);
  const { reason, labels } = await server.reviewer("refund").pending();
  await server.reviewer("refund").reject("No.");
  assert.match(await output, /^NOT RUN\. A reviewer rejected the call to refund: No\./);
  assert.deepEqual([reason, labels], ["Refund to Alice", { team: "billing" }]);
});

test("the document's agent as a tool", async () => {
  const ask = '[{ id: "o1", tool: "ask_cashier", input: { input: "Refund Alice." } }]';
  const go = 'console.log((await run(manager, "Go on.")).finalOutput, model.read("o1"));';
  const output = run("tool", `${ask}, ${REFUND}, "cashier's word", "done"`, `${declared}\n${asTool}\n${go}`);
  const { agent } = await server.reviewer("refund").pending();
  await server.reviewer("refund").approve();
  assert.deepEqual([agent?.name, agent?.chain], ["cashier", ["manager"]]);
  assert.equal(await output, "done cashier's word\n");
});

test("the document's run that pauses", async () => {
  const stored = new URL("./docs-state.json", import.meta.url).pathname;
  rmSync(stored, { force: true });
  const code = `${declared}\nconst stored = ${JSON.stringify(stored)};\n${durable}\n${READ}`;
  const output = run("durable", `${HAND_OFF}, ${REFUND}, "done"`, code);
  const { agent } = await server.reviewer("refund").pending();
  await server.reviewer("refund").approve();
  assert.equal(agent?.runId, "T-7");
  assert.equal(await output, "Refunded 10 to Alice.\n");
});

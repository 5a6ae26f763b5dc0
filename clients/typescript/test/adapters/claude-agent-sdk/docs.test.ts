import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../../server.js";
import { type Call, Model } from "./model-server.js";
import { environment, named } from "./sessions.js";

const document = await readFile("../../docs/adapters/claude-agent-sdk-js.md", "utf8");
const blocks = Array.from(document.matchAll(/```js\n(.*?)```/gs), ([, code]) => code);
const [first = "", second = "", third = "", fourth = ""] = blocks;

let server: Server;
let home: string;
before(async () => {
  server = await Server.start();
  home = await mkdtemp(join(tmpdir(), "signoff-claude-"));
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
});

/** Runs code of the document as a module with a scripted model: what it printed. */
async function run(name: string, code: string, model: Model): Promise<string> {
  // Next to what is compiled of the tests, so that packages are found.
  const path = fileURLToPath(new URL(`document-${name}.mjs`, import.meta.url));
  await writeFile(path, code);
  const more = { SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
  const child = spawn(process.execPath, [path], {
    cwd: home,
    env: environment(home, model, more),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [status] = await once(child, "close");
  assert.equal(status, 0);
  return output;
}

const MAIL: Call = { id: "call-1", tool: named("send_email"), input: { to: "alice" } };

test("the document's agent runs its tool with an approval", async () => {
  const model = await Model.start([MAIL]);
  const output = run("agent", first, model);
  const { agent } = await server.reviewer(MAIL.tool).pending();
  await server.reviewer(MAIL.tool).approve();
  assert.equal(await output, "success\n");
  assert.deepEqual(model.results, { "call-1": "Sent to alice." });
  assert.equal(agent?.name, "mailer");
  model.stop();
});

test("the document's options of one call, and a tool that is not gated", async () => {
  await writeFile(join(home, "note"), "hello");
  const model = await Model.start([{ id: "call-0", tool: "Read", input: { file_path: join(home, "note") } }], [MAIL]);
  const code = first.replace(/const options = .*\n/, second);
  assert.ok(second && code.includes(second));
  const output = run("options", code, model);
  const { reason, labels } = await server.reviewer(MAIL.tool).pending();
  await server.reviewer(MAIL.tool).reject("No.");
  assert.equal(await output, "success\n");
  assert.match(model.results["call-0"] ?? "", /hello/);
  assert.match(model.results["call-1"] ?? "", /NOT RUN\. A reviewer rejected/);
  assert.deepEqual([reason, Object.keys(labels)], ["Mail to alice", ["session"]]);
  model.stop();
});

test("the document's run ends, and goes on in another process", async () => {
  const imported = `import { readFile, writeFile } from "node:fs/promises";
    import { Handle, isRefusal } from "@signoff/client";`;
  const declared = `${imported}\n${first.split("const options")[0]}`;
  const ended = third.split("const options")[0];
  const model = await Model.start([{ ...MAIL, id: "call-2" }]);
  const paused = await run("ends", `${declared}\n${third}\nclient.close();\n`, model);
  assert.deepEqual([paused, model.results], ["tool_deferred\n", {}]);
  await server.reviewer(MAIL.tool).approve();
  const resumed = await run("goes-on", `${declared}\n${ended}\n${fourth}\nclient.close();\n`, model);
  assert.match(resumed, /end_turn\n$/);
  assert.deepEqual(model.results, { "call-2": "Sent to alice." });
  model.stop();
});

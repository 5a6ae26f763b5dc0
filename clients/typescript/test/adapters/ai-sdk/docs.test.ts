import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { sdk } from "./sdk.js";

const document = readFileSync("../../docs/adapters/ai-sdk.md", "utf8");
const [first = "", pausing = "", second = "", third = ""] = Array.from(
  document.matchAll(/```js\n(.*?)```/gs),
  ([, code]) => code,
);

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

const CALL = `[{ id: "c1", tool: "sendEmail", input: { to: "alice@company.com", subject: "Welcome" } }]`;

const READ = 'console.log(readOf(model, "c1"));';

/** Runs code of the document as a module, where it has a model that calls sendEmail: what it printed. */
async function run(name: string, code: string): Promise<string> {
  const before = `
    import { readOf, sdk } from "./sdk.js";
    const model = sdk.model(${CALL}, "done");
    const chat = { id: "chat-${name.split("-")[0]}" };`;
  // Next to what is compiled of the tests, so that imports are found.
  const path = fileURLToPath(new URL(`docs-${name}.mjs`, import.meta.url));
  writeFileSync(path, `${before}\n${code}\nclient.close();\n`);
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

test("the document's tools run with an approval", async () => {
  const output = run("tools", `${first}\n${READ}`);
  const { agent } = await server.reviewer("sendEmail").pending();
  await server.reviewer("sendEmail").approve();
  assert.equal(await output, 'Sent "Welcome" to alice@company.com.\n');
  assert.deepEqual([agent?.name, agent?.runId], ["mailer", "chat-tools"]);
});

test("the document's run that pauses, and goes on", async () => {
  const declared = (first.split("const tools")[0] as string).replace("gateTools", "decisions, gateTools");
  const [begun, later] = pausing.split("// Later, in any process:\n") as [string, string];
  const stored = join(tmpdir(), `signoff-docs-${process.pid}.json`);
  const before = `
    import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
    const store = (_, messages) => writeFileSync(${JSON.stringify(stored)}, JSON.stringify(messages));
    const load = () => JSON.parse(readFileSync(${JSON.stringify(stored)}, "utf8"));
    const messages = [{ role: "user", content: "Go on." }];`;
  const six = "const { response: { messages: responseMessages } }";
  const begins = sdk.major === 6 ? begun.replace("const { responseMessages }", six) : begun;
  try {
    assert.equal(await run("paused", `${declared}\n${before}\n${begins}`), "");
    await server.reviewer("sendEmail").approve();
    const again = later.replace("generateText({ model,", 'generateText({ model: sdk.model("done"),');
    const goes = `${declared}\n${before}\n${begun.split("\n")[0]}\n${again}\nconsole.log(text, load().length);`;
    assert.equal(await run("paused-later", goes), "done 2\n");
  } finally {
    rmSync(stored);
  }
  const approval = (await server.approvals("sendEmail")).find(({ agent }) => agent?.runId === "chat-paused");
  assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test("the document's options of one call", async () => {
  const context = sdk.major === 7 ? "toolsContext: { sendEmail: context }" : "experimental_context: context";
  const declared = first.split("const tools")[0] as string;
  const call = `const context = { chatId: "options" };
    await generateText({ model, tools, prompt: "Go on.", stopWhen: stepCountIs(5), ${context} });
    ${READ}`;
  const output = run("options", `${declared}\n${second}\n${call}`);
  const { agent, reason } = await server.reviewer("sendEmail").pending();
  await server.reviewer("sendEmail").reject("No.");
  assert.match(await output, /^NOT RUN\. A reviewer rejected the call to sendEmail: No\./);
  assert.deepEqual([agent?.runId, reason], ["options", "Mail to alice@company.com"]);
});

test("the document's tool that is not gated", async () => {
  const declared = first.split("const tools")[0] as string;
  const search =
    'const webSearch = { type: "provider", id: "openai.web_search", args: {}, inputSchema: z.object({}) };';
  const output = run("ungated", `${declared}\n${search}\n${third}\nconsole.log(tools.webSearch === webSearch);`);
  assert.equal(await output, "true\n");
});

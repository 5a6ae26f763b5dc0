import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../../server.js";
import { sdk } from "./sdk.js";

const document = readFileSync("../../docs/adapters/ai-sdk.md", "utf8");
const [first = "", second = "", third = ""] = Array.from(document.matchAll(/```js\n(.*?)```/gs), ([, code]) => code);

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
    const chat = { id: "chat-7" };`;
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
  assert.deepEqual([agent?.name, agent?.runId], ["mailer", "chat-7"]);
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

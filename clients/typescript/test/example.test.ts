import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Server } from "./server.js";

const EXAMPLE = "examples/send-email.mjs";
const REFUND = "examples/refund.mjs";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** Runs the example as a program of its own, to its end: what it printed. */
async function run(started = (_: ChildProcess) => {}, program = [EXAMPLE]): Promise<string> {
  const env = { SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
  const child = spawn(process.execPath, program, { env, stdio: ["ignore", "pipe", "inherit"] });
  started(child);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  return output;
}

for (const example of [EXAMPLE, REFUND]) {
  test(`the README shows the example word for word: ${example}`, () => {
    const readme = readFileSync("README.md", "utf8");
    const [, shown] = readme.split(`<!-- example: ${example} -->\n\n\`\`\`js\n`);
    assert.equal(shown?.split("```\n")[0], readFileSync(example, "utf8"));
  });
}

test("the example runs what is approved", async () => {
  const output = run();
  await server.reviewer("send_email").approve();
  assert.equal(await output, 'Sent "Welcome" to alice@company.com.\n');
});

test("the example says why it does not run what is rejected", async () => {
  const output = run();
  await server.reviewer("send_email").reject("Use the staging list.");
  const text = "NOT RUN. A reviewer rejected the call to send_email: Use the staging list. Do not try it again.\n";
  assert.equal(await output, text);
});

test("Ctrl-C withdraws what the example waits for", async () => {
  let child: ChildProcess | undefined;
  const output = run((started) => {
    child = started;
  });
  await server.reviewer("send_email").pending();
  child?.kill("SIGINT");
  assert.equal(await output, "NOT RUN. The request to call send_email was withdrawn. Do not work around it.\n");
});

test("the example of a refund asks in one process, and is resumed in another", async () => {
  const handle = await run(undefined, [REFUND]);
  assert.equal(await run(undefined, [REFUND]), handle);
  const resumed = run(undefined, [REFUND, handle]);
  await server.reviewer("send_refund").approve({ order: "o-17", cents: "500", due: "2026-12-31T00:00:00Z" });
  assert.equal(await resumed, "Refunded 500 cents of o-17, due 2026-12-31T00:00:00.000Z.\n");
  const again = await run(undefined, [REFUND, handle]);
  assert.match(again, /^NOT RUN AGAIN\. The call to send_refund was approved and started at .* Do not repeat it\.\n$/);
});

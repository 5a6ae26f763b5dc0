import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../../server.js";
import { toolName } from "./agents.js";

let server: Server;
let directory: string;
before(async () => {
  server = await Server.start();
  directory = mkdtempSync(join(tmpdir(), "signoff-langchain-"));
});
after(async () => {
  rmSync(directory, { recursive: true });
  await server[Symbol.asyncDispose]();
});

const PROGRAM = fileURLToPath(new URL("./durable-program.js", import.meta.url));

for (const [mode, builder] of [
  ["durable", "agent"],
  ["durable", "graph of tasks"],
  ["blocking", "agent"],
] as const) {
  test(`${mode} ${builder}: killed while waiting, and resumed in another process`, async () => {
    const tool = toolName();
    const file = join(directory, crypto.randomUUID());
    const env = { ...process.env, SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
    const start = (action: string) =>
      spawn(process.execPath, [PROGRAM, mode, builder, file, tool, action], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
    async function resumed(): Promise<string> {
      const child = start("resume");
      let output = "";
      child.stdout.on("data", (chunk) => {
        output += chunk;
      });
      assert.deepEqual(await once(child, "close"), [0, null]);
      return output;
    }

    const first = start("begin");
    const line = once(createInterface(first.stdout), "line");
    const { id } = await server.reviewer(tool).pending();
    if (mode === "durable") assert.deepEqual(await line, [`paused ${id}`]);
    const exit = once(first, "exit");
    first.kill("SIGKILL");
    await exit;
    // Nothing has been decided yet: it pauses again.
    if (builder === "graph of tasks") assert.equal(await resumed(), `paused ${id}\n`);
    await server.reviewer(tool).approve();
    assert.equal(await resumed(), "sent 1 to alice@company.com\n");
    // The run has ended; nothing is run again.
    if (builder === "graph of tasks") assert(await resumed(), "sent 1 to alice@company.com\n");
    assert.equal(readFileSync(`${file}.sent`, "utf8"), "alice@company.com\n");
    assert.deepEqual(
      (await server.approvals(tool)).map((approval) => approval.id),
      [id],
    );
  });
}

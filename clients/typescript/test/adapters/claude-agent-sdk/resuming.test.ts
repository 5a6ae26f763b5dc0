import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Options } from "@anthropic-ai/claude-agent-sdk";
import { type GateSettings, gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import type { HandleJson } from "../../../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import type { Task } from "./durable-child.js";
import { Model } from "./model-server.js";
import { inHome, part, statuses } from "./parts.js";
import { Desk, environment, named, RULES } from "./sessions.js";

let server: Server;
before(async () => {
  server = await Server.ruled(RULES);
});
after(() => server[Symbol.asyncDispose]());

const { APPROVED, CANCELLED } = ApprovalStatus;

inHome("a call of a subagent is waited for", async (home) => {
  const file = join(home, "touched");
  const agent = { description: "x", prompt: "y", subagent_type: "general-purpose", run_in_background: false };
  const turns = [
    [{ id: "call-1", tool: "Agent", input: agent }],
    [{ id: "call-2", tool: "Bash", input: { command: `touch ${file}`, description: "Touches." } }],
  ];
  const session = part(server, turns, { home, gate: { ungated: ["Agent"] }, options: { allowedTools: ["Agent"] } });
  await server.reviewer("Bash").approve();
  const { deferred } = await session;
  assert.equal(deferred, undefined);
  await access(file);
});

inHome("nothing is run or waits when nobody can be asked, or onDeferred throws", async (home) => {
  const desk = new Desk("unasked");
  const quiet = { logger: { warn: () => {} } };
  const client = server.client({ address: "http://127.0.0.1:1", ...quiet });
  const unreachable = await part(server, [desk.calls("ann")], {
    desk,
    home,
    client,
    gate: { patienceMs: 0, ...quiet },
  });
  assert.match(unreachable.results["call-ann"] ?? "", /NOT RUN\. .* cannot be reached/);
  const onDeferred = () => assert.fail("the disk is full");
  const failed = await part(server, [desk.calls("bob")], { desk, home, gate: { onDeferred, ...quiet } });
  assert.match(failed.results["call-bob"] ?? "", /NOT RUN\. .* could not be approved\./);
  assert.deepEqual([unreachable.deferred, failed.deferred, desk.runs.length], [undefined, undefined, 0]);
});

inHome("two that resume a session at once run its call once at most", async (home) => {
  const desk = new Desk("raced");
  const { sessionId } = await part(server, [desk.calls("alice")], { desk, home });
  await server.reviewer(named("raced")).approve();
  const gate = { logger: { warn: () => {} } };
  const parts = await Promise.all([1, 2].map(() => part(server, [], { desk, home, gate }, sessionId)));
  // The program of the one that may run it gives up when the other one has written to the session meanwhile.
  assert.ok(desk.runs.length <= 1);
  const texts = parts.map(({ results }) => results["call-alice"]);
  assert.equal(texts.filter((text) => text === "sent to alice").length, desk.runs.length);
  assert.deepEqual(await statuses(server, "raced"), [APPROVED]);
});

test("a program that goes on with a call in place of ending the run does not run it", async () => {
  const options = gateOptions<Options>({ settingSources: [] }, server.client(), { durable: true });
  const { signal } = new AbortController();
  const tool_name = named("ignored");
  const input = { hook_event_name: "PreToolUse", tool_name, tool_input: { to: "alice" }, session_id: "ignored" };
  const answer = await options.hooks?.PreToolUse?.[0]?.hooks[0]?.(input as never, "call-1", { signal });
  assert.match(JSON.stringify(answer), /"permissionDecision":"defer"/);
  const permission = await options.canUseTool?.(tool_name, {}, { signal, toolUseID: "call-1", requestId: "r" });
  assert.equal(permission?.behavior, "deny");
  assert.deepEqual(await statuses(server, "ignored"), [CANCELLED]);
});

test("durable sessions must be kept", () => {
  for (const [match, options, gate] of [
    [/durable needs sessions that are kept/, { persistSession: false }, { durable: true }],
    [/durable needs sessions that are kept/, { extraArgs: { "no-session-persistence": null } }, { durable: true }],
    [/onDeferred of gateOptions needs durable/, {}, { onDeferred: () => {} }],
  ] as const) {
    const given = { settingSources: [], ...options } as Options;
    assert.throws(() => gateOptions(given, server.client(), gate as GateSettings), { message: match });
  }
});

interface Told {
  readonly sessionId: string;
  readonly handle?: HandleJson;
  readonly reason?: string;
}

/** Starts a process, and gives its lines as they come. */
function start(task: Task): { child: ChildProcess; lines: AsyncIterator<string> } {
  const script = fileURLToPath(new URL("durable-child.js", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

inHome("processes that are killed while they wait lose nothing, and the next one runs the tool once", async (home) => {
  const desk = new Desk("killed");
  const model = await Model.start(desk.calls("alice"));
  const { address, tokens } = server;
  const env = environment(home, model);
  const task: Task = { address, token: tokens.agent, env, cwd: home, tool: "killed" };
  try {
    const first = start(task);
    const told = JSON.parse((await first.lines.next()).value) as Told;
    assert.ok(told.handle);
    assert.equal(told.reason, "tool_deferred");
    await kill(first.child);
    const resume = { sessionId: told.sessionId, handle: told.handle };
    const second = start({ ...task, resume });
    assert.deepEqual(JSON.parse((await second.lines.next()).value), { waits: true });
    await kill(second.child);
    const third = start({ ...task, resume });
    await third.lines.next();
    await server.reviewer(named("killed")).approve({ to: "bob" });
    const [status] = await once(third.child, "exit");
    assert.equal(status, 0);
    assert.equal(model.results["call-alice"], "sent to bob");
    assert.equal(await readFile(join(home, "runs"), "utf8"), "bob\n");
    const [approval, ...others] = await server.approvals(named("killed"));
    assert.deepEqual([approval?.claim?.outcome?.result, others], [ExecutionResult.SUCCEEDED, []]);
  } finally {
    model.stop();
  }
});

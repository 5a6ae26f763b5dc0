import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Options, SDKResultMessage, SDKResultSuccess } from "@anthropic-ai/claude-agent-sdk";
import { type GateSettings, gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import { Handle, type HandleJson } from "../../../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import type { Task } from "./durable-child.js";
import { type Call, Model } from "./model-server.js";
import { Desk, environment, named, RULES, run, type Session } from "./sessions.js";

let server: Server;
before(async () => {
  server = await Server.ruled(RULES);
});
after(() => server[Symbol.asyncDispose]());

/** Runs a test in a directory of its own. */
const inHome = (name: string, run: (home: string) => Promise<void>) =>
  test(name, async () => {
    const home = await mkdtemp(join(tmpdir(), "signoff-claude-"));
    try {
      await run(home);
    } finally {
      await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
    }
  });

/** Runs a session until it has ended or is to be resumed, and says with which call and what the model has read. */
async function part(turns: readonly (readonly Call[])[], session: Session, resume?: string) {
  const ends: SDKResultMessage[] = [];
  const handles: Handle[] = [];
  const { results } = await run(server, turns, {
    ...session,
    gate: { durable: true, onDeferred: (handle) => handles.push(handle), ...session.gate },
    options: { ...session.options, ...(resume && { resume }) },
    onMessage: (message) => message.type === "result" && ends.push(message),
  });
  // The prompt is a turn of its own, if the call was resumed before it: it is refused while another call waits.
  const waits = ends.filter((end) => end.subtype === "success" && end.stop_reason === "tool_deferred");
  const [last] = waits.slice(-1) as SDKResultSuccess[];
  return { results, deferred: last?.deferred_tool_use, handles, sessionId: ends[0]?.session_id ?? "" };
}

const statuses = async (name: string) => (await server.approvals(named(name))).map(({ status }) => status).sort();
const { PENDING, APPROVED, CANCELLED } = ApprovalStatus;

inHome("the run ends, and goes on with what was approved once there is a decision", async (home) => {
  const desk = new Desk("later");
  const first = await part([desk.calls("alice")], { desk, home });
  assert.deepEqual([first.deferred?.id, first.handles.length, desk.runs.length], ["call-alice", 1, 0]);
  const early = await part([], { desk, home }, first.sessionId);
  assert.deepEqual([early.deferred?.id, early.sessionId], ["call-alice", first.sessionId]);
  assert.deepEqual(await statuses("later"), [PENDING]);
  const [handle] = first.handles;
  assert.deepEqual(early.handles.map(String), first.handles.map(String));
  await server.reviewer(named("later")).approve({ to: "bob" });
  assert.ok(handle);
  await server.client().wait(Handle.fromJson(JSON.parse(JSON.stringify(handle))));
  const second = await part([], { desk, home }, first.sessionId);
  assert.deepEqual([second.deferred, second.results["call-alice"]], [undefined, "sent to bob"]);
  await part([], { desk, home }, first.sessionId);
  assert.deepEqual(desk.runs, [{ to: "bob" }]);
  const [approval, ...others] = await server.approvals(named("later"));
  assert.deepEqual([approval?.claim?.outcome?.result, others], [ExecutionResult.SUCCEEDED, []]);
});

inHome("what is rejected meanwhile is not run, and the model reads the reviewer's words", async (home) => {
  const desk = new Desk("declined");
  const { sessionId } = await part([desk.calls("alice")], { desk, home });
  await server.reviewer(named("declined")).reject("Use the staging list.");
  const { results } = await part([], { desk, home }, sessionId);
  assert.match(results["call-alice"] ?? "", /NOT RUN\. A reviewer rejected .* Use the staging list\./);
  assert.equal(desk.runs.length, 0);
});

inHome("what the policy decides does not end the run", async (home) => {
  const [yes, no] = [new Desk("auto_now"), new Desk("never_now")];
  const approved = await part([yes.calls("alice")], { desk: yes, home });
  const rejected = await part([no.calls("alice")], { desk: no, home, gate: { logger: { warn: () => {} } } });
  assert.deepEqual([approved.deferred, rejected.deferred], [undefined, undefined]);
  assert.equal(approved.results["call-alice"], "sent to alice");
  assert.match(rejected.results["call-alice"] ?? "", /Dropping tables is not allowed/);
});

inHome("of three calls of one turn one waits, and the model is told to make the others again", async (home) => {
  const desk = new Desk("crowd");
  const turns = [desk.calls("ann", "bob", "cy")];
  const first = await part(turns, { desk, home });
  assert.deepEqual(await statuses("crowd"), [PENDING, CANCELLED, CANCELLED].sort());
  const waiting = first.deferred?.id ?? "";
  assert.equal(first.handles.length, 1);
  await server.reviewer(named("crowd")).approve();
  // The model makes one of the others again, which may wait in its turn.
  const second = await part([[{ ...desk.calls("dan")[0], id: "call-again" } as Call]], { desk, home }, first.sessionId);
  const to = waiting.replace("call-", "");
  assert.equal(second.results[waiting], `sent to ${to}`);
  for (const id of ["call-ann", "call-bob", "call-cy"].filter((id) => id !== waiting)) {
    assert.match(second.results[id] ?? "", /NOT RUN\. Another call of this turn waits for approval/);
  }
  assert.equal(second.deferred?.id, "call-again");
  await server.reviewer(named("crowd")).approve();
  const third = await part([], { desk, home }, first.sessionId);
  assert.equal(third.results["call-again"], "sent to dan");
  assert.deepEqual(
    desk.runs.map((each) => each.to),
    [to, "dan"],
  );
  assert.deepEqual(await statuses("crowd"), [APPROVED, APPROVED, CANCELLED, CANCELLED].sort());
});

inHome("what the policy decides runs beside a call that waits, and each result is at its own call", async (home) => {
  const desk = new Desk("auto_beside");
  const later: Call = { id: "call-later", tool: "mcp__more__later", input: { to: "bob" } };
  const both = { desk: desk.server(), more: new Desk("later").server("more") };
  const first = await part([[later, ...desk.calls("alice")]], {
    home,
    options: { mcpServers: both },
  });
  assert.deepEqual([first.deferred?.id, desk.runs], ["call-later", [{ to: "alice" }]]);
  await server.reviewer("mcp__more__later").approve();
  const mcpServers = { more: new Desk("later").server("more") };
  const { results } = await part([], { home, options: { mcpServers } }, first.sessionId);
  assert.deepEqual(results, { "call-later": "sent to bob", "call-alice": "sent to alice" });
});

inHome("prompts are refused while a call waits, and what is resumed may wait again", async (home) => {
  const touch = (id: string): Call => ({
    id,
    tool: "Bash",
    input: { command: `touch ${home}/${id}`, description: "Touches." },
  });
  const first = await part([[touch("one")]], { home });
  const early = await part([[touch("lost")]], { home }, first.sessionId);
  assert.deepEqual([early.deferred?.id, early.results], ["one", {}]);
  await server.reviewer("Bash").approve();
  const second = await part([[touch("two")], [touch("lost")]], { home }, first.sessionId);
  assert.deepEqual([second.deferred?.id, second.results], ["two", { one: "(Bash completed with no output)" }]);
  await server.reviewer("Bash").approve();
  const third = await part([], { home }, first.sessionId);
  assert.deepEqual(Object.keys(third.results), ["one", "two"]);
  for (const name of ["one", "two"]) await access(join(home, name));
  assert.equal((await server.approvals("Bash")).length, 2);
});

inHome("a call of a subagent is waited for", async (home) => {
  const file = join(home, "touched");
  const agent = { description: "x", prompt: "y", subagent_type: "general-purpose", run_in_background: false };
  const turns = [
    [{ id: "call-1", tool: "Agent", input: agent }],
    [{ id: "call-2", tool: "Bash", input: { command: `touch ${file}`, description: "Touches." } }],
  ];
  const session = part(turns, { home, gate: { ungated: ["Agent"] }, options: { allowedTools: ["Agent"] } });
  await server.reviewer("Bash").approve();
  const { deferred } = await session;
  assert.equal(deferred, undefined);
  await access(file);
});

inHome("nothing is run or waits when nobody can be asked, or onDeferred throws", async (home) => {
  const desk = new Desk("unasked");
  const quiet = { logger: { warn: () => {} } };
  const client = server.client({ address: "http://127.0.0.1:1", ...quiet });
  const unreachable = await part([desk.calls("ann")], { desk, home, client, gate: { patienceMs: 0, ...quiet } });
  assert.match(unreachable.results["call-ann"] ?? "", /NOT RUN\. .* cannot be reached/);
  const onDeferred = () => assert.fail("the disk is full");
  const failed = await part([desk.calls("bob")], { desk, home, gate: { onDeferred, ...quiet } });
  assert.match(failed.results["call-bob"] ?? "", /NOT RUN\. .* could not be approved\./);
  assert.deepEqual([unreachable.deferred, failed.deferred, desk.runs.length], [undefined, undefined, 0]);
});

inHome("two that resume a session at once run its call once at most", async (home) => {
  const desk = new Desk("raced");
  const { sessionId } = await part([desk.calls("alice")], { desk, home });
  await server.reviewer(named("raced")).approve();
  const gate = { logger: { warn: () => {} } };
  const parts = await Promise.all([1, 2].map(() => part([], { desk, home, gate }, sessionId)));
  // The program of the one that may run it gives up when the other one has written to the session meanwhile.
  assert.ok(desk.runs.length <= 1);
  const texts = parts.map(({ results }) => results["call-alice"]);
  assert.equal(texts.filter((text) => text === "sent to alice").length, desk.runs.length);
  assert.deepEqual(await statuses("raced"), [APPROVED]);
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
  assert.deepEqual(await statuses("ignored"), [CANCELLED]);
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

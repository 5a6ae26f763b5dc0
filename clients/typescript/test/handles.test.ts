import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { z } from "zod";
import { digestOf } from "../src/digest.js";
import { AlreadyClaimed, Code, Handle, Rejected, RequestFailed } from "../src/index.js";
import { withCallOptions } from "../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../src/v1.js";
import { conformance } from "./conformance.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

/** What a process of its own makes of a handle. */
async function elsewhere(handle: Handle): Promise<unknown> {
  const env = { SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
  const args = ["build/test/resume.js", JSON.stringify(handle)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout.startsWith("{") ? JSON.parse(stdout) : stdout.trim();
}

for (const json of conformance("handles.json").accepted) {
  test(`a handle is read and written: ${json.request_id}`, () => {
    const handle = Handle.fromJson(JSON.parse(JSON.stringify(json)));
    assert.deepEqual(JSON.parse(JSON.stringify(handle)), json);
    assert.deepEqual(handle.toolName, json.tool_name);
  });
}

for (const json of conformance("handles.json").refused) {
  test(`not a handle: ${JSON.stringify(json)}`, () => {
    assert.throws(() => Handle.fromJson(json), TypeError);
  });
}

test("25: what is asked for in one process is run in another, once", async () => {
  const handle = await server.client().ask({ toolName: "s25", arguments: { to: "a", n: 1 }, runId: "r", callId: "c" });
  const asked = await server.reviewer("s25").pending();
  assert.deepEqual([handle.approvalId, handle.requestId], [asked.id, asked.requestId]);
  assert.equal(handle.digest, await digestOf("s25", { n: 1, to: "a" }));
  await server.reviewer("s25").approve();
  assert.deepEqual(await elsewhere(handle), { args: { n: 1, to: "a" }, edited: false });
  assert.equal(await elsewhere(handle), "AlreadyClaimed");
  await assert.rejects(server.client().resume(handle, never), AlreadyClaimed);
  const [approval, ...others] = await server.approvals("s25");
  assert.deepEqual([approval?.claim?.outcome?.result, others.length], [ExecutionResult.SUCCEEDED, 0]);
});

test("25: a handle can be waited for from the start, over a restart of the server", async () => {
  await using own = await Server.start("heartbeat=50ms");
  const handle = await own.client().ask({ toolName: "s25.wait", arguments: { a: 1 } });
  let waits = () => {};
  const waiting = new Promise<void>((resolve) => {
    waits = resolve;
  });
  const result = own.client().resume(handle, ({ arguments: args }) => args, { onProgress: () => waits() });
  await waiting;
  await own.end("SIGKILL");
  await own.restart();
  await own.reviewer("s25.wait").approve();
  assert.deepEqual(await result, { a: 1 });
});

test("26: what is not the handle's is not run", async () => {
  const client = server.client();
  const handle = await client.ask({ toolName: "auto.s26", arguments: { a: 1 } });
  const other = await client.ask({ toolName: "auto.s26", arguments: { a: 2 } });
  const elsewhere = await client.ask({ toolName: "auto.s26.b", arguments: { a: 1 } });
  const wrong: [Partial<Handle>, string][] = [
    [{ digest: other.digest }, "the request was recorded with other arguments"],
    [{ requestId: other.requestId }, "the approval is for another request"],
    [{ approvalId: other.approvalId }, "the approval is for another request"],
    [{ approvalId: elsewhere.approvalId, requestId: elsewhere.requestId }, "the approval is for another tool"],
    [{ approvalId: other.approvalId, requestId: other.requestId }, "the request was recorded with other arguments"],
  ];
  for (const [change, problem] of wrong) {
    const changed = new Handle({ ...handle, ...change });
    const refused = { kind: "InvalidAnswer", problem, approvalId: changed.approvalId };
    await assert.rejects(client.resume(changed, never), refused);
    await assert.rejects(client.wait(changed), refused);
  }
  const unknown = new Handle({ ...handle, approvalId: "0190f3c4-0000-7000-8000-000000000001" });
  await assert.rejects(client.resume(unknown, never), (error) => {
    assert(error instanceof RequestFailed);
    return error.code === Code.NotFound;
  });
  const another = client.requiresApproval(never, { toolName: "another" });
  await assert.rejects(another.resume(handle), {
    name: "TypeError",
    message: "the handle is for the tool auto.s26, not for another",
  });
  const approvals = await server.approvals("auto.s26");
  assert(approvals.every(({ claim }) => claim === undefined));
});

test("27: what a reviewer edited is what is resumed", async () => {
  const pay = server.client().requiresApproval((args: object, context?: AbortSignal) => [args, context], {
    toolName: "s27",
  });
  const handle = await pay.ask({ to: "a", amount: 5 });
  await server.reviewer("s27").approve({ to: "b", amount: 4 });
  const { signal } = new AbortController();
  const result = await pay.resume(handle, signal);
  assert.deepEqual(result[0], { amount: 4, to: "b" });
  assert.equal(result[1], signal);
  await assert.rejects(pay.resume(handle), AlreadyClaimed);
});

test("22: an edit that does not fit is not claimed by what is resumed", async () => {
  const pay = server.client().requiresApproval((_: { to: string; amount: number }) => never(), { toolName: "s22.h" });
  const handle = await pay.ask({ to: "a", amount: 5 });
  await server.reviewer("s22.h").approve({ to: "a", amount: "five" });
  const refused = { kind: "InvalidEdit", path: "amount", approvalId: handle.approvalId };
  await assert.rejects(pay.resume(handle), refused);
  const parameters = z.object({ to: z.string(), amount: z.number() });
  await assert.rejects(server.client().resume(handle, never, { parameters }), refused);
  assert.equal((await server.approvals("s22.h"))[0]?.claim, undefined);
});

test("`wait` returns when a call is approved, and claims nothing", async () => {
  const client = server.client();
  const handle = await client.ask({ toolName: "h.wait", arguments: {} });
  const waiting = client.wait(handle);
  await server.reviewer("h.wait").approve();
  assert.equal(await waiting, undefined);
  await client.wait(handle);
  assert.equal((await server.approvals("h.wait"))[0]?.claim, undefined);
  assert.equal(await client.resume(handle, () => "done"), "done");
});

test("2, 6: a handle is there whatever the status is, and what is refused is not resumed", async () => {
  const client = server.client();
  const rejected = await client.ask({ toolName: "h.rejected", arguments: {} });
  await server.reviewer("h.rejected").reject("Use the staging list.");
  await assert.rejects(client.wait(rejected), { kind: "Rejected", comment: "Use the staging list." });
  await assert.rejects(client.resume(rejected, never), Rejected);
  const forbidden = await client.ask({ toolName: "forbidden.h", arguments: {} });
  await assert.rejects(client.resume(forbidden, never), { kind: "AutoRejected" });
});

test("asking again with the same ids gives the same handle", async () => {
  const client = server.client();
  const call = { toolName: "h.again", arguments: { a: 1 }, runId: "r", callId: "again" };
  assert.deepEqual(await client.ask(call), await client.ask(call));
  const send = client.requiresApproval(never, { toolName: "h.again" });
  const carried = await withCallOptions({ runId: "r", callId: "again" }, () => send.ask({ a: 1 }));
  assert.deepEqual(carried, await client.ask(call));
});

for (const cancelOnAbandon of [true, false]) {
  test(`16: giving up ${cancelOnAbandon ? "withdraws" : "leaves open"} what is resumed`, async () => {
    const toolName = `h16.${cancelOnAbandon}`;
    const client = server.client();
    const handle = await client.ask({ toolName, arguments: {} });
    const options = { cancelOnAbandon, stopWaiting: AbortSignal.abort() };
    const kind = cancelOnAbandon ? "Cancelled" : "StillWaiting";
    await assert.rejects(client.resume(handle, never, options), { kind, approvalId: handle.approvalId });
    const expected = cancelOnAbandon ? ApprovalStatus.CANCELLED : ApprovalStatus.PENDING;
    assert.equal((await server.approvals(toolName))[0]?.status, expected);
  });
}

test("a generator is resumed while it is read", async () => {
  const client = server.client();
  const search = client.requiresApproval(
    async function* ({ words }: { words: string[] }) {
      for (const word of words) yield word;
    },
    { toolName: "auto.h.steps" },
  );
  const handle = await search.ask({ words: ["a", "b"] });
  const found: string[] = [];
  for await (const word of search.resume(handle)) found.push(word);
  assert.deepEqual(found, ["a", "b"]);
  assert.equal((await server.approvals("auto.h.steps"))[0]?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test("what is resumed without need is an error of use", async () => {
  const client = server.client();
  const handle = await client.ask({ toolName: "auto.h.misuse", arguments: {} });
  const gated = client.requiresApproval(never, { toolName: "auto.h.misuse" });
  const made = client.requiresApproval(never, () => ({ toolName: "auto.h.misuse" }));
  await assert.rejects(client.resume(handle, gated), /asks for approval itself/);
  await assert.rejects(made.resume(handle), /use client\.resume/);
  // biome-ignore lint/suspicious/noExplicitAny: as plain JavaScript has it.
  const json = JSON.parse(JSON.stringify(handle)) as any;
  await assert.rejects(client.resume(json, never), /Handle\.fromJson/);
  await assert.rejects(client.wait(json), TypeError);
  // biome-ignore lint/suspicious/noExplicitAny: as plain JavaScript has it.
  await assert.rejects(client.resume(handle, never, { timeoutMs: 1 } as any), /unknown option timeoutMs of resume/);
  assert.equal((await server.approvals("auto.h.misuse"))[0]?.claim, undefined);
});

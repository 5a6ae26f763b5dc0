import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import {
  AlreadyClaimed,
  AutoRejected,
  Cancelled,
  Code,
  ConnectError,
  InvalidArguments,
  Rejected,
  RequestFailed,
  type Run,
  TimedOut,
  Unavailable,
} from "../src/index.js";
import { connect } from "../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../src/v1.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** A function that remembers what it was run with. */
function spy<R>(result: R) {
  const runs: Run[] = [];
  const fn = (run: Run): R => {
    runs.push(run);
    return result;
  };
  return { runs, fn };
}

/** The one approval of a tool. */
async function only(toolName: string) {
  const approvals = await server.approvals(toolName);
  assert.equal(approvals.length, 1);
  return approvals[0];
}

test("1: what is approved is run, and its result returned", async () => {
  const { runs, fn } = spy("sent");
  const result = server.client().run({ toolName: "s1", arguments: { to: "a", n: 1 } }, fn);
  await server.reviewer("s1").approve();
  assert.equal(await result, "sent");
  assert.deepEqual(
    runs.map((run) => [run.arguments, run.edited]),
    [[{ to: "a", n: 1 }, false]],
  );
  const approval = await only("s1");
  assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
  assert.equal(runs[0]?.approvalId, approval?.id);
});

test("2: what is rejected is not run", async () => {
  const { runs, fn } = spy("sent");
  const result = server.client().run({ toolName: "s2", arguments: {} }, fn);
  const rejected = assert.rejects(result, (error) => {
    assert(error instanceof Rejected);
    assert.equal(error.comment, "Use the staging list.");
    assert.equal(error.decidedBy, "dev/reviewer");
    assert.equal(
      error.message,
      "NOT RUN. A reviewer rejected the call to s2: Use the staging list. Do not try it again.",
    );
    return true;
  });
  await server.reviewer("s2").reject("Use the staging list.");
  await rejected;
  assert.equal(runs.length, 0);
});

test("3: edited arguments are what is run", async () => {
  const { runs, fn } = spy("sent");
  const result = server.client().run({ toolName: "s3", arguments: { to: "a", n: 1 } }, fn);
  await server.reviewer("s3").approve({ to: "b", n: 2, list: [1.5] });
  assert.equal(await result, "sent");
  assert.deepEqual(
    runs.map((run) => [run.arguments, run.edited]),
    [[{ to: "b", n: 2, list: [1.5] }, true]],
  );
});

test("4: what nobody decides in time is not run", async () => {
  const { runs, fn } = spy("sent");
  await assert.rejects(server.client().run({ toolName: "s4", arguments: {}, timeoutMs: 1000 }, fn), TimedOut);
  assert.equal(runs.length, 0);
});

test("5: what the policy approves is run", async () => {
  const { runs, fn } = spy(Promise.resolve("found"));
  assert.equal(await server.client().run({ toolName: "auto.s5", arguments: {} }, fn), "found");
  assert.equal(runs.length, 1);
});

test("6: what the policy rejects is not run", async () => {
  const { runs, fn } = spy("dropped");
  await assert.rejects(server.client().run({ toolName: "forbidden.s6", arguments: {} }, fn), (error) => {
    assert(error instanceof AutoRejected);
    assert.equal(error.rule, "no-drops");
    assert.equal(error.ruleMessage, "Dropping tables is not allowed.");
    return true;
  });
  assert.equal(runs.length, 0);
});

test("7: what somebody withdraws is not run", async () => {
  const { runs, fn } = spy("sent");
  const result = assert.rejects(server.client().run({ toolName: "s7", arguments: {} }, fn), Cancelled);
  const { id } = await server.reviewer("s7").pending();
  await server.client().approvals.cancelApproval({ approvalId: id, requestId: "x" });
  await result;
  assert.equal(runs.length, 0);
});

for (const [number, signal] of [
  [8, "SIGKILL"],
  [9, "SIGTERM"],
] as const) {
  test(`${number}: a wait outlives ${signal} to the server`, async () => {
    const toolName = `s${number}`;
    await using own = await Server.start("heartbeat=50ms");
    const { runs, fn } = spy("sent");
    let waits = () => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const result = own.client().run({ toolName, arguments: {}, onProgress: () => waits() }, fn);
    await waiting;
    await own.end(signal);
    await own.restart();
    await own.reviewer(toolName).approve();
    assert.equal(await result, "sent");
    assert.equal(runs.length, 1);
    assert.equal((await own.approvals(toolName)).length, 1);
  });
}

test("10: a server that is down is Unavailable once patience ends", async () => {
  // In place of a port that nobody has: somebody else could take that.
  const nobody = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(nobody, "listening");
  const { port } = nobody.address() as AddressInfo;
  const began = performance.now();
  const client = connect({ address: `127.0.0.1:${port}`, token: "t" });
  const { runs, fn } = spy("sent");
  await assert.rejects(client.run({ toolName: "s10", arguments: {}, patienceMs: 400 }, fn), (error) => {
    assert(error instanceof Unavailable);
    assert(error.cause instanceof ConnectError);
    return true;
  });
  assert(performance.now() - began >= 400, `${performance.now() - began}`);
  assert.equal(runs.length, 0);
  client.close();
  nobody.close();
});

test("11: a second run of what has run is not run", async () => {
  const { runs, fn } = spy("sent");
  const call = { toolName: "auto.s11", arguments: { a: 1 }, runId: "run-1", callId: "call-1" };
  await server.client().run(call, fn);
  await assert.rejects(server.client().run(call, fn), AlreadyClaimed);
  assert.equal(runs.length, 1);
});

test("12: a second run finds the approval of the first, whose wait was given up", async () => {
  const { runs, fn } = spy("sent");
  const call = { toolName: "s12", arguments: {}, requestId: "s12" };
  const giveUp = new AbortController();
  const first = assert.rejects(server.client().run({ ...call, signal: giveUp.signal }, fn), { name: "AbortError" });
  await server.reviewer("s12").pending();
  giveUp.abort();
  await first;
  await server.reviewer("s12").approve();
  assert.equal(await server.client().run(call, fn), "sent");
  assert.equal(runs.length, 1);
  await only("s12");
});

test("13: of two runners of one approval one runs", async () => {
  const { runs, fn } = spy("sent");
  const call = { toolName: "s13", arguments: {}, requestId: "s13" };
  const both = Promise.allSettled([server.client().run(call, fn), server.client().run(call, fn)]);
  await server.reviewer("s13").approve();
  const ends = await both;
  assert.equal(runs.length, 1);
  const lost = ends.filter((end) => end.status === "rejected");
  assert.equal(lost.length, 1);
  assert(lost[0]?.reason instanceof AlreadyClaimed);
});

test("15: what the function throws is reported and passed on", async () => {
  const broken = new Error("the mailbox is full");
  const fail = () => Promise.reject(broken);
  await assert.rejects(server.client().run({ toolName: "auto.s15", arguments: {} }, fail), (error) => error === broken);
  const outcome = (await only("auto.s15"))?.claim?.outcome;
  assert.equal(outcome?.result, ExecutionResult.FAILED);
  assert.equal(outcome?.message, "the mailbox is full");
});

for (const cancelOnAbandon of [true, false]) {
  test(`16: giving up ${cancelOnAbandon ? "withdraws" : "leaves open"} what waits`, async () => {
    const toolName = `s16.${cancelOnAbandon}`;
    const { runs, fn } = spy("sent");
    const giveUp = new AbortController();
    const reason = new Error("enough");
    const call = { toolName, arguments: {}, cancelOnAbandon, signal: giveUp.signal };
    const result = assert.rejects(server.client().run(call, fn), (error) => error === reason);
    await server.reviewer(toolName).pending();
    giveUp.abort(reason);
    await result;
    assert.equal(runs.length, 0);
    const expected = cancelOnAbandon ? ApprovalStatus.CANCELLED : ApprovalStatus.PENDING;
    assert.equal((await only(toolName))?.status, expected);
  });
}

test("18: a bad token is refused, and told to nobody", async () => {
  const token = "signoff_not-a-token-of-this-server";
  const { runs, fn } = spy("sent");
  const client = server.client({ token });
  await assert.rejects(client.run({ toolName: "auto.s18", arguments: {} }, fn), (error) => {
    assert(error instanceof RequestFailed);
    assert.equal(error.code, Code.Unauthenticated);
    assert.equal(error.reason, "UNAUTHENTICATED");
    assert(!inspect([error, client], { depth: 20, showHidden: true }).includes(token));
    assert(!JSON.stringify([error, client, String(error)]).includes(token));
    return true;
  });
  assert.equal(runs.length, 0);
});

test("19: arguments that a double cannot hold are not even asked for", async () => {
  const { runs, fn } = spy("sent");
  for (const a of [2 ** 53, -(2 ** 53), 1e300]) {
    await assert.rejects(server.client().run({ toolName: "auto.s19", arguments: { a } }, fn), (error) => {
      assert(error instanceof InvalidArguments);
      assert.equal(error.path, "a");
      return true;
    });
  }
  assert.equal(runs.length, 0);
  assert.deepEqual(await server.approvals("auto.s19"), []);
});

/** A run whose caller gave up, and whose approval a reviewer then gave. */
async function approvedMeanwhile(call: { toolName: string; arguments: object; requestId: string }): Promise<string> {
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const first = assert.rejects(server.client().run({ ...call, signal }, never), { name: "AbortError" });
  const { id } = await server.reviewer(call.toolName).pending();
  giveUp.abort();
  await first;
  await server.reviewer(call.toolName).approve();
  return id;
}

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

test("20: what is revoked between the approval and the claim is not run", async () => {
  const call = { toolName: "s20", arguments: {}, requestId: "s20" };
  const approvalId = await approvedMeanwhile(call);
  const { approvals } = server.client({ token: server.tokens.reviewer });
  await approvals.revokeApproval({ approvalId, requestId: crypto.randomUUID(), reason: "Wrong customer." });
  await assert.rejects(server.client().run(call, never), { kind: "Revoked", reason: "Wrong customer.", approvalId });
});

test("21: what is frozen before it is asked for, or claimed, is not run", async () => {
  const { admin } = server.client({ token: server.tokens.operator });
  const call = { toolName: "s21.claim", arguments: {}, requestId: "s21" };
  const approvalId = await approvedMeanwhile(call);
  const scope = { scope: { case: "tool", value: "s21.*" } } as const;
  const { freeze } = await admin.freeze({ requestId: crypto.randomUUID(), scope, reason: "Incident 12." });
  const frozen = { kind: "Frozen", reason: "Incident 12." };
  await assert.rejects(server.client().run(call, never), { ...frozen, approvalId });
  await assert.rejects(server.client().run({ toolName: "s21.ask", arguments: {} }, never), frozen);
  await admin.thaw({ requestId: crypto.randomUUID(), freezeId: freeze?.id ?? "" });
  assert.equal(await server.client().run(call, () => "done"), "done");
});

test("22: an edit that does not fit is not claimed", async () => {
  const pay = server.client().requiresApproval((_: { to: string; amount: number }) => never(), { toolName: "s22" });
  const refused = assert.rejects(pay({ to: "a", amount: 5 }), {
    kind: "InvalidEdit",
    path: "amount",
    problem: "is not a number",
  });
  await server.reviewer("s22").approve({ to: "a", amount: "five" });
  await refused;
  const approval = await only("s22");
  assert.deepEqual([approval?.status, approval?.claim], [ApprovalStatus.APPROVED, undefined]);
});

test("23: a second run finds its approval, whatever else is said of the call", async () => {
  const call = { toolName: "s23", arguments: { to: "a" }, runId: "r", callId: "c" };
  const giveUp = new AbortController();
  const first = { ...call, reason: "first", labels: { try: "1" }, timeoutMs: 60_000, agentName: "one" };
  const gone = assert.rejects(server.client().run({ ...first, signal: giveUp.signal }, never), { name: "AbortError" });
  await server.reviewer("s23").pending();
  giveUp.abort();
  await gone;
  const second = { ...call, reason: "second", labels: { try: "2" }, timeoutMs: 90_000, agentName: "two" };
  const result = server.client().run({ ...second, argumentsSchema: { type: "object" } }, () => "sent");
  await server.reviewer("s23").approve();
  assert.equal(await result, "sent");
  assert.equal((await only("s23"))?.reason, "first");
});

test("24: a rejection that the policy remembers asks nobody", async () => {
  const rule = "  - { name: once, tools: [s24], require_approval: { remember_rejection: 600s } }";
  await using own = await Server.ruled(rule);
  const call = { toolName: "s24", arguments: { to: "a" }, runId: "r" };
  const rejected = { kind: "Rejected", comment: "Use the staging list.", decidedBy: "dev/reviewer" };
  const first = assert.rejects(own.client().run({ ...call, callId: "1" }, never), rejected);
  await own.reviewer(call.toolName).reject("Use the staging list.");
  await first;
  await assert.rejects(own.client().run({ ...call, callId: "2" }, never), rejected);
  const statuses = (await own.approvals(call.toolName)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [ApprovalStatus.REJECTED, ApprovalStatus.AUTO_REJECTED]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { ConnectError } from "@connectrpc/connect";
import { digestOf } from "../src/digest.js";
import { Code, DigestMismatch, Unavailable } from "../src/index.js";
import { ApprovalStatus, type ClaimExecutionRequest, ExecutionResult } from "../src/v1.js";
import { broken, Fake, granted, own, update } from "./fake.js";

const call = { toolName: "t", arguments: {} };

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

async function* approved() {
  yield await update(ApprovalStatus.APPROVED);
}

const otherTool = await digestOf("another", {});
const otherArguments = await digestOf("t", { a: 1 });

for (const digest of [otherTool, otherArguments, "", (await digestOf("t", {})).toUpperCase()]) {
  test(`17: a claim of another call is not run: ${digest}`, async () => {
    await using fake = await Fake.start({ requestApproval: approved, claimExecution: () => granted({ digest }) });
    await assert.rejects(fake.client().run(call, never), DigestMismatch);
    assert.deepEqual(
      fake.reports.map(({ claimId, result }) => [claimId, result]),
      [["c1", ExecutionResult.FAILED]],
    );
  });
}

test("an approval whose digest is not that of its arguments is not even claimed", async () => {
  let claims = 0;
  for (const digest of [otherTool, otherArguments, ""]) {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await update(ApprovalStatus.APPROVED, { digest });
      },
      claimExecution: () => {
        claims += 1;
        return granted({ digest });
      },
    });
    await assert.rejects(fake.client().run(call, never), DigestMismatch);
  }
  assert.equal(claims, 0);
});

test("edited arguments of another tool are not claimed", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      const edited = { b: 1 };
      yield await update(ApprovalStatus.APPROVED, { arguments: edited, digest: await digestOf("another", edited) });
    },
    claimExecution: () => granted(),
  });
  await assert.rejects(fake.client().run(call, never), DigestMismatch);
});

for (const number of [Number.NaN, Number.POSITIVE_INFINITY]) {
  test(`edited arguments that are not JSON are not claimed: ${number}`, async () => {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await update(ApprovalStatus.APPROVED, { arguments: { a: number }, digest: otherArguments });
      },
      claimExecution: () => granted(),
    });
    await assert.rejects(fake.client().run(call, never), DigestMismatch);
  });
}

test("a claim that breaks is repeated with the same request_id, which no other run has", async () => {
  const claims: ClaimExecutionRequest[] = [];
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: (claim) => {
      claims.push(claim);
      if (claims.length === 1) throw broken(Code.Unknown);
      return granted();
    },
  });
  for (let run = 0; run < 2; run += 1) assert.equal(await fake.client().run(call, () => "done"), "done");
  assert.equal(claims.length, 3);
  assert.equal(claims[0]?.requestId, claims[1]?.requestId);
  assert.notEqual(claims[1]?.requestId, claims[2]?.requestId);
});

test("two runners of one approval claim under different ids", async () => {
  const claims: ClaimExecutionRequest[] = [];
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: (claim) => {
      claims.push(claim);
      return granted();
    },
  });
  const shared = { ...call, requestId: "shared" };
  for (let run = 0; run < 2; run += 1) assert.equal(await fake.client().run(shared, () => "done"), "done");
  assert.deepEqual(
    fake.asked.map(({ requestId }) => requestId),
    ["shared", "shared"],
  );
  assert.deepEqual(
    claims.map(({ approvalId }) => approvalId),
    ["a1", "a1"],
  );
  const ids = claims.map(({ requestId }) => requestId);
  assert.notEqual(ids[0], ids[1]);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

const ends: [ConnectError, string, number?][] = [
  [own(Code.FailedPrecondition, "ALREADY_CLAIMED"), "AlreadyClaimed"],
  [own(Code.FailedPrecondition, "CLAIM_WINDOW_CLOSED"), "ClaimWindowClosed"],
  [own(Code.FailedPrecondition, "DIGEST_MISMATCH"), "DigestMismatch"],
  [own(Code.FailedPrecondition, "NOT_APPROVED"), "RequestFailed"],
  [own(Code.Internal, "INTERNAL"), "RequestFailed"],
  [broken(Code.PermissionDenied), "RequestFailed"],
  [broken(), "Unavailable", 1000],
];

for (const [error, kind, patienceMs] of ends) {
  test(`a claim that fails with ${error.message} is ${kind}`, async () => {
    await using fake = await Fake.start({
      requestApproval: approved,
      claimExecution: () => {
        throw error;
      },
    });
    await assert.rejects(fake.client().run({ ...call, patienceMs }, never), { kind, approvalId: "a1" });
  });
}

test("what is known of an earlier claim is told", async () => {
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: () => {
      const metadata = {
        claimed_by: "local/agent-2",
        claim_time: "2027-01-15T08:00:02Z",
        result: "FAILED",
        report_time: "2027-01-15T08:00:09Z",
        message: "No such list.",
      };
      throw own(Code.FailedPrecondition, "ALREADY_CLAIMED", undefined, metadata);
    },
  });
  await assert.rejects(fake.client().run(call, never), {
    kind: "AlreadyClaimed",
    claimedBy: "local/agent-2",
    claimTime: "2027-01-15T08:00:02Z",
    result: "FAILED",
    reportTime: "2027-01-15T08:00:09Z",
    reportMessage: "No such list.",
    message: /failed at 2027-01-15T08:00:09Z: No such list\. Do not repeat it\.$/,
  });
});

test("a claim that is never answered ends with its deadline", async () => {
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: () => new Promise<never>(() => {}),
  });
  const client = fake.client({ deadlineMs: 100 });
  await assert.rejects(client.run({ ...call, patienceMs: 1000 }, never), Unavailable);
});

test("a claim whose patience ends during a try has one more", async () => {
  let claims = 0;
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: async () => {
      claims += 1;
      if (claims > 1) return granted();
      await setTimeout(2200);
      throw broken();
    },
  });
  assert.equal(await fake.client().run({ ...call, patienceMs: 2000 }, () => "done"), "done");
  assert.equal(claims, 2);
});

test("a claim that is never answered ends 5 s after patience, whatever the deadline", async () => {
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: () => new Promise<never>(() => {}),
  });
  const client = fake.client({ deadlineMs: 3_600_000 });
  await assert.rejects(client.run({ ...call, patienceMs: 0 }, never), Unavailable);
});

test("a claim that is granted to a caller that has given up is reported as failed", async () => {
  const giveUp = new AbortController();
  const reason = new Error("enough");
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: async () => {
      giveUp.abort(reason);
      // The client may see its own end before this answer.
      await new Promise(setImmediate);
      return granted();
    },
  });
  await assert.rejects(fake.client().run({ ...call, signal: giveUp.signal }, never), (error) => error === reason);
  assert.deepEqual(
    fake.reports.map(({ claimId, result }) => [claimId, result]),
    [["c1", ExecutionResult.FAILED]],
  );
});

test("a caller that gives up between two tries of a claim runs nothing", async () => {
  const giveUp = new AbortController();
  await using fake = await Fake.start({
    requestApproval: approved,
    claimExecution: () => {
      setImmediate(() => giveUp.abort());
      throw broken();
    },
  });
  await assert.rejects(fake.client().run({ ...call, signal: giveUp.signal }, never), { name: "AbortError" });
});

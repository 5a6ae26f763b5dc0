import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../src/digest.js";
import { AlreadyClaimed, Cancelled, Code, Frozen, Handle, Rejected, Revoked, StillWaiting } from "../src/index.js";
import { ApprovalStatus, type CancelApprovalRequest, ExecutionResult } from "../src/v1.js";
import { approving, broken, Fake, granted, own, pending, progress, silence, update } from "./fake.js";

const call = { toolName: "t", arguments: {} };

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

test("20: what is revoked while it is waited for is not claimed", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.APPROVED, { revision: 3n, revocation: { reason: "Wrong customer." } });
    },
    claimExecution: () => granted(),
  });
  await assert.rejects(fake.client().run(call, never), (error) => {
    assert(error instanceof Revoked);
    assert.deepEqual([error.reason, error.approvalId], ["Wrong customer.", "a1"]);
    assert.match(error.message, /was revoked: Wrong customer\. Do not try it again\.$/);
    return true;
  });
  assert.equal(fake.claims, 0);
});

for (const [reason, kind] of [
  ["APPROVAL_REVOKED", Revoked],
  ["FROZEN", Frozen],
] as const) {
  test(`20, 21: what is stopped before the claim is not run: ${reason}`, async () => {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await update(ApprovalStatus.APPROVED);
      },
      claimExecution: () => {
        throw own(Code.FailedPrecondition, reason, undefined, { reason: "Incident 12." });
      },
    });
    await assert.rejects(fake.client().run(call, never), (error) => {
      assert(error instanceof kind);
      assert.equal(error.reason, "Incident 12.");
      return true;
    });
    assert.deepEqual([fake.claims, fake.reports.length], [1, 0]);
  });
}

for (const comment of ["Incident 12.", ""]) {
  test(`21: what is frozen when it is asked for is Frozen: ${comment}`, async () => {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await update(ApprovalStatus.AUTO_REJECTED, {
          policy: { rule: "_freeze", message: "An operator has frozen calls such as this one." },
          decision: { status: ApprovalStatus.AUTO_REJECTED, comment },
        });
      },
    });
    await assert.rejects(fake.client().run(call, never), { kind: "Frozen", reason: comment });
  });
}

test("24: a rejection that the policy remembers is that of the person", async () => {
  const decision = {
    status: ApprovalStatus.AUTO_REJECTED,
    rememberedRejection: {
      approvalId: "a0",
      decidedBy: { issuer: "idp", subject: "bob" },
      comment: "Use the staging list.",
    },
  };
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.AUTO_REJECTED, { policy: { rule: "_remembered_rejection" }, decision });
    },
  });
  await assert.rejects(fake.client().run(call, never), (error) => {
    assert(error instanceof Rejected);
    assert.deepEqual([error.comment, error.decidedBy], ["Use the staging list.", "idp/bob"]);
    return true;
  });
});

/** A server on which a call waits, and a call that is stopped as soon as its client knows the approval. */
async function waiting(decide?: () => Promise<unknown>) {
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error("enough"));
  const cancels: CancelApprovalRequest[] = [];
  const fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      yield await pending(60_000);
      yield progress(60_000);
      await silence(signal);
    },
    claimExecution: () => granted(),
    cancelApproval: async (cancel) => {
      cancels.push(cancel);
      await decide?.();
      return {};
    },
  });
  return { fake, cancels, stopped: { ...call, stopWaiting: stop.signal, onProgress } };
}

test("`stopWaiting` ends the wait with a refusal that a model can read", async () => {
  const { fake, cancels, stopped } = await waiting();
  await using _ = fake;
  await assert.rejects(fake.client().run(stopped, never), (error) => {
    assert(error instanceof StillWaiting);
    assert.equal(error.message, "NOT RUN. The call to t is still waiting for approval. Do not work around it.");
    assert.equal(error.developerText, "The caller stopped waiting. Approval a1 of the call to t is still pending.");
    assert.equal(String(error.cause), "Error: enough");
    return true;
  });
  assert.deepEqual([cancels.length, fake.claims, fake.advised], [0, 0, 0]);
});

for (const cancelOnAbandon of [false, true]) {
  test(`\`stopWaiting\` ends the wait of what is resumed: ${cancelOnAbandon}`, async () => {
    const stop = new AbortController();
    const cancels: CancelApprovalRequest[] = [];
    const digest = await digestOf("t", {});
    const caller = { issuer: "local", subject: "mail-bot" };
    await using fake = await Fake.start({
      async *watchApproval({ approvalId, afterRevision }, { signal }) {
        assert.deepEqual([approvalId, afterRevision], ["a1", 0n]);
        const status = ApprovalStatus.PENDING;
        const times = { updateTime: { seconds: 0n }, deadline: { seconds: 60n } };
        const approval = { id: "a1", requestId: "r", toolName: "t", caller, revision: 1n, status, digest, ...times };
        const kind = { case: "requested", value: { digest, status } } as const;
        yield { message: { case: "update", value: { approval, events: [{ revision: 1n, kind }] } } };
        stop.abort();
        await silence(signal);
      },
      cancelApproval: async (cancel) => {
        cancels.push(cancel);
        return {};
      },
    });
    const handle = new Handle({ approvalId: "a1", requestId: "r", toolName: "t", digest });
    const options = { stopWaiting: stop.signal, cancelOnAbandon };
    const kind = cancelOnAbandon ? "Cancelled" : "StillWaiting";
    await assert.rejects(fake.client().resume(handle, never, options), { kind, approvalId: "a1" });
    await assert.rejects(fake.client().wait(handle, options), { kind, approvalId: "a1" });
    assert.deepEqual(
      cancels.map(({ approvalId }) => approvalId),
      cancelOnAbandon ? ["a1", "a1"] : [],
    );
  });
}

test("`stopWaiting` withdraws with cancelOnAbandon", async () => {
  const { fake, cancels, stopped } = await waiting();
  await using _ = fake;
  await assert.rejects(fake.client().run({ ...stopped, cancelOnAbandon: true }, never), (error) => {
    assert(error instanceof Cancelled);
    assert.equal(error.approvalId, "a1");
    return true;
  });
  assert.equal(cancels.length, 1);
});

test("what was decided before it could be withdrawn is not said to be withdrawn", async () => {
  const { fake, stopped } = await waiting(() => Promise.reject(own(Code.FailedPrecondition, "ALREADY_DECIDED")));
  await using _ = fake;
  await assert.rejects(fake.client().run({ ...stopped, cancelOnAbandon: true }, never), StillWaiting);
  assert.equal(fake.claims, 0);
});

test("`stopWaiting` that is aborted before asks nothing, and during a delay ends it", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      setImmediate(() => stop.abort());
      throw own(Code.Unavailable, "DRAINING", 3_600_000);
    },
  });
  const stop = new AbortController();
  const stopped = { ...call, stopWaiting: stop.signal, patienceMs: 3_600_000 };
  await assert.rejects(fake.client().run(stopped, never), (error) => {
    assert(error instanceof StillWaiting);
    assert.equal(error.message, "NOT RUN. The call to t is not approved yet. Do not work around it.");
    assert.equal(error.approved, false);
    return true;
  });
  assert.equal(fake.asked.length, 1);
  await assert.rejects(fake.client().run({ ...stopped, cancelOnAbandon: true }, never), StillWaiting);
  assert.equal(fake.asked.length, 1);
});

/** A server that approves, and does something before it grants the claim. */
function approved(before: () => Promise<void> | void): Promise<Fake> {
  return Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.APPROVED);
    },
    claimExecution: async () => {
      await before();
      return granted();
    },
  });
}

const STOPPED = {
  kind: "StillWaiting",
  approved: true,
  approvalId: "a1",
  message: "NOT RUN. The call to t was approved, but the caller stopped before it ran. Do not work around it.",
  developerText: "The caller stopped waiting. Approval a1 of the call to t is approved, but the call did not run.",
};

test("`stopWaiting` between the approval and the claim takes no claim", async () => {
  const stop = new AbortController();
  await using fake = await Fake.start({
    async *requestApproval() {
      const edited = { b: 1 };
      yield await update(ApprovalStatus.APPROVED, { arguments: edited, digest: await digestOf("t", edited) });
    },
    claimExecution: () => granted(),
  });
  const parseEdited = (edited: object) => {
    stop.abort(new Error("enough"));
    return edited;
  };
  const options = { toolName: "t", stopWaiting: stop.signal, parseEdited, cancelOnAbandon: true };
  await assert.rejects(fake.client().requiresApproval(never, options)({}), STOPPED);
  assert.deepEqual([fake.claims, fake.reports.length], [0, 0]);
});

test("`stopWaiting` in the claim runs nothing, and reports a claim that was granted", async () => {
  const stop = new AbortController();
  await using fake = await approved(() => stop.abort(new Error("enough")));
  await assert.rejects(fake.client().run({ ...call, stopWaiting: stop.signal }, never), STOPPED);
  assert.deepEqual(
    fake.reports.map(({ claimId, result }) => [claimId, result]),
    [["c1", ExecutionResult.FAILED]],
  );
});

test("`stopWaiting` between two tries of a claim takes no other", async () => {
  const stop = new AbortController();
  await using fake = await approved(() => {
    setImmediate(() => stop.abort());
    throw broken();
  });
  await assert.rejects(fake.client().run({ ...call, stopWaiting: stop.signal }, never), STOPPED);
  assert.deepEqual([fake.claims, fake.reports.length], [1, 0]);
});

test("`stopWaiting` changes nothing once the function has been started, and `signal` wins over it", async () => {
  const stop = new AbortController();
  await using fake = await approved(() => {});
  const stopping = () => {
    stop.abort();
    return "done";
  };
  assert.equal(await fake.client().run({ ...call, stopWaiting: stop.signal }, stopping), "done");
  assert.deepEqual(
    fake.reports.map(({ result }) => result),
    [ExecutionResult.SUCCEEDED],
  );
  const both = { ...call, stopWaiting: stop.signal, signal: AbortSignal.abort(new Error("enough")) };
  await assert.rejects(fake.client().run(both, never), /enough/);
});

test("a claim that cannot be had says that the call was approved", async () => {
  await using fake = await approved(() => {
    throw broken();
  });
  const failing = fake.client().run({ ...call, patienceMs: 0 }, never);
  await assert.rejects(failing, { kind: "Unavailable", approved: true, message: /was approved, but .* to start it/ });
  let close = () => {};
  await using closing = await approved(() => close());
  const client = closing.client();
  close = () => client.close();
  await assert.rejects(client.run(call, never), {
    kind: "Unavailable",
    approved: true,
    problem: "the client was closed",
  });
});

test("a call that cannot be found again, and has no end, is advised against once for each function", async () => {
  await using fake = await approving();
  const client = fake.client();
  const options = { toolName: "t" };
  const one = client.requiresApproval(() => 1, options);
  for (let round = 0; round < 3; round += 1) await one({});
  assert.equal(fake.advised, 1);
  await client.requiresApproval(() => 1, options)({});
  assert.equal(fake.advised, 2);
  for (let round = 0; round < 3; round += 1) await client.run(call, () => 1);
  assert.equal(fake.advised, 3);
  const { signal } = new AbortController();
  for (const named of [{ requestId: "r" }, { runId: "r", callId: "c" }, { signal }, { stopWaiting: signal }]) {
    await client.requiresApproval(() => 1, { ...options, ...named })({});
  }
  assert.equal(fake.advised, 3);
});

test("AlreadyClaimed of a claim that broke and was granted to another tells who has it", async () => {
  let claims = 0;
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.APPROVED);
    },
    claimExecution: () => {
      claims += 1;
      if (claims === 1) throw broken();
      throw own(Code.FailedPrecondition, "ALREADY_CLAIMED", undefined, { claimed_by: "local/agent-2" });
    },
  });
  await assert.rejects(fake.client().run(call, never), (error) => {
    assert(error instanceof AlreadyClaimed);
    assert.equal(error.claimedBy, "local/agent-2");
    assert(!error.message.includes("agent-2") && error.developerText.includes("agent-2"));
    return true;
  });
});

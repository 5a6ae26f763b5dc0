import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, TimedOut } from "../src/index.js";
import type { CancelApprovalRequest } from "../src/v1.js";
import { broken, Fake, own, pending, silence } from "./fake.js";

const reason = new Error("enough");

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

/** A call that is given up as soon as it has been asked for. */
function abandoned(giveUp: AbortController) {
  return { toolName: "t", arguments: {}, cancelOnAbandon: true, signal: giveUp.signal };
}

test("what the server has not answered yet is asked once more, and withdrawn", async () => {
  const giveUp = new AbortController();
  const cancels: CancelApprovalRequest[] = [];
  await using fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      if (!giveUp.signal.aborted) {
        giveUp.abort(reason);
        await silence(signal);
      }
      yield await pending(60_000);
      await silence(signal);
    },
    cancelApproval: (cancel) => {
      cancels.push(cancel);
      if (cancels.length === 1) throw broken();
      return {};
    },
  });
  await assert.rejects(fake.client().run(abandoned(giveUp), never), (error) => error === reason);
  assert.equal(new Set(fake.asked.map(({ requestId }) => requestId)).size, 1);
  assert.deepEqual(
    cancels.map(({ approvalId }) => approvalId),
    ["a1", "a1"],
  );
  assert.equal(cancels[0]?.requestId, cancels[1]?.requestId);
  assert.deepEqual(fake.logged, []);
});

test("a caller may give up for a reason that is a refusal", async () => {
  const giveUp = new AbortController();
  const refusal = new TimedOut({ toolName: "outer" });
  const cancels: CancelApprovalRequest[] = [];
  await using fake = await Fake.start({
    async *requestApproval(_, { signal }) {
      yield await pending(60_000);
      giveUp.abort(refusal);
      await silence(signal);
    },
    cancelApproval: (cancel) => {
      cancels.push(cancel);
      return {};
    },
  });
  await assert.rejects(fake.client().run(abandoned(giveUp), never), (caught) => caught === refusal);
  assert.equal(cancels.length, 1);
});

for (const [error, lines] of [
  [own(Code.FailedPrecondition, "ALREADY_DECIDED"), 0],
  [own(Code.PermissionDenied, "NOT_REQUESTER"), 1],
] as const) {
  test(`the caller's reason is passed on when withdrawing fails: ${error.message}`, async () => {
    const giveUp = new AbortController();
    await using fake = await Fake.start({
      async *requestApproval(_, { signal }) {
        yield await pending(60_000);
        giveUp.abort(reason);
        await silence(signal);
      },
      cancelApproval: () => {
        throw error;
      },
    });
    await assert.rejects(fake.client().run(abandoned(giveUp), never), (caught) => caught === reason);
    assert.equal(fake.logged.length, lines);
  });
}

test("a server that is silent holds up a caller that gives up for a few seconds only", async () => {
  const giveUp = new AbortController();
  await using fake = await Fake.start({
    // biome-ignore lint/correctness/useYield: it says nothing.
    async *requestApproval(_, { signal }) {
      giveUp.abort(reason);
      await silence(signal);
    },
  });
  const call = { ...abandoned(giveUp), patienceMs: 3_600_000 };
  await assert.rejects(fake.client({ deadlineMs: 3_600_000 }).run(call, never), (error) => error === reason);
  assert.equal(fake.logged.length, 1);
});

test("a caller that has given up before asks nothing", async () => {
  const giveUp = new AbortController();
  giveUp.abort(reason);
  await using fake = await Fake.start({});
  await assert.rejects(fake.client().run(abandoned(giveUp), never), (error) => error === reason);
  assert.deepEqual(fake.asked, []);
});

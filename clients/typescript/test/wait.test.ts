import assert from "node:assert/strict";
import { test } from "node:test";
import { AutoRejected, Code, RequestFailed, TimedOut, Unavailable, UnknownStatus } from "../src/index.js";
import { ApprovalStatus } from "../src/v1.js";
import { conformance } from "./conformance.js";
import { broken, Fake, granted, own, pending, progress, silence, update } from "./fake.js";

const call = { toolName: "t", arguments: {} };

function never(): never {
  throw new assert.AssertionError({ message: "the function was called" });
}

const { statuses, unknown } = conformance("statuses.json");

for (const status of unknown) {
  test(`14: status ${status} is not approved`, async () => {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await update(status);
      },
    });
    await assert.rejects(fake.client().run(call, never), UnknownStatus);
    assert.equal(fake.asked.length, 1);
  });
}

test("what follows a status that is not known counts", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(99);
      yield await update(ApprovalStatus.TIMED_OUT, { revision: 2n });
    },
  });
  await assert.rejects(fake.client().run(call, never), TimedOut);
});

test("a stream that breaks after a status that is not known is opened again", async () => {
  await using fake = await Fake.start({
    async *requestApproval({ afterRevision }) {
      yield await update(99, { updateTime: { seconds: 0n }, deadline: { seconds: 60n } });
      if (afterRevision === 0n) throw broken();
    },
  });
  await assert.rejects(fake.client().run(call, never), UnknownStatus);
  assert.equal(fake.asked.length, 2);
});

for (const { number, name, terminal, approved } of statuses) {
  test(`status ${name}`, async () => {
    await using fake = await Fake.start({
      async *requestApproval(_, { signal }) {
        yield await update(number, { updateTime: { seconds: 0n }, deadline: { seconds: 60n } });
        await silence(signal);
      },
      claimExecution: () => granted(),
    });
    const giveUp = new AbortController();
    let runs = 0;
    const end = fake
      .client()
      .run({ ...call, signal: giveUp.signal }, () => {
        runs += 1;
      })
      .then(
        () => "run",
        (error) => error.name,
      );
    if (!terminal) {
      while (fake.asked.length === 0) await new Promise(setImmediate);
      giveUp.abort();
    }
    const ended = await end;
    assert.equal(ended === "run", approved);
    assert.equal(ended === "AbortError", !terminal);
    assert.equal(runs, approved ? 1 : 0);
  });
}

test("a broken stream is resumed with the same request after the newest revision", async () => {
  await using fake = await Fake.start({
    async *requestApproval({ afterRevision }) {
      if (afterRevision === 7n) yield await update(ApprovalStatus.AUTO_REJECTED, { revision: 8n });
      else {
        yield await update(ApprovalStatus.PENDING, {
          revision: 7n,
          updateTime: { seconds: 0n },
          deadline: { seconds: 60n },
        });
        throw broken(Code.Internal);
      }
    },
  });
  await assert.rejects(fake.client().run(call, never), AutoRejected);
  assert.deepEqual(
    fake.asked.map((request) => request.afterRevision),
    [0n, 7n],
  );
  assert.equal(new Set(fake.asked.map((request) => request.requestId)).size, 1);
});

test("a stream that ends while the approval is pending has broken", async () => {
  await using fake = await Fake.start({
    async *requestApproval({ afterRevision }) {
      yield afterRevision === 0n ? await pending(60_000) : await update(ApprovalStatus.TIMED_OUT);
    },
  });
  await assert.rejects(fake.client().run(call, never), TimedOut);
});

for (const [code, reason] of [
  [Code.Unavailable, "DRAINING"],
  [Code.ResourceExhausted, "RATE_LIMITED"],
] as const) {
  test(`what the server says passes (${reason}) is tried again, and not before`, async () => {
    const times: number[] = [];
    await using fake = await Fake.start({
      // biome-ignore lint/correctness/useYield: it fails before.
      async *requestApproval() {
        times.push(performance.now());
        throw times.length === 1 ? own(code, reason, 600) : own(Code.PermissionDenied, "ROLE_NOT_ALLOWED");
      },
    });
    await assert.rejects(fake.client().run(call, never), RequestFailed);
    const [first = 0, second = 0] = times;
    assert(second - first >= 600, `${second - first}`);
  });
}

test("what the server refuses is not tried again", async () => {
  for (const code of [Code.Internal, Code.ResourceExhausted, Code.OutOfRange, Code.Aborted, Code.AlreadyExists]) {
    await using fake = await Fake.start({
      // biome-ignore lint/correctness/useYield: it fails before.
      async *requestApproval() {
        throw own(code, "SOME_REASON");
      },
    });
    await assert.rejects(fake.client().run(call, never), (error) => {
      assert(error instanceof RequestFailed);
      assert.deepEqual([error.code, error.reason, error.serverMessage], [code, "SOME_REASON", "SOME_REASON happened"]);
      return true;
    });
    assert.equal(fake.asked.length, 1);
  }
});

test("a RetryInfo beyond patience is not waited out", async () => {
  await using fake = await Fake.start({
    // biome-ignore lint/correctness/useYield: it fails before.
    async *requestApproval() {
      throw own(Code.Unavailable, "DRAINING", 3_600_000);
    },
  });
  await assert.rejects(fake.client().run({ ...call, patienceMs: 1000 }, never), (error) => {
    assert(error instanceof Unavailable);
    assert.match(String(error.cause), /DRAINING happened/);
    return true;
  });
  assert.equal(fake.asked.length, 2);
});

test("a stream that says nothing is cut when patience ends, and one more gets no longer", async () => {
  await using fake = await Fake.start({
    // biome-ignore lint/correctness/useYield: it says nothing.
    async *requestApproval(_, { signal }) {
      await silence(signal);
    },
  });
  const asked = performance.now();
  const client = fake.client({ deadlineMs: 3_600_000 });
  await assert.rejects(client.run({ ...call, patienceMs: 300 }, never), Unavailable);
  assert(performance.now() - asked >= 600, `${performance.now() - asked}`);
  assert(fake.asked.length <= 2, `${fake.asked.length}`);
});

test("a stream that falls silent is cut a deadline after that of the approval, and asked once more", async () => {
  await using fake = await Fake.start({
    async *requestApproval({ afterRevision }, { signal }) {
      if (afterRevision === 0n) yield await pending(100);
      else yield await update(ApprovalStatus.TIMED_OUT);
      await silence(signal);
    },
  });
  await assert.rejects(fake.client({ deadlineMs: 1500 }).run(call, never), TimedOut);
  assert.equal(fake.asked.length, 2);
});

test("a stream that begins with what is known, and breaks, does not make the tries quicker", async () => {
  const times: number[] = [];
  await using fake = await Fake.start({
    async *requestApproval() {
      times.push(performance.now());
      yield times.length < 4 ? await pending(3_600_000) : await update(ApprovalStatus.TIMED_OUT);
      throw broken();
    },
  });
  await assert.rejects(fake.client().run(call, never), TimedOut);
  const [, , third = 0, fourth = 0] = times;
  assert(fourth - third >= 500, `${fourth - third}`);
});

test("what is left of an approval bounds the tries, not patience", async () => {
  await using fake = await Fake.start({
    async *requestApproval({ afterRevision }) {
      if (afterRevision === 0n) {
        yield await pending(3_600_000);
        yield progress(300);
      }
      throw broken();
    },
  });
  const asked = performance.now();
  await assert.rejects(fake.client().run({ ...call, patienceMs: 0 }, never), (error) => {
    assert(error instanceof Unavailable);
    assert.equal(error.approvalId, "a1");
    return true;
  });
  assert(performance.now() - asked >= 299);
  assert(fake.asked.length >= 2, `${fake.asked.length}`);
});

test("a server that has nothing but broken streams for an approval that is overdue is not asked for ever", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await pending(0);
      yield progress(0);
      throw broken();
    },
  });
  await assert.rejects(fake.client().run(call, never), Unavailable);
  assert.equal(fake.asked.length, 2);
});

test("progress is told, and what the callback throws is ignored", async () => {
  const told: unknown[] = [];
  for (const fail of [() => assert.fail("at once"), () => Promise.reject(new Error("later"))]) {
    await using fake = await Fake.start({
      async *requestApproval() {
        yield await pending(60_000);
        yield progress(1500);
        yield await update(ApprovalStatus.TIMED_OUT);
      },
    });
    const onProgress = (progress: unknown) => {
      told.push(progress);
      return fail();
    };
    await assert.rejects(fake.client().run({ ...call, onProgress }, never), TimedOut);
  }
  const expected = { approvalId: "a1", message: "Waiting", remainingMs: 1500, approvals: 1, quorum: 2, reviewers: [] };
  assert.deepEqual(told, [expected, expected]);
});

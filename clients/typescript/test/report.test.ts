import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Code } from "../src/index.js";
import { shorten, textOf } from "../src/report.js";
import { ApprovalStatus, ExecutionResult, type ReportExecutionRequest } from "../src/v1.js";
import { broken, Fake, granted, own, silence, update } from "./fake.js";

const call = { toolName: "t", arguments: {} };

async function* requestApproval() {
  yield await update(ApprovalStatus.APPROVED);
}
const claimExecution = () => granted();

test("a report that breaks is repeated with the same request_id", async () => {
  const reports: ReportExecutionRequest[] = [];
  await using fake = await Fake.start({
    requestApproval,
    claimExecution,
    reportExecution: (report) => {
      reports.push(report);
      if (reports.length === 1) throw broken();
      return {};
    },
  });
  assert.equal(await fake.client().run(call, () => "done"), "done");
  assert.deepEqual(
    reports.map(({ result, claimId, message }) => [result, claimId, message]),
    [
      [ExecutionResult.SUCCEEDED, "c1", ""],
      [ExecutionResult.SUCCEEDED, "c1", ""],
    ],
  );
  assert.equal(reports[0]?.requestId, reports[1]?.requestId);
  assert.deepEqual(fake.logged, []);
});

for (const [error, patienceMs] of [
  [own(Code.FailedPrecondition, "ALREADY_REPORTED"), undefined],
  [broken(), 1000],
] as const) {
  test(`a report that fails (${error.message}) changes nothing for the caller`, async () => {
    await using fake = await Fake.start({
      requestApproval,
      claimExecution,
      reportExecution: () => {
        throw error;
      },
    });
    const client = fake.client();
    assert.equal(await client.run({ ...call, patienceMs }, () => "done"), "done");
    const thrown = new Error("own");
    const fails = client.run({ ...call, patienceMs }, () => {
      throw thrown;
    });
    await assert.rejects(fails, (caught) => caught === thrown);
    assert.equal(fake.logged.length, 2);
    assert.match(fake.logged[0] ?? "", /Cannot report the outcome/);
  });
}

for (const warn of [() => assert.fail("at once"), () => Promise.reject(new Error("later"))]) {
  test("a logger that fails changes nothing for the caller", async () => {
    await using fake = await Fake.start({
      requestApproval,
      claimExecution,
      reportExecution: () => {
        throw own(Code.FailedPrecondition, "ALREADY_REPORTED");
      },
    });
    assert.equal(await fake.client({ logger: { warn } }).run(call, () => "done"), "done");
  });
}

test("an error whose message is no text is reported and passed on", async () => {
  await using fake = await Fake.start({ requestApproval, claimExecution });
  const odd = Object.assign(new Error(), { message: { code: 1 } });
  const fails = fake.client().run(call, () => {
    throw odd;
  });
  await assert.rejects(fails, (caught) => caught === odd);
  assert.equal(fake.reports[0]?.result, ExecutionResult.FAILED);
});

test("a report whose patience ends during a try has one more", async () => {
  let reports = 0;
  await using fake = await Fake.start({
    requestApproval,
    claimExecution,
    reportExecution: async () => {
      reports += 1;
      if (reports > 1) return {};
      await setTimeout(2200);
      throw broken();
    },
  });
  assert.equal(await fake.client().run({ ...call, patienceMs: 2000 }, () => "done"), "done");
  assert.equal(reports, 2);
  assert.deepEqual(fake.logged, []);
});

test("a report that is never answered ends 5 s after patience, whatever the deadline", async () => {
  await using fake = await Fake.start({
    requestApproval,
    claimExecution,
    reportExecution: (_, { signal }) => silence(signal),
  });
  const client = fake.client({ deadlineMs: 3_600_000 });
  assert.equal(await client.run({ ...call, patienceMs: 0 }, () => "done"), "done");
  assert.equal(fake.logged.length, 1);
});

test("a caller that gave up while the function ran gets its result, and does not wait long for the report", async () => {
  const giveUp = new AbortController();
  await using fake = await Fake.start({
    requestApproval,
    claimExecution,
    reportExecution: (_, { signal }) => silence(signal),
  });
  const gated = { ...call, signal: giveUp.signal, patienceMs: 3_600_000 };
  const result = fake.client({ deadlineMs: 3_600_000 }).run(gated, () => {
    giveUp.abort();
    return "done";
  });
  assert.equal(await result, "done");
  assert.equal(fake.logged.length, 1);
});

test("reports are cut between characters", () => {
  assert.equal(shorten("short"), "short");
  assert.equal(shorten("a".repeat(5000)), "a".repeat(4096));
  assert.equal(shorten("€".repeat(2000)), "€".repeat(1365));
  assert.equal(shorten(`a${"😀".repeat(1024)}`), `a${"😀".repeat(1023)}`);
});

test("whatever is thrown has a text", () => {
  assert.equal(textOf(new Error("broken")), "broken");
  assert.equal(textOf(new TypeError()), "TypeError");
  assert.equal(textOf("broken"), "broken");
  assert.equal(textOf(undefined), "undefined");
  assert.equal(textOf(Object.create(null)), "an error that has no text");
  const odd = (message: unknown) => textOf(Object.assign(new Error(), { message }));
  assert.equal(odd({ code: 1 }), "[object Object]");
  assert.equal(odd(Object.create(null)), "an error that has no text");
});

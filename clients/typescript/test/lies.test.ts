import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { digestOf } from "../src/digest.js";
import { type AnyRefusal, type Client, Handle, isRefusal } from "../src/index.js";
import {
  ClaimExecutionResponseSchema,
  ExecutionResult,
  ReportExecutionResponseSchema,
  RequestApprovalResponseSchema,
  WatchApprovalResponseSchema,
} from "../src/v1.js";
import { conformance } from "./conformance.js";
import { broken, Fake } from "./fake.js";

const { call: listed, honest, lies, accepted } = conformance("lies.json");
const call = {
  toolName: listed.tool_name,
  arguments: listed.arguments,
  requestId: listed.request_id,
  patienceMs: 5_000,
};

/** The handle of the call, as the honest server gave it. */
const handle = new Handle({
  approvalId: "0190a5f0-0000-7000-8000-000000000001",
  requestId: call.requestId,
  toolName: call.toolName,
  digest: await digestOf(call.toolName, call.arguments),
});

/** Both ways to run the call: each reads the same answers. */
const ways: [string, (client: Client, fn: () => string) => Promise<string>][] = [
  ["run", (client, fn) => client.run(call, fn)],
  ["resume", (client, fn) => client.resume(handle, fn, { patienceMs: call.patienceMs })],
];

/** What is changed of the honest answers, and whether the stream breaks between its two messages. */
interface Entry {
  changes: Record<string, JsonValue>;
  reconnect?: boolean;
}

/** RFC 7396. */
function merged(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isObject(value: JsonValue | undefined): value is Record<string, JsonValue> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A server that answers honestly, but for the changes of an entry; and how often it was asked to grant a claim. */
async function teller({ changes, reconnect = false }: Entry) {
  const answers = { ...honest };
  for (const [name, patch] of Object.entries(changes)) {
    assert(name in answers, name);
    answers[name] = merged(answers[name], patch);
  }
  const counted = { asks: 0, claims: 0 };
  const sent = [answers.first, answers.second].filter((answer) => isObject(answer));
  // Every stream but the last breaks.
  const streams = reconnect ? sent.map((answer) => [answer]) : [sent];
  function* next<M>(read: (answer: JsonValue) => M) {
    counted.asks += 1;
    const breaks = streams.length > 1;
    const [stream = []] = breaks ? streams.splice(0, 1) : streams;
    for (const answer of stream) yield read(answer);
    if (breaks) throw broken();
  }
  const fake = await Fake.start({
    async *requestApproval() {
      yield* next((answer) => fromJson(RequestApprovalResponseSchema, answer));
    },
    async *watchApproval() {
      yield* next((answer) => fromJson(WatchApprovalResponseSchema, answer));
    },
    claimExecution: () => {
      counted.claims += 1;
      return fromJson(ClaimExecutionResponseSchema, answers.claim ?? {});
    },
    reportExecution: () => fromJson(ReportExecutionResponseSchema, answers.report ?? {}),
  });
  return { fake, counted };
}

test("the list is whole", () => {
  assert(lies.filter(({ refusal }) => refusal).length > 80);
  assert(lies.filter(({ refusal }) => !refusal).length > 3);
  assert(accepted.length > 5);
});

for (const [way, make] of ways) {
  for (const entry of [{ name: "the truth", changes: {}, asks: 1, claims: 1, reports: 1 }, ...accepted]) {
    test(`honest answers run the call: ${way}: ${entry.name}`, async () => {
      const { fake, counted } = await teller(entry);
      await using _ = fake;
      let runs = 0;
      const running = make(fake.client(), () => {
        runs += 1;
        return "done";
      });
      assert.equal(await running, "done");
      const calls = [counted.asks, counted.claims, fake.reports.length];
      assert.deepEqual([runs, ...calls], [1, entry.asks, entry.claims, entry.reports]);
      assert.deepEqual(fake.logged, []);
    });
  }

  for (const lie of lies) {
    const { name, refusal, asks, claims, reports } = lie;
    test(`17: ${way}: ${name}`, async () => {
      const { fake, counted } = await teller(lie);
      await using _ = fake;
      let runs = 0;
      const running = make(fake.client(), () => {
        runs += 1;
        return "done";
      });
      const outcome = await running.catch((error: unknown) => error);
      if (refusal) {
        assert(isRefusal(outcome), String(outcome));
        assert.deepEqual([outcome.kind, problemOf(outcome)], [refusal.kind, refusal.problem]);
        assert.equal(runs, 0);
      } else {
        assert.deepEqual([outcome, runs, fake.logged.length], ["done", 1, 1]);
        assert.match(fake.logged[0] ?? "", /Cannot report the outcome .*another claim or outcome/);
      }
      if (asks === undefined) assert(counted.asks > 1);
      else assert.equal(counted.asks, asks);
      assert.equal(counted.claims, claims);
      const expected = refusal ? ExecutionResult.FAILED : ExecutionResult.SUCCEEDED;
      assert.deepEqual(
        fake.reports.map(({ result }) => result),
        Array(reports).fill(expected),
      );
    });
  }
}

test("26: an approval whose request is not shown is not run by a handle", async () => {
  const { fake, counted } = await teller({ changes: { first: null, second: { update: { events: null } } } });
  await using _ = fake;
  const refused = { kind: "InvalidAnswer", problem: "the approval does not show the request" };
  const never = () => assert.fail("called");
  await assert.rejects(fake.client().resume(handle, never), refused);
  await assert.rejects(fake.client().wait(handle), refused);
  assert.deepEqual([counted.claims, fake.reports.length], [0, 0]);
});

test("26: an edit is not run by a handle whose request is shown with other arguments than its digest's", async () => {
  const edited = { amount: 2, to: "alice@company.com" };
  const digest = await digestOf(call.toolName, edited);
  const approval = { arguments: edited, digest, decision: { digest } };
  const first = {
    update: { events: [{ ...requested(), requested: { ...requested().requested, arguments: { a: 1 } } }] },
  };
  const { fake, counted } = await teller({ changes: { first, second: { update: { approval } } } });
  await using _ = fake;
  const wrapped = fake.client().requiresApproval((_: object) => assert.fail("called"), { toolName: call.toolName });
  await assert.rejects(wrapped.resume(handle), { problem: "the approval does not show the request" });
  assert.equal(counted.claims, 0);
});

/** The event of the honest server's first answer. */
function requested(): Record<string, JsonValue> & { requested: Record<string, JsonValue> } {
  // biome-ignore lint/suspicious/noExplicitAny: the file has it.
  return (honest.first as any).update.events[0];
}

function problemOf(refusal: AnyRefusal): string | undefined {
  return refusal.kind === "InvalidAnswer" ? refusal.problem : undefined;
}

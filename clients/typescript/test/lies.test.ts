import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type AnyRefusal, isRefusal } from "../src/index.js";
import {
  ClaimExecutionResponseSchema,
  ExecutionResult,
  ReportExecutionResponseSchema,
  RequestApprovalResponseSchema,
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
  const counted = { claims: 0 };
  const sent = [answers.first, answers.second].filter((answer) => isObject(answer));
  // Every stream but the last breaks.
  const streams = reconnect ? sent.map((answer) => [answer]) : [sent];
  const fake = await Fake.start({
    async *requestApproval() {
      const breaks = streams.length > 1;
      const [stream = []] = breaks ? streams.splice(0, 1) : streams;
      for (const answer of stream) yield fromJson(RequestApprovalResponseSchema, answer);
      if (breaks) throw broken();
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

for (const entry of [{ name: "the truth", changes: {}, asks: 1, claims: 1, reports: 1 }, ...accepted]) {
  test(`honest answers run the call: ${entry.name}`, async () => {
    const { fake, counted } = await teller(entry);
    await using _ = fake;
    let runs = 0;
    const running = fake.client().run(call, () => {
      runs += 1;
      return "done";
    });
    assert.equal(await running, "done");
    const calls = [fake.asked.length, counted.claims, fake.reports.length];
    assert.deepEqual([runs, ...calls], [1, entry.asks, entry.claims, entry.reports]);
    assert.deepEqual(fake.logged, []);
  });
}

for (const lie of lies) {
  const { name, refusal, asks, claims, reports } = lie;
  test(`17: ${name}`, async () => {
    const { fake, counted } = await teller(lie);
    await using _ = fake;
    let runs = 0;
    const running = fake.client().run(call, () => {
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
      assert.match(fake.logged[0] ?? "", /is not reported: .*another claim or outcome/);
    }
    if (asks === undefined) assert(fake.asked.length > 1);
    else assert.equal(fake.asked.length, asks);
    assert.equal(counted.claims, claims);
    const expected = refusal ? ExecutionResult.FAILED : ExecutionResult.SUCCEEDED;
    assert.deepEqual(
      fake.reports.map(({ result }) => result),
      Array(reports).fill(expected),
    );
  });
}

function problemOf(refusal: AnyRefusal): string | undefined {
  return refusal.kind === "InvalidAnswer" ? refusal.problem : undefined;
}

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
import { Fake } from "./fake.js";

const { call: listed, honest, lies } = conformance("lies.json");
const call = {
  toolName: listed.tool_name,
  arguments: listed.arguments,
  requestId: listed.request_id,
  patienceMs: 5_000,
};

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

/** A server that answers honestly, but for these changes; and how often it was asked to grant a claim. */
async function teller(changes: Record<string, JsonValue>) {
  const answers = { ...honest };
  for (const [name, patch] of Object.entries(changes)) {
    assert(name in answers, name);
    answers[name] = merged(answers[name], patch);
  }
  const counted = { claims: 0 };
  const fake = await Fake.start({
    async *requestApproval() {
      for (const answer of [answers.first, answers.second]) {
        if (answer) yield fromJson(RequestApprovalResponseSchema, answer);
      }
    },
    claimExecution: () => {
      counted.claims += 1;
      return fromJson(ClaimExecutionResponseSchema, answers.claim ?? {});
    },
    reportExecution: () => fromJson(ReportExecutionResponseSchema, answers.report ?? {}),
  });
  return { fake, counted };
}

test("the list is whole, and its honest answers run the call", async () => {
  assert(lies.filter(({ refusal }) => refusal).length > 60);
  assert(lies.filter(({ refusal }) => !refusal).length > 3);
  const { fake, counted } = await teller({});
  await using _ = fake;
  assert.equal(await fake.client().run(call, () => "done"), "done");
  assert.deepEqual([fake.asked.length, counted.claims, fake.reports.length], [1, 1, 1]);
  assert.deepEqual(fake.logged, []);
});

for (const { name, changes, refusal, asks, claims, reports } of lies) {
  test(`17: ${name}`, async () => {
    const { fake, counted } = await teller(changes);
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

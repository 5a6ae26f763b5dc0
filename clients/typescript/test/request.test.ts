import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { CallOptions } from "../src/index.js";
import { Code, RequestFailed } from "../src/index.js";
import { requestOf as requestTo } from "../src/request.js";
import { conformance } from "./conformance.js";

const requestOf = (call: CallOptions, args: JsonObject) => requestTo(call, args, "http://127.0.0.1:7766");

test("a call is sent as it is", async () => {
  const call: CallOptions = {
    toolName: "send_email",
    agentName: "bot",
    runId: "r",
    chain: ["first"],
    reason: "why",
    labels: { team: "billing" },
    timeoutMs: 1500,
    argumentsSchema: { type: "object" },
    onBehalfOf: { subject: "alice" },
    requestId: "id",
  };
  const request = await requestOf(call, { to: "a" });
  assert.equal(request.toolName, "send_email");
  assert.deepEqual(request.arguments, { to: "a" });
  assert.deepEqual([request.agent?.name, request.agent?.runId, request.agent?.chain], ["bot", "r", ["first"]]);
  assert.equal(request.reason, "why");
  assert.deepEqual(request.labels, { team: "billing" });
  assert.deepEqual([request.timeout?.seconds, request.timeout?.nanos], [1n, 500_000_000]);
  assert.deepEqual(request.argumentsSchema, { type: "object" });
  assert.deepEqual([request.onBehalfOf?.issuer, request.onBehalfOf?.subject], ["", "alice"]);
  assert.equal(request.requestId, "id");
  assert.equal(request.cancelOnDisconnect, false);
});

test("what becomes of the caller's objects does not change the request", async () => {
  const argumentsSchema = { type: "object", required: ["to"] };
  const chain = ["first"];
  const request = await requestOf({ toolName: "t", argumentsSchema, chain }, {});
  argumentsSchema.required.push("from");
  chain.push("second");
  assert.deepEqual(request.argumentsSchema, { type: "object", required: ["to"] });
  assert.deepEqual(request.agent?.chain, ["first"]);
});

test("request ids are stable only with both ids", async () => {
  const [known] = conformance("digests.json").request_ids;
  assert(known);
  const ids = { toolName: "t", runId: known.run_id, callId: known.call_id };
  assert.equal((await requestOf(ids, {})).requestId, known.request_id);
  const random = async () => (await requestOf({ toolName: "t", runId: "r" }, {})).requestId;
  assert.notEqual(await random(), await random());
  assert.match(await random(), /^[0-9a-f-]{36}$/);
});

const bad: [string, Partial<CallOptions>, JsonObject][] = [
  ["half of a surrogate pair in the reason", { reason: "\ud800" }, {}],
  ["half of a surrogate pair in a label", { labels: { a: "\ud800" } }, {}],
  ["half of a surrogate pair in the run's id", { runId: "\ud800" }, {}],
  ["half of a surrogate pair in the run's id of two", { runId: "\ud800", callId: "c" }, {}],
  ["half of a surrogate pair in the call's id", { runId: "r", callId: "\ud800" }, {}],
  ["what is not JSON in the schema", { argumentsSchema: { a: 1n } as unknown as JsonObject }, {}],
  ["a number for a text", { reason: 1 as unknown as string }, {}],
  ["more than a message may have", {}, { a: "x".repeat(1024 * 1024) }],
];

for (const [name, call, args] of bad) {
  test(`a request is refused for ${name}`, async () => {
    await assert.rejects(requestOf({ toolName: "t", ...call }, args), (error) => {
      assert(error instanceof RequestFailed);
      assert.deepEqual([error.code, error.reason], [Code.InvalidArgument, "INVALID_ARGUMENT"]);
      return true;
    });
  });
}

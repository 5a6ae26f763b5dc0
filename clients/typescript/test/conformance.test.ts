import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import { copyArguments } from "../src/arguments.js";
import { digestOf, requestIdOf } from "../src/digest.js";
import { isPassing } from "../src/failures.js";
import * as core from "../src/index.js";
import * as node from "../src/node/index.js";
import * as refusals from "../src/refusals.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/v1.js";
import { conformance } from "./conformance.js";

for (const { name, tool_name, arguments: args, digest } of conformance("digests.json").digests) {
  test(`digest: ${name}`, async () => {
    assert.equal(await digestOf(tool_name, args), digest);
  });
}

for (const { run_id, call_id, request_id } of conformance("digests.json").request_ids) {
  test(`request_id: ${run_id} ${call_id}`, async () => {
    assert.equal(await requestIdOf(run_id, call_id), request_id);
  });
}

for (const { name, arguments: text, path } of conformance("arguments.json").refused) {
  test(`refused arguments: ${name}`, () => {
    assert.throws(
      () => copyArguments("t", JSON.parse(text)),
      (error) => error instanceof refusals.InvalidArguments && error.path === path,
    );
  });
}

for (const { name, arguments: text } of conformance("arguments.json").taken) {
  test(`taken arguments: ${name}`, () => {
    assert.deepEqual(copyArguments("t", JSON.parse(text)), JSON.parse(text));
  });
}

const make: Record<refusals.RefusalKind, (fields: Record<string, string>) => refusals.Refusal> = {
  StillWaiting: (fields) => new refusals.StillWaiting(of(fields), isApproved(fields)),
  Rejected: (fields) => new refusals.Rejected(of(fields), fields.comment ?? "", "dev/alice"),
  AutoRejected: (fields) => new refusals.AutoRejected(of(fields), "rule", fields.message ?? ""),
  TimedOut: (fields) => new refusals.TimedOut(of(fields)),
  Cancelled: (fields) => new refusals.Cancelled(of(fields)),
  Revoked: (fields) => new refusals.Revoked(of(fields), fields.reason ?? ""),
  Frozen: (fields) => new refusals.Frozen(of(fields), fields.reason ?? ""),
  AlreadyClaimed: (fields) => {
    const { claimed_by: claimedBy, claim_time: claimTime } = fields;
    const { result, report_time: reportTime, message: reportMessage } = fields;
    return new refusals.AlreadyClaimed(of(fields), { claimedBy, claimTime, result, reportTime, reportMessage });
  },
  ClaimWindowClosed: (fields) => new refusals.ClaimWindowClosed(of(fields)),
  DigestMismatch: (fields) => new refusals.DigestMismatch(of(fields)),
  UnknownStatus: (fields) => new refusals.UnknownStatus(of(fields), Number(fields.status)),
  InvalidAnswer: (fields) => new refusals.InvalidAnswer(of(fields), fields.address ?? "", fields.problem ?? ""),
  Unavailable: (fields) =>
    new refusals.Unavailable(of(fields), fields.address ?? "", fields.problem ?? "", isApproved(fields)),
  RequestFailed: (fields) => {
    const { address = "", reason = "", message: serverMessage = "" } = fields;
    return new refusals.RequestFailed(of(fields), address, { code: 3, reason, serverMessage, violations: [] });
  },
  InvalidArguments: (fields) => new refusals.InvalidArguments(of(fields), fields.path ?? "", fields.problem ?? ""),
  InvalidEdit: (fields) => new refusals.InvalidEdit(of(fields), fields.path ?? "", fields.problem ?? ""),
};

function of(fields: Record<string, string>): refusals.RefusedCall {
  return { toolName: fields.tool_name ?? "", approvalId: fields.approval_id };
}

function isApproved({ approved }: Record<string, string>): boolean {
  return approved === "true";
}

for (const { kind, fields, text, developer_text } of conformance("refusals.json").refusals) {
  test(`refusal: ${developer_text}`, () => {
    const refusal = make[kind as refusals.RefusalKind](fields);
    assert.equal(refusal.message, text);
    assert.equal(refusal.developerText, developer_text);
    assert.deepEqual([refusal.kind, refusal.name, refusal.approvalId], [kind, kind, fields.approval_id]);
    assert(refusals.isRefusal(refusal));
    const { approval_id: approvalId, tool_name: toolName } = fields;
    assert.deepEqual(JSON.parse(JSON.stringify(refusal)), {
      kind,
      toolName,
      ...(approvalId && { approvalId }),
      message: text,
    });
    // What Node.js prints of an error that nobody caught.
    assert(inspect(refusal).includes(developer_text.slice(0, 40)));
  });
}

test("every class of refusals, and no other, has its texts in the conformance file", () => {
  const listed = new Set(conformance("refusals.json").refusals.map(({ kind }) => kind));
  for (const entry of [core, node]) {
    const classes = Object.entries(entry).filter(([, value]) => isRefusalClass(value));
    assert.deepEqual(classes.map(([name]) => name).sort(), [...listed].sort());
  }
  assert.deepEqual(Object.keys(make).sort(), [...listed].sort());
});

function isRefusalClass(value: unknown): boolean {
  return typeof value === "function" && value.prototype instanceof refusals.Refusal;
}

for (const failure of conformance("failures.json").failures) {
  test(`${failure.passing ? "passes" : "stays"}: ${JSON.stringify(failure)}`, () => {
    // gRPC spells one of them otherwise.
    const name = failure.code === "CANCELLED" ? "CANCELED" : failure.code;
    const codes = Object.entries(Code).filter(([key]) => key.toUpperCase() === name.replace(/_/g, ""));
    const error = new ConnectError("failed", Number(codes[0]?.[1]));
    if (failure.error_info) error.details.push({ desc: ErrorInfoSchema, value: failure.error_info });
    const seconds = failure.retry_after_seconds;
    if (seconds) error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(seconds) } } });
    assert.equal(isPassing(error), failure.passing);
  });
}

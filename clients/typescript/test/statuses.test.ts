import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { UnknownStatus } from "../src/index.js";
import { meaningOf, refusalOf } from "../src/statuses.js";
import { ApprovalSchema } from "../src/v1.js";
import { conformance } from "./conformance.js";

const { statuses, unknown } = conformance("statuses.json");

for (const { number, name, terminal, approved } of statuses) {
  test(`${name} is ${approved ? "" : "not "}approved`, () => {
    const meaning = meaningOf(number);
    assert.equal(meaning === "approved", approved);
    assert.equal(meaning === "approved" || meaning === "refused", terminal);
    assert.equal(refusalOf("t", create(ApprovalSchema, { status: number })) === undefined, approved);
  });
}

for (const number of unknown) {
  test(`${number} is not approved`, () => {
    assert.equal(meaningOf(number), "unknown");
    assert(refusalOf("t", create(ApprovalSchema, { status: number })) instanceof UnknownStatus);
  });
}

// Run where the package is installed and nothing else.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Client, isRefusal, Refusal } from "@signoff/client";
import { gateTools } from "@signoff/client/ai-sdk";
import { connect, InvalidArguments } from "@signoff/client/node";
import { ApprovalService, ApprovalStatus } from "@signoff/client/v1";

for (const file of ["LICENSE", "README.md"]) assert(existsSync(`node_modules/@signoff/client/${file}`), file);

const client = connect({ token: "" });
assert(client instanceof Client);
assert.equal(ApprovalService.typeName, "signoff.v1.ApprovalService");
assert.equal(ApprovalStatus.PENDING, 1);
await assert.rejects(
  client.requiresApproval(() => {}, { toolName: "t" })({ a: new Map() }),
  (error) => error instanceof InvalidArguments && error instanceof Refusal && isRefusal(error),
);
// The adapter needs nothing of the AI SDK.
assert(!existsSync("node_modules/ai"));
const { t } = gateTools({ t: { execute: () => assert.fail("called") } }, client, { patienceMs: 0 });
assert.match(await t.execute({ a: new Map() }, {}), /^NOT RUN\. /);
client.close();

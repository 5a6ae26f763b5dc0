import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import { sdk } from "./sdk.js";

const EXAMPLE = "../../examples/ai_sdk";
const locked = JSON.parse(readFileSync(`${EXAMPLE}/package.json`, "utf8")).dependencies.ai;
const skip = sdk.version !== locked && `the example has ${locked}`;

const EXPECTED = `Support:
 → search_records {"query":"Alice"}
 ← record 17: Alice, alice@example.com, paid twice
 → send_email {"to":"team@company.com","subject":"Alice paid twice","body":"Record 17."}
 → send_email {"to":"alice@example.com","subject":"Your refund","body":"It is on its way."}
   (reviewer) send_email, asked for by Support
 ← sent 'Alice paid twice' (10 characters) to team@company.com
 ← sent 'Your refund' (17 characters) to alice@example.com
 → delete_record {"record_id":17}
   (reviewer) delete_record, asked for by Support
 ← NOT RUN. A reviewer rejected the call to delete_record: Keep it until the audit. Do not try it again.
 → process_payment {"amount":250,"to":"alice@example.com"}
 ← NOT RUN. The policy does not allow the call to process_payment: Support does not pay. \
Hand the customer over to Billing. Do not try it again.
 → transfer_to_billing {}
 ← Billing takes over.
Billing:
 → process_payment {"amount":250,"to":"alice@example.com"}
   (reviewer) process_payment, asked for by Support → Billing
 ← paid 125.00 to alice@example.com
Alice has her money back.
`;

/** Runs the example; what it printed. */
function run(env: object = {}) {
  return spawnSync(`${EXAMPLE}/run`, { env: { ...process.env, ...env }, encoding: "utf8" });
}

test("the example runs by one command, and shows that it waits", { skip }, () => {
  // Installed anew, with the client as it is now.
  rmSync(`${EXAMPLE}/node_modules`, { recursive: true, force: true });
  const { status, stdout, stderr } = run();
  assert.deepEqual([status, stderr], [0, ""]);
  const lines = stdout.split("\n");
  const waits = lines.filter((line) => line.startsWith("   … "));
  assert.ok(waits.length >= 3);
  for (const line of waits) assert.match(line, /^ {3}… Waiting for approval from a reviewer/);
  // A result may come before or after somebody is asked about another call.
  const shown = lines.filter((line) => !line.startsWith("   … "));
  assert.deepEqual(shown.sort(), EXPECTED.split("\n").sort());
});

test("the example says what it cannot run", { skip }, () => {
  const { status, stderr } = run({ SIGNOFF_BIN: "./nothing" });
  assert.deepEqual([status, stderr], [1, "Cannot run ./nothing: set SIGNOFF_BIN\n"]);
});

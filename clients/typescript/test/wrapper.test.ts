import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidEdit } from "../src/index.js";
import { approving } from "./fake.js";

interface Mail {
  to: string;
  copies?: number;
}

async function send(mail: Mail): Promise<string> {
  return `sent to ${mail.to}`;
}

test("a wrapped function keeps its type, and its arguments are the call's", async () => {
  await using fake = await approving();
  const wrapped: typeof send = fake.client().requiresApproval(send, { toolName: "send_email", reason: "why" });
  assert.equal(await wrapped({ to: "alice" }), "sent to alice");
  assert.deepEqual(fake.asked[0]?.arguments, { to: "alice" });
  assert.equal(fake.asked[0]?.reason, "why");
});

test("a function that is not async is wrapped too", async () => {
  await using fake = await approving();
  const add = ({ a, b }: { a: number; b: number }) => a + b;
  const wrapped = fake.client().requiresApproval(add, { toolName: "add" });
  const sum: number = await wrapped({ a: 1, b: 2 });
  assert.equal(sum, 3);
});

test("options can be made of the arguments", async () => {
  await using fake = await approving();
  const options = (mail: Mail) => ({ toolName: "send_email", runId: "r", callId: mail.to });
  const wrapped = fake.client().requiresApproval(send, options);
  for (const to of ["alice", "bob", "alice"]) await wrapped({ to });
  const [alice, bob, again] = fake.asked.map(({ requestId }) => requestId);
  assert.notEqual(alice, bob);
  assert.equal(alice, again);
});

test("what is approved is run, whatever becomes of the caller's object meanwhile", async () => {
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval(send, { toolName: "send_email" });
  const mail = { to: "alice" };
  const result = wrapped(mail);
  mail.to = "mallory";
  assert.equal(await result, "sent to alice");
});

test("a call may be changed for another one while it waits", async () => {
  await using fake = await approving();
  const call = { toolName: "send_email", arguments: { to: "alice" } };
  const result = fake.client().run(call, ({ arguments: { to } }) => to);
  Object.assign(call, { toolName: "another", arguments: { to: "mallory" } });
  assert.equal(await result, "alice");
});

test("edited arguments are passed as they are without parseEdited", async () => {
  await using fake = await approving({ to: "bob" });
  const wrapped = fake.client().requiresApproval(send, { toolName: "send_email" });
  assert.equal(await wrapped({ to: "alice" }), "sent to bob");
});

test("parseEdited makes what the function gets of an edit, and only of an edit", async () => {
  await using fake = await approving({ to: "bob" });
  const options = { toolName: "send_email", parseEdited: () => ({ to: "parsed" }) };
  assert.equal(await fake.client().requiresApproval(send, options)({ to: "alice" }), "sent to parsed");
  assert.equal(await fake.client().requiresApproval(send, options)({ to: "bob" }), "sent to bob");
});

test("an edit that parseEdited does not take is refused, and not claimed", async () => {
  await using fake = await approving({ to: 1 });
  const parseEdited = () => {
    throw new TypeError("to is not a text.");
  };
  const wrapped = fake
    .client()
    .requiresApproval((_: Mail) => assert.fail("called"), { toolName: "send_email", parseEdited });
  await assert.rejects(wrapped({ to: "alice" }), (error) => {
    assert(error instanceof InvalidEdit);
    assert.deepEqual([error.path, error.problem], ["", "does not fit: to is not a text"]);
    return true;
  });
  assert.equal(fake.claims, 0);
});

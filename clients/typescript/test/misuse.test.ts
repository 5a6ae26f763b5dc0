import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, type ClientOptions, type GateOptions } from "../src/index.js";
import { type ConnectOptions, connect, type SharedOptions, withCallOptions } from "../src/node/index.js";
import { approving } from "./fake.js";

// What plain JavaScript may give, whatever the types say.
// biome-ignore lint/suspicious/noExplicitAny: that is the point.
type Any = any;

const wrong: [Any, RegExp][] = [
  [{ timeoutMs: "10s" }, /^timeoutMs of a call must be a number of milliseconds above 0$/],
  [{ timeoutMs: 0 }, /^timeoutMs of a call must be/],
  [{ timeoutMs: -1 }, /^timeoutMs of a call must be/],
  [{ timeoutMs: Number.NaN }, /^timeoutMs of a call must be/],
  [{ timeoutMs: Number.POSITIVE_INFINITY }, /^timeoutMs of a call must be/],
  [{ timeoutMs: 10n }, /^timeoutMs of a call must be/],
  [{ timeoutMs: null }, /^timeoutMs of a call must be/],
  [{ patienceMs: "1" }, /^patienceMs of a call must be a number of milliseconds$/],
  [{ patienceMs: Number.POSITIVE_INFINITY }, /^patienceMs of a call must be/],
  [{ labels: { team: 1 } }, /^labels of a call must be an object whose values are strings$/],
  [{ labels: ["team"] }, /^labels of a call must be/],
  [{ labels: new Map([["team", "a"]]) }, /^labels of a call must be/],
  [{ reason: 1 }, /^reason of a call must be a string$/],
  [{ agentName: {} }, /^agentName of a call must be a string$/],
  [{ toolName: "" }, /^toolName of a call must be a non-empty string$/],
  [{ toolName: undefined }, /^toolName of a call is required$/],
  [{ runId: "" }, /^runId of a call must be a non-empty string$/],
  [{ requestId: 7 }, /^requestId of a call must be/],
  [{ chain: "agent" }, /^chain of a call must be an array of strings$/],
  [{ onBehalfOf: "alice" }, /^onBehalfOf of a call must be/],
  [{ onBehalfOf: { subject: "alice", isuer: "idp" } }, /^onBehalfOf of a call must be/],
  [{ onProgress: "log" }, /^onProgress of a call must be a function$/],
  [{ cancelOnAbandon: "yes" }, /^cancelOnAbandon of a call must be a boolean$/],
  [{ signal: new AbortController() }, /^signal of a call must be an AbortSignal$/],
  [{ stopWaiting: 1000 }, /^stopWaiting of a call must be an AbortSignal$/],
  [{ argumentsSchema: "object" }, /^argumentsSchema of a call must be a JSON object$/],
  [{ parameters: { type: "object" } }, /^parameters of a call must be a schema of Standard Schema/],
  [{ requiredOptions: "labels" }, /^requiredOptions of a call must be an array of names of call options$/],
  [{ requiredOptions: ["lables"] }, /^requiredOptions of a call must be/],
  [{ timeout: 10 }, /^unknown option timeout of a call: did you mean timeoutMs\?$/],
  [{ tool_name: "t" }, /^unknown option tool_name of a call: did you mean toolName\?$/],
  [{ lables: {} }, /^unknown option lables of a call: did you mean labels\?$/],
  [{ agent: "bot" }, /^unknown option agent of a call: did you mean agentName\?$/],
  [{ run_id: "r" }, /^unknown option run_id of a call: did you mean runId\?$/],
  [{ constructor: 1 }, /^unknown option constructor of a call$/],
  [{ zebra: 1 }, /^unknown option zebra of a call$/],
];

for (const [options, message] of wrong) {
  test(`a wrong option is an error of use: ${message}`, async () => {
    await using fake = await approving();
    const client = fake.client();
    const given = { toolName: "t", ...options };
    const never = () => assert.fail("called");
    assert.throws(() => client.requiresApproval(never, given), { name: "TypeError", message });
    await assert.rejects(async () => client.requiresApproval(never, () => given)({}), { name: "TypeError", message });
    await assert.rejects(client.run({ ...given, arguments: {} }, never), { name: "TypeError", message });
    assert.equal(fake.asked.length, 0);
  });
}

test("an option that is undefined is as if it was not given", async () => {
  await using fake = await approving();
  const options = { toolName: "t", timeoutMs: undefined, labels: undefined, signal: undefined };
  assert.equal(await fake.client().requiresApproval(() => "done", options)({}), "done");
});

test("options that do not go together are errors of use", async () => {
  await using fake = await approving();
  const client = fake.client();
  const never = () => assert.fail("called");
  await assert.rejects(client.run({ toolName: "t", callId: "c", arguments: {} }, never), {
    name: "TypeError",
    message: "callId needs runId: alone it does not identify a call",
  });
  const parameters = { "~standard": { version: 1 as const, vendor: "test", validate: () => ({ value: {} }) } };
  const both: GateOptions<object> = { toolName: "t", parameters, parseEdited: (edited) => edited };
  await assert.rejects(client.requiresApproval(never, both)({}), /parameters and parseEdited/);
  assert.equal(fake.asked.length, 0);
});

test("what is given in place of options is an error of use", async () => {
  await using fake = await approving();
  const client = fake.client();
  for (const options of [undefined, null, "send_email", 1] as Any[]) {
    assert.throws(() => client.requiresApproval(() => {}, options), TypeError);
    await assert.rejects(client.requiresApproval(() => {}, (() => options) as Any)({}), TypeError);
  }
  class Options {
    toolName = "t";
    get labels() {
      return { team: "a" };
    }
  }
  for (const options of [new Options(), Object.create({ toolName: "t" })] as Any[]) {
    assert.throws(() => client.requiresApproval(() => {}, options), /must be a plain object/);
    await assert.rejects(
      client.run(options, () => {}),
      /must be a plain object/,
    );
  }
  // As a decorator of the language gets its second argument.
  const context = { kind: "method", name: "send", static: false, private: false } as Any;
  assert.throws(() => client.requiresApproval(() => {}, context), /unknown option kind/);
  await assert.rejects(
    client.run(undefined as Any, () => {}),
    TypeError,
  );
  assert.throws(() => client.requiresApproval("send" as Any, { toolName: "t" }), /must be a function, not string/);
});

const transport = { unary: () => {}, stream: () => {} } as unknown as ClientOptions["transport"];

for (const [options, message] of [
  [{ adress: "127.0.0.1:1" }, /^unknown option adress of connect: did you mean address\?$/],
  [{ deadline: 10 }, /^unknown option deadline of connect: did you mean deadlineMs\?$/],
  [{ address: 7766 }, /^address of connect must be a string$/],
  [{ token: 1 }, /^token of connect must be a string$/],
  [{ ca: Buffer.from("") }, /^ca of connect must be a string$/],
  [{ insecure: "true" }, /^insecure of connect must be a boolean$/],
  [{ deadlineMs: "30s" }, /^deadlineMs of connect must be a number of milliseconds above 0$/],
  [{ deadlineMs: Number.POSITIVE_INFINITY }, /^deadlineMs of connect must be/],
  [{ logger: () => {} }, /^logger of connect must be an object with a function warn$/],
  [{ requiredOptions: ["toolName"] }, /^requiredOptions of connect must be/],
] as [ConnectOptions, RegExp][]) {
  test(`a wrong option of connect is an error of use: ${message}`, () => {
    assert.throws(() => connect({ token: "", ...options }), { name: "TypeError", message });
  });
}

test("a wrong option of a client is an error of use", () => {
  for (const options of [{}, { transport: {} }, { transport, logger: {} }, { transport, timeout: 1 }] as Any[]) {
    assert.throws(() => new Client(options), TypeError);
  }
  new Client({ transport, address: "here", deadlineMs: 1 }).close();
});

test("a wrong option of withCallOptions is an error of use", () => {
  for (const options of [{ toolName: "t" }, { lables: {} }, { runId: 1 }, null] as Any[]) {
    assert.throws(() => withCallOptions(options as SharedOptions, () => assert.fail("called")), TypeError);
  }
});

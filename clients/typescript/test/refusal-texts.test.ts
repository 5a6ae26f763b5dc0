import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, type GateOptions, Rejected } from "../src/node/index.js";
import { approving } from "./fake.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

const TEXT = "NOT RUN. A reviewer rejected the call to TOOL: Use the staging list. Do not try it again.";

function never(): string {
  throw new assert.AssertionError({ message: "the function was called" });
}

for (const [name, client, own] of [
  ["of the function", undefined, "return"],
  ["of the client", "return", undefined],
  ["of both", "throw", "return"],
] as const) {
  test(`30: what is rejected is a text for the model: ${name}`, async () => {
    const toolName = `s30.${client}.${own}`;
    const options = { toolName, onRefusal: own };
    const wrapped = server.client({ onRefusal: client }).requiresApproval(never, options);
    const result: Promise<string> = wrapped({});
    await server.reviewer(toolName).reject("Use the staging list.");
    assert.equal(await result, TEXT.replace("TOOL", toolName));
  });
}

for (const [client, own] of [
  [undefined, undefined],
  ["return", "throw"],
] as const) {
  test(`30: what is rejected is thrown: ${client}, ${own}`, async () => {
    const toolName = `t30.${client}.${own}`;
    const wrapped = server.client({ onRefusal: client }).requiresApproval(never, { toolName, onRefusal: own });
    const rejected = assert.rejects(wrapped({}), Rejected);
    await server.reviewer(toolName).reject("Use the staging list.");
    await rejected;
  });
}

test("30: every refusal is a text: of arguments, of what is resumed, of options made of each call", async () => {
  const client = server.client({ onRefusal: "return" });
  const wrapped = client.requiresApproval(never, { toolName: "forbidden.s30" });
  const text = "NOT RUN. The policy does not allow the call to forbidden.s30: Dropping tables is not allowed. ";
  const handle = await wrapped.ask({});
  assert.equal(await wrapped.resume(handle), `${text}Do not try it again.`);
  assert.match(await wrapped({ a: new Map() }), /^NOT RUN\. .* argument a is an instance of a class/);
  const made = server.client().requiresApproval(never, () => ({ toolName: "forbidden.s30", onRefusal: "return" }));
  assert.equal(await made({}), `${text}Do not try it again.`);
});

test("30: what is not a refusal is thrown, and so is every refusal of a call that is no function's", async () => {
  await using fake = await approving();
  const client = fake.client({ onRefusal: "return" });
  const options = { toolName: "t", onRefusal: "return" } as const;
  const broken = new Error("the mailbox is full");
  const fails = (): string => {
    throw broken;
  };
  await assert.rejects(client.requiresApproval(fails, options)({}), (error) => error === broken);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(client.requiresApproval(never, { ...options, signal })({}), /enough/);
  await assert.rejects(client.requiresApproval(never, { ...options, callId: "c" })({}), TypeError);
  await assert.rejects(client.run({ toolName: "t", arguments: { a: 2 ** 53 } }, never), { kind: "InvalidArguments" });
  await assert.rejects(client.requiresApproval(never, options).ask({ a: 2 ** 53 }), { kind: "InvalidArguments" });
});

test("30: `return` is refused where the result cannot be a text", async () => {
  await using fake = await approving();
  const client = fake.client();
  async function* steps() {
    yield 1;
  }
  const message = /^onRefusal of a generator function must be "throw"/;
  // @ts-expect-error: it returns no text.
  assert.throws(() => client.requiresApproval(steps, { toolName: "t", onRefusal: "return" }), { message });
  assert.throws(() => fake.client({ onRefusal: "return" }).requiresApproval(steps, { toolName: "t" }), { message });
  fake.client({ onRefusal: "return" }).requiresApproval(steps, { toolName: "t", onRefusal: "throw" });
  const made = fake.client({ onRefusal: "return" }).requiresApproval(steps, () => ({ toolName: "t" }));
  assert.throws(() => made({}), { message });
  // @ts-expect-error: nor is a number.
  client.requiresApproval(() => 1, { toolName: "t", onRefusal: "return" });
  client.requiresApproval(async (): Promise<string | number> => 1, { toolName: "t", onRefusal: "return" });
  client.requiresApproval((): unknown => 1, { toolName: "t", onRefusal: "return" });
  // biome-ignore lint/suspicious/noExplicitAny: as plain JavaScript may have it.
  const wrong = { toolName: "t", onRefusal: "raise" } as any as GateOptions<object>;
  const expected = { name: "TypeError", message: 'onRefusal of a call must be "throw" or "return"' };
  assert.throws(() => client.requiresApproval(never, wrong), expected);
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  assert.throws(() => connect({ token: "", onRefusal: "raise" as any }), /onRefusal of connect must be "throw"/);
});

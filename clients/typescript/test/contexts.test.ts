import assert from "node:assert/strict";
import { test } from "node:test";
import { requestIdOf } from "../src/digest.js";
import type { CallOptions } from "../src/index.js";
import { approving, Fake, pending, silence } from "./fake.js";

interface Mail {
  to: string;
}

const signal = new AbortController().signal;
const nothing = () => {};

/** As OpenAI's RunContext is. */
class RunContext {
  context = {};
  usage = {};
  approveTool() {}
  rejectTool() {}
}

/** What each framework passes after a tool's input, and the id of the tool's call in it. */
const frameworks: [string, unknown[], string | undefined][] = [
  ["AI SDK", [{ toolCallId: "c1", messages: [], abortSignal: signal, experimental_context: { a: 1 } }], "c1"],
  [
    "MCP SDK",
    [{ signal, sessionId: "s", requestId: 7, sendNotification: nothing, sendRequest: nothing, _meta: {} }],
    undefined,
  ],
  [
    "LangChain",
    [{ tags: [], metadata: {}, recursionLimit: 25, signal, toolCall: { id: "c1", name: "t" }, configurable: {} }],
    "c1",
  ],
  [
    "LangChain, DynamicStructuredTool",
    [
      { runId: "r", getChild: nothing, handleToolEnd: nothing },
      { tags: [], metadata: {}, recursionLimit: 25, signal, toolCall: { id: "c1" } },
    ],
    "c1",
  ],
  ["OpenAI Agents SDK", [new RunContext(), { toolCall: { type: "function_call", callId: "c1" }, signal }], "c1"],
  ["a signal alone", [{ signal }], undefined],
  ["a bare signal", [signal], undefined],
];

for (const [name, contexts, callId] of frameworks) {
  test(`the context of a framework is passed on, and used: ${name}`, async () => {
    await using fake = await approving();
    const got: unknown[][] = [];
    const fn = async (mail: Mail, ...rest: unknown[]) => {
      got.push([mail, ...rest]);
      return "sent";
    };
    const wrapped = fake.client().requiresApproval(fn, { toolName: "send_email", runId: "r" });
    assert.equal(await wrapped({ to: "alice" }, ...contexts), "sent");
    assert.deepEqual(got, [[{ to: "alice" }, ...contexts]]);
    contexts.forEach((context, index) => {
      assert.equal(got[0]?.[index + 1], context);
    });
    const [asked] = fake.asked;
    assert.deepEqual(asked?.arguments, { to: "alice" });
    if (callId !== undefined) assert.equal(asked?.requestId, await requestIdOf("r", callId));
    assert.equal(fake.advised, 0);
  });

  test(`the signal of a framework ends the wait: ${name}`, async () => {
    const giveUp = new AbortController();
    await using fake = await Fake.start({
      async *requestApproval(_, { signal: ended }) {
        yield await pending(60_000, { to: "alice" });
        giveUp.abort(new Error("enough"));
        await silence(ended);
      },
    });
    const own = contexts.map((context) => replaced(context, giveUp.signal));
    const fn = (_: Mail, ...__: unknown[]) => assert.fail("called");
    const wrapped = fake.client().requiresApproval(fn, { toolName: "t", cancelOnAbandon: false });
    await assert.rejects(wrapped({ to: "alice" }, ...own), /enough/);
  });
}

/** The context with another signal in it. */
function replaced(context: unknown, by: AbortSignal): unknown {
  if (context === signal) return by;
  if (context instanceof RunContext) return context;
  const entries = Object.entries(context as object).map(([name, value]) => [name, value === signal ? by : value]);
  return Object.fromEntries(entries);
}

const hidden: [string, unknown[]][] = [
  ["an object", [{ bcc: "mallory" }]],
  ["a text", ["mallory"]],
  ["a number", [0]],
  ["false", [false]],
  ["a function", [nothing]],
  ["a signal with more", [{ signal, bcc: "mallory" }]],
  ["an object after a known context", [{ signal }, { bcc: "mallory" }]],
  ["half of a context", [{ toolCallId: "c1", bcc: "mallory" }]],
];

for (const [name, contexts] of hidden) {
  test(`what is not known as a context is refused before anybody is asked: ${name}`, async () => {
    await using fake = await approving();
    const got: unknown[][] = [];
    const fn = (_: Mail, ...rest: unknown[]) => void got.push(rest);
    const wrapped = fake.client().requiresApproval(fn, { toolName: "send_email" });
    await assert.rejects(async () => wrapped({ to: "alice" }, ...contexts), {
      name: "TypeError",
      message: /^argument \d of send_email would not be seen by reviewers: .* passContext/,
    });
    assert.deepEqual([fake.asked.length, got.length], [0, 0]);
    const declared = fake.client().requiresApproval(fn, { toolName: "send_email", passContext: true });
    await declared({ to: "alice" }, ...contexts);
    assert.deepEqual(got, [contexts]);
    assert.deepEqual(fake.asked[0]?.arguments, { to: "alice" });
  });
}

test("a context in place of the arguments is an error of use", async () => {
  await using fake = await approving();
  const restart = fake
    .client()
    .requiresApproval((_: object, ..._contexts: unknown[]) => "done", { toolName: "restart" });
  for (const [, [context]] of frameworks) {
    const first = context as object;
    await assert.rejects(async () => restart(first), /^TypeError: argument 1 of restart is a context/);
    assert.equal(await restart({}, first), "done");
  }
  assert.equal(fake.asked.length, frameworks.length);
  // What is JSON is arguments, whatever its names are.
  assert.equal(await restart({ toolCallId: "c1", messages: [] }), "done");
});

test("arguments that say nothing are passed on", async () => {
  await using fake = await approving();
  const fn = (_: Mail, ...rest: unknown[]) => rest;
  const wrapped = fake.client().requiresApproval(fn, { toolName: "send_email" });
  assert.deepEqual(await wrapped({ to: "alice" }, undefined, null), [undefined, null]);
});

test("parameters with defaults, rest parameters and `arguments` get nothing that is not known", async () => {
  await using fake = await approving();
  const client = fake.client();
  const options = { toolName: "send_email" };
  const withDefault = client.requiresApproval((mail: Mail, copies: number = 1) => [mail, copies], options);
  assert.deepEqual(await withDefault({ to: "a" }), [{ to: "a" }, 1]);
  await assert.rejects(withDefault({ to: "a" }, 2), TypeError);
  const all = client.requiresApproval(function (_: Mail, ...__: unknown[]) {
    // biome-ignore lint/complexity/noArguments: that is the point.
    return arguments.length;
  }, options);
  assert.equal(await all({ to: "a" }), 1);
  await assert.rejects(all({ to: "a" }, "b"), TypeError);
});

test("options can be made of the context", async () => {
  await using fake = await approving();
  const options = (_: Mail, { thread }: { thread: string }) => ({
    toolName: "t",
    runId: thread,
    callId: "c",
    passContext: true,
  });
  const wrapped = fake.client().requiresApproval((mail: Mail, _: { thread: string }) => mail, options);
  await wrapped({ to: "a" }, { thread: "r9" });
  assert.equal(fake.asked[0]?.requestId, await requestIdOf("r9", "c"));
});

test("an id of the call's own wins over that of the context, and none is used without a run", async () => {
  await using fake = await approving();
  const context = { toolCallId: "theirs", messages: [] };
  const fn = (mail: Mail, _: typeof context) => mail;
  const ask = async (options: Omit<CallOptions, "toolName">) => {
    await fake.client().requiresApproval(fn, { toolName: "t", ...options })({ to: "a" }, context);
    return fake.asked.at(-1)?.requestId;
  };
  assert.equal(await ask({ runId: "r", callId: "mine" }), await requestIdOf("r", "mine"));
  assert.equal(await ask({ requestId: "named" }), "named");
  assert.match((await ask({})) ?? "", /^[0-9a-f-]{36}$/);
});

test("`this` is passed on, and not shown", async () => {
  await using fake = await approving();
  const client = fake.client();
  class Mailer {
    host = "smtp.example";
    send = client.requiresApproval(this.plain, { toolName: "send_email" });
    plain(mail: Mail) {
      return `${mail.to} by ${this.host}`;
    }
  }
  assert.equal(await new Mailer().send({ to: "alice" }), "alice by smtp.example");
  assert.deepEqual(fake.asked[0]?.arguments, { to: "alice" });
});

test("a wrapper has the name and the length of what it wraps", async () => {
  await using fake = await approving();
  async function sendEmail(_: Mail, __: { signal: AbortSignal }) {}
  const wrapped = fake.client().requiresApproval(sendEmail, { toolName: "t" });
  assert.deepEqual([wrapped.name, wrapped.length], ["sendEmail", 2]);
});

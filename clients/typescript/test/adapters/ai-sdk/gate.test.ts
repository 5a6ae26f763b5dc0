import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { z } from "zod";
import { type GateToolsOptions, gateTools } from "../../../src/adapters/ai-sdk.js";
import { requestIdOf } from "../../../src/digest.js";
import { withCallOptions } from "../../../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Answer, type Any, decide, promptsOf, readOf, sdk } from "./sdk.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** A tool that remembers its runs. */
function mail(name: string) {
  const runs: Any[] = [];
  const tool = sdk.tool({
    description: "Sends a mail.",
    inputSchema: z.object({ to: z.string(), copies: z.number().int().max(9).default(1) }),
    execute: async (input: Any, execution: Any) => {
      runs.push([input, execution]);
      return { sent: input.to };
    },
  });
  return { runs, tools: { [name]: tool } };
}

/** Lets a scripted model call the tools, which are gated. */
function generate(tools: object, answers: Answer[], options: GateToolsOptions = {}, more: object = {}) {
  const model = sdk.model(...answers);
  const gated = gateTools(tools, server.client(), { agentName: "mailer", runId: "run", ...options });
  const generated = sdk.generateText({
    model,
    tools: gated,
    prompt: "Go on.",
    stopWhen: sdk.stepCountIs(5),
    ...more,
  });
  return { model, result: Promise.resolve(generated) };
}

const only = async (toolName: string) => {
  const approvals = await server.approvals(toolName);
  assert.equal(approvals.length, 1);
  return approvals[0];
};

test(`what is approved is run, and the model reads its result`, async () => {
  const name = "approved";
  const { runs, tools } = mail(name);
  const { model, result } = generate(tools, [[{ id: "a1", tool: name, input: { to: "alice" } }], "done"]);
  await server.reviewer(name).approve();
  assert.equal((await result).text, "done");
  assert.deepEqual(readOf(model, "a1"), { sent: "alice" });
  assert.equal(runs.length, 1);
  assert.deepEqual(runs[0][0], { to: "alice", copies: 1 });
  const approval = await only(name);
  assert.deepEqual(approval?.arguments, { to: "alice", copies: 1 });
  assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
  assert.equal(approval?.requestId, await requestIdOf("run", "a1"));
  assert.deepEqual([approval?.agent?.name, approval?.agent?.runId], ["mailer", "run"]);
});

test(`what a reviewer made of the arguments is what runs, if the tool's schema takes it`, async () => {
  const name = "edited";
  const { runs, tools } = mail(name);
  const calls = [{ id: "e1", tool: name, input: { to: "alice" } }];
  const { result } = generate(tools, [calls, "done"]);
  const unfit = server.reviewer(name).approve({ to: "bob", copies: 10 });
  await assert.rejects(unfit, /do not satisfy|arguments_schema/);
  await server.reviewer(name).approve({ to: "bob", copies: 2 });
  await result;
  assert.deepEqual(
    runs.map(([input]) => input),
    [{ to: "bob", copies: 2 }],
  );
});

test(`what is rejected is not run, and the model reads the reviewer's words`, async () => {
  const name = "rejected";
  const { runs, tools } = mail(name);
  const { model, result } = generate(tools, [[{ id: "r1", tool: name, input: { to: "all" } }], "done"]);
  await server.reviewer(name).reject("Use the staging list.");
  await result;
  const text = `NOT RUN. A reviewer rejected the call to ${name}: Use the staging list. Do not try it again.`;
  assert.equal(readOf(model, "r1"), text);
  assert.equal(runs.length, 0);
});

test(`what nobody decides is not run`, async () => {
  const name = "late";
  const { runs, tools } = mail(name);
  const calls = [{ id: "l1", tool: name, input: { to: "alice" } }];
  const { model, result } = generate(tools, [calls, "done"], { timeoutMs: 1_000 });
  await result;
  assert.match(readOf(model, "l1") as string, /^NOT RUN\. No reviewer decided on the call/);
  assert.equal(runs.length, 0);
});

test(`the policy approves and rejects by itself`, async () => {
  const [yes, no] = ["auto.mail", "forbidden.mail"];
  const approved = mail(yes);
  const rejected = mail(no);
  const calls = [yes, no].map((tool) => ({ id: tool, tool, input: { to: "alice" } }));
  const { model, result } = generate({ ...approved.tools, ...rejected.tools }, [calls, "done"]);
  await result;
  assert.deepEqual(readOf(model, yes), { sent: "alice" });
  assert.match(readOf(model, no) as string, /^NOT RUN\. .* Dropping tables is not allowed\./);
  assert.deepEqual([approved.runs.length, rejected.runs.length], [1, 0]);
});

test(`without a server nothing is run`, async () => {
  const name = "unreachable";
  const { runs, tools } = mail(name);
  const model = sdk.model([{ id: "u1", tool: name, input: { to: "alice" } }], "done");
  const client = server.client({ address: "http://127.0.0.1:1", logger: { warn: () => {} } });
  const gated = gateTools(tools, client, { patienceMs: 0 });
  await sdk.generateText({ model, tools: gated, prompt: "Go on.", stopWhen: sdk.stepCountIs(5) });
  assert.match(readOf(model, "u1") as string, /^NOT RUN\. The call to \w+ could not be approved, because/);
  assert.equal(runs.length, 0);
});

for (const [what, optionsFor] of [
  [
    "throws",
    () => {
      throw new Error("no such customer");
    },
  ],
  ["is late, as it is asynchronous", () => new Promise(() => {})],
  ["gives what is not an option", () => ({ reasons: "none" })],
] as const) {
  test(`nothing is asked or run when optionsFor ${what}`, async () => {
    const name = `hook_${what.length}`;
    const { runs, tools } = mail(name);
    const calls = [{ id: "h1", tool: name, input: { to: "alice" } }];
    const { model, result } = generate(tools, [calls, "done"], { optionsFor: optionsFor as Any });
    await result;
    assert.match(readOf(model, "h1") as string, /no such customer|plain object|unknown option reasons/);
    assert.equal(runs.length, 0);
    assert.equal((await server.approvals(name)).length, 0);
  });
}

for (const withdraws of [false, true]) {
  test(`a run that is aborted runs nothing, and its request ${withdraws ? "ends" : "stays"}`, async () => {
    const name = `aborted_${withdraws}`;
    const { runs, tools } = mail(name);
    const stop = new AbortController();
    const calls = [{ id: name, tool: name, input: { to: "alice" } }];
    const options = { cancelOnAbandon: withdraws };
    const { result } = generate(tools, [calls, "done"], options, { abortSignal: stop.signal });
    const failed = assert.rejects(result, /enough/);
    await server.reviewer(name).pending();
    stop.abort(new Error("enough"));
    await failed;
    assert.equal(runs.length, 0);
    const { PENDING, CANCELLED } = ApprovalStatus;
    assert.equal((await only(name))?.status, withdraws ? CANCELLED : PENDING);
  });
}

test(`three calls of one answer are three approvals, and each result is at its own call`, async () => {
  const name = "parallel";
  const { runs, tools } = mail(name);
  const calls = ["ann", "bob", "cy"].map((to) => ({ id: to, tool: name, input: { to } }));
  const { model, result } = generate(tools, [calls, "done"]);
  await decide(server, name, 3, ({ arguments: args }) => {
    if (args?.to === "ann") return { reject: "Not Ann." };
    return args?.to === "bob" ? { edit: { to: "bert", copies: 3 } } : "approve";
  });
  await result;
  assert.match(readOf(model, "ann") as string, /^NOT RUN\. A reviewer rejected .* Not Ann\./);
  assert.deepEqual([readOf(model, "bob"), readOf(model, "cy")], [{ sent: "bert" }, { sent: "cy" }]);
  const inputs = runs.map(([input]) => input.to).sort();
  assert.deepEqual(inputs, ["bert", "cy"]);
  assert.equal((await server.approvals(name)).length, 3);
});

test(`a call that is made again does not ask twice, nor run twice`, async () => {
  const name = "again";
  const { runs, tools } = mail(name);
  const calls = [{ id: "g1", tool: name, input: { to: "alice" } }];
  const stop = new AbortController();
  const first = generate(tools, [calls, "done"], {}, { abortSignal: stop.signal });
  const failed = assert.rejects(first.result);
  await server.reviewer(name).pending();
  stop.abort();
  await failed;
  const second = generate(tools, [calls, "done"]);
  await server.reviewer(name).approve();
  await second.result;
  assert.deepEqual(readOf(second.model, "g1"), { sent: "alice" });
  const third = generate(tools, [calls, "done"]);
  await third.result;
  assert.match(readOf(third.model, "g1") as string, /^NOT RUN AGAIN\. /);
  assert.equal(runs.length, 1);
  await only(name);
});

test(`an id that a model uses again is another call`, async () => {
  const name = "auto.reused";
  const { runs, tools } = mail(name);
  const call = (to: string) => [{ id: "call-0", tool: name, input: { to } }];
  const { model, result } = generate(tools, [call("ann"), call("ann"), call("bob"), "done"]);
  await result;
  assert.deepEqual(readOf(model, "call-0"), { sent: "bob" });
  assert.deepEqual(
    runs.map(([input]) => input.to),
    ["ann", "ann", "bob"],
  );
  assert.equal((await server.approvals(name)).length, 3);
});

test(`the context reaches the tool and the options, and not the server, nor the model`, async () => {
  const name = "secret";
  const secret = `sk-${crypto.randomUUID()}`;
  const shown = `shown-${crypto.randomUUID()}`;
  const got: Any[] = [];
  const tool = sdk.tool({
    inputSchema: z.object({ to: z.string() }),
    ...(sdk.major === 7 && { contextSchema: z.object({ key: z.string(), run: z.string() }) }),
    execute: (_: Any, { context, experimental_context }: Any) => got.push(context ?? experimental_context),
  });
  const context = { key: secret, run: "of the context" };
  const calls = [shown, "rejected"].map((to) => ({ id: to, tool: name, input: { to } }));
  const { model, result } = generate(
    { [name]: tool },
    [calls, "done"],
    { runId: undefined, optionsFor: ({ context }) => ({ runId: context.run }) },
    sdk.major === 7 ? { toolsContext: { [name]: context } } : { experimental_context: context },
  );
  await decide(server, name, 2, ({ arguments: args }) => (args?.to === shown ? "approve" : { reject: "No." }));
  await result;
  assert.deepEqual(got, [context]);
  const [approval] = await server.approvals(name);
  assert.equal(approval?.agent?.runId, "of the context");
  assert.equal(await server.hasKept(shown), true);
  assert.equal(await server.hasKept(secret), false);
  assert.equal(JSON.stringify(promptsOf(model)).includes(secret), false);
});

test(`streamed, with results that come step by step, and options that travel`, async () => {
  const [name, refused] = ["steps", "forbidden.steps"];
  const run = "job";
  const tool = sdk.tool({
    inputSchema: z.object({}),
    async *execute() {
      yield "half";
      yield "whole";
    },
  });
  const model = sdk.model(
    [name, refused].map((tool) => ({ id: tool, tool, input: {} })),
    "done",
  );
  const gated = gateTools({ [name]: tool, [refused]: tool }, server.client());
  const outputs: unknown[] = [];
  const reading = withCallOptions({ runId: run }, async () => {
    const result = sdk.streamText({ model, tools: gated, prompt: "Go on.", stopWhen: sdk.stepCountIs(5) });
    for await (const part of (result as Any).fullStream) {
      if (part.type === "tool-result" && part.toolName === name) outputs.push([part.output, part.preliminary ?? false]);
    }
  });
  await server.reviewer(name).approve();
  await reading;
  assert.deepEqual(outputs, [
    ["half", true],
    ["whole", true],
    ["whole", false],
  ]);
  assert.equal(readOf(model, name), "whole");
  assert.match(readOf(model, refused) as string, /^NOT RUN\. The policy does not allow/);
  const approval = await only(name);
  assert.equal(approval?.agent?.runId, run);
  assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test(`an agent's tools are gated as well`, async () => {
  const name = "agent";
  const { tools, runs } = mail(name);
  const model = sdk.model([{ id: "t1", tool: name, input: { to: "alice" } }], "done");
  const agent = new sdk.ToolLoopAgent({ model, tools: gateTools(tools, server.client(), { runId: "run" }) });
  const result = agent.generate({ prompt: "Go on." });
  await server.reviewer(name).reject("No.");
  await result;
  assert.match(readOf(model, "t1") as string, /^NOT RUN\. A reviewer rejected/);
  assert.equal(runs.length, 0);
});

for (const approves of [true, false]) {
  test(`a framework's own ${approves ? "yes" : "no"} does not replace the server's`, async () => {
    const name = `own_${approves}`;
    const { tools, runs } = mail(name);
    const tool = { ...tools[name], ...(sdk.major === 6 && { needsApproval: true }) };
    const gated = gateTools({ [name]: tool }, server.client(), { runId: "run" });
    const common = { tools: gated, ...(sdk.major === 7 && { toolApproval: { [name]: "user-approval" } }) };
    const paused = await sdk.generateText({
      ...common,
      model: sdk.model([{ id: `o_${approves}`, tool: name, input: { to: "alice" } }]),
      prompt: "Go on.",
    });
    const { approvalId } = paused.content.find(({ type }: Any) => type === "tool-approval-request");
    assert.equal((await server.approvals(name)).length, 0);
    const answer = { type: "tool-approval-response", approvalId, approved: approves };
    const asked = { role: "user", content: "Go on." };
    const messages = [asked, ...paused.response.messages, { role: "tool", content: [answer] }];
    const model = sdk.model("done");
    const result = sdk.generateText({ ...common, model, messages });
    if (approves) await server.reviewer(name).reject("Not now.");
    await result;
    if (approves) assert.match(readOf(model, "o_true") as string, /^NOT RUN\. A reviewer rejected .* Not now\./);
    assert.equal((await server.approvals(name)).length, approves ? 1 : 0);
    assert.equal(runs.length, 0);
  });
}

const hasLimits = sdk.major === 6 && "version 6 has no time limits of tools";
test("a tool's time limit ends the wait, and the model reads that it was not run", { skip: hasLimits }, async () => {
  let runs = 0;
  const tool = sdk.tool({
    inputSchema: z.object({}),
    execute: () => {
      runs += 1;
    },
  });
  const model = sdk.model([{ id: "w1", tool: "limited", input: {} }], "done");
  const tools = gateTools({ limited: tool }, server.client(), { runId: "limited" });
  const timeout = { tools: { limitedMs: 300 } };
  await sdk.generateText({ model, tools, prompt: "Go on.", timeout, stopWhen: sdk.stepCountIs(5) });
  assert.match(readOf(model, "w1") as string, /^NOT RUN\. The call to limited is (still waiting|not approved yet)/);
  assert.equal(runs, 0);
});

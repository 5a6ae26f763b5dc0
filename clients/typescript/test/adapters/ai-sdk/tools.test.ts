import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import * as v from "valibot";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import { type GateToolsOptions, gateTools } from "../../../src/adapters/ai-sdk.js";
import { AlreadyClaimed, InvalidEdit, Rejected } from "../../../src/index.js";
import { ExecutionResult } from "../../../src/v1.js";
import { approving, type Fake } from "../../fake.js";
import { type Any, readOf, sdk } from "./sdk.js";

const execution = { toolCallId: "c1", messages: [] };

/** Gates a tool named `t`, and calls it as the AI SDK does. */
function gated(fake: Fake, tool: object, options: GateToolsOptions = {}): Any {
  return gateTools({ t: tool }, fake.client(), { runId: "r", ...options }).t;
}

/** What each schema is called with, what the tool gets, and an edit that it takes and one that it does not. */
interface Checked {
  readonly schema: () => unknown;
  readonly input: JsonObject;
  readonly taken?: object;
  readonly edit: JsonObject;
  readonly unfit: JsonObject;
  readonly hasSchema: boolean;
}

const OBJECT = { type: "object", properties: { to: { type: "string" }, n: { type: "integer" } }, required: ["to"] };
const mail = { input: { to: "ann" }, edit: { to: "bob" }, unfit: { to: 5 } };

const schemas: Record<string, Checked> = {
  "of Zod": { ...mail, schema: () => z.object({ to: z.string() }), hasSchema: true },
  "of Zod 3": { ...mail, schema: () => z3.object({ to: z3.string() }), hasSchema: false },
  "of Valibot": { ...mail, schema: () => v.object({ to: v.string() }), hasSchema: false },
  "of zodSchema": { ...mail, schema: () => sdk.zodSchema(z.object({ to: z.string() })), hasSchema: true },
  "of zodSchema of Zod 3": { ...mail, schema: () => sdk.zodSchema(z3.object({ to: z3.string() })), hasSchema: true },
  "of jsonSchema": { ...mail, schema: () => sdk.jsonSchema(OBJECT), hasSchema: true },
  "of jsonSchema, later": { ...mail, schema: () => sdk.jsonSchema(async () => OBJECT), hasSchema: true },
  "of a function": { ...mail, schema: () => () => sdk.jsonSchema(OBJECT), hasSchema: true },
  "of jsonSchema that checks": {
    ...mail,
    schema: () => {
      const takes = (value: Any) => typeof value.to === "string";
      const validate = (value: Any) =>
        takes(value) ? { success: true, value } : { success: false, error: new Error("to is not a text") };
      return sdk.jsonSchema({ type: "object" }, { validate });
    },
    hasSchema: true,
  },
  "without a schema": { schema: () => undefined, input: {}, edit: {}, unfit: { to: "bob" }, hasSchema: true },
  "that makes dates": {
    schema: () => z.object({ due: z.coerce.date() }),
    input: { due: "2026-11-29" },
    taken: { due: new Date("2026-11-29") },
    edit: { due: "2026-12-24T00:00:00Z" },
    unfit: { due: "soon" },
    hasSchema: true,
  },
};

/** A model makes one call of the tool. */
async function called(fake: Fake, tool: Any, input: unknown) {
  const model = sdk.model([{ id: "c1", tool: "t", input }], "done");
  const tools = { t: gated(fake, tool) };
  const { steps } = await sdk.generateText({ model, tools, prompt: "Go on.", stopWhen: sdk.stepCountIs(2) });
  return { read: readOf(model, "c1"), content: steps[0].content };
}

for (const [what, { schema, input, taken = input, edit, unfit, hasSchema }] of Object.entries(schemas)) {
  test(`a schema checks arguments and edits: ${what}`, async () => {
    const inputSchema = schema();
    const got: Any[] = [];
    const tool = { inputSchema, execute: (args: unknown) => got.push(args) };
    {
      await using fake = await approving();
      await gated(fake, tool).execute(taken, execution);
      assert.deepEqual(got.splice(0), [taken]);
      const sent = fake.asked[0]?.argumentsSchema;
      assert.equal(sent !== undefined, hasSchema);
      // One that names no parameters says nothing of others.
      if (sent && "properties" in sent) assert.equal(sent.additionalProperties, false);
      assert.equal(fake.logged.length, hasSchema ? 0 : 1);
    }
    {
      await using fake = await approving(edit);
      await gated(fake, tool).execute(taken, execution);
      const typed = "due" in edit ? { due: new Date(edit.due as string) } : edit;
      assert.deepEqual(got.splice(0), [typed]);
    }
    {
      await using fake = await approving(unfit);
      assert.match(await gated(fake, tool).execute(taken, execution), /^NOT RUN\. A reviewer's edit/);
      assert.deepEqual([got.length, fake.claims], [0, 0]);
    }
  });
}

test(`names and types that a JSON Schema does not have are refused before anybody is asked`, async () => {
  await using fake = await approving();
  const execute = () => assert.fail("called");
  const tool = sdk.dynamicTool({ inputSchema: sdk.jsonSchema(OBJECT), execute });
  for (const [input, problem] of [
    [{ to: "ann", bcc: "mallory" }, "bcc"],
    [{ to: 5 }, "to"],
    [{ n: 5 }, "to"],
    [{ to: "ann", n: "five" }, "n"],
  ] as const) {
    const { read } = await called(fake, tool, input);
    assert.match(read as string, new RegExp(`^NOT RUN\\. The call to t cannot be approved: .*\\b${problem}\\b`));
  }
  assert.equal(fake.asked.length, 0);
});

test(`a schema that changes its own output is not used twice, and its tool takes no edits`, async () => {
  const got: unknown[] = [];
  const inputSchema = z.object({ to: z.string().transform((to) => `${to}@company.com`) });
  const tool = sdk.tool({ inputSchema, execute: (input: Any) => got.push(input) });
  {
    await using fake = await approving();
    await called(fake, tool, { to: "ann" });
    assert.deepEqual(fake.asked[0]?.arguments, { to: "ann@company.com" });
    assert.deepEqual(got.splice(0), [{ to: "ann@company.com" }]);
  }
  await using fake = await approving({ to: "bob@company.com" });
  const { read } = await called(fake, tool, { to: "ann" });
  assert.match(read as string, /^NOT RUN\. A reviewer's edit does not fit/);
  assert.deepEqual([got.length, fake.claims], [0, 0]);
});

test(`what has no JSON form is refused`, async () => {
  await using fake = await approving();
  assert.throws(
    () => gated(fake, { inputSchema: z.object({ seen: z.map(z.string(), z.string()) }), execute: () => 1 }),
    /^TypeError: .* has a Map at seen/,
  );
  const inputSchema = z.object({ at: z.string().transform((at) => new URL(at)) });
  const tool = sdk.tool({ inputSchema, execute: () => assert.fail("called") });
  const { read } = await called(fake, tool, { at: "https://company.com" });
  assert.match(read as string, /^NOT RUN\. The call to t cannot be approved: .*\bat\b/);
  assert.equal(fake.asked.length, 0);
});

test(`a tool keeps its this, and gets what the AI SDK passes`, async () => {
  await using fake = await approving();
  const given = { ...execution, abortSignal: new AbortController().signal, experimental_sandbox: {}, context: {} };
  class Mailer {
    readonly inputSchema = z.object({ to: z.string() });
    readonly #host = "smtp.example";
    execute({ to }: { to: string }, options: unknown) {
      assert.equal(options, given);
      return `${to} by ${this.#host}`;
    }
  }
  const tool = gated(fake, new Mailer());
  assert.equal(await tool.execute({ to: "ann" }, given), "ann by smtp.example");
  assert.ok(tool instanceof Mailer);
});

test(`a tool's own form of results is not asked about refusals`, async () => {
  const refusal = new Rejected({ toolName: "t", approvalId: "a1" }, "No.", "local/rae").message;
  const toModelOutput = ({ output }: Any) => ({ type: "text", value: `sent to ${output.sent.to}` });
  const common = { inputSchema: z.object({ to: z.string() }), toModelOutput };
  await using fake = await approving();
  const tool = sdk.tool({ ...common, execute: (sent: Any) => ({ sent }) });
  assert.equal((await called(fake, tool, { to: "ann" })).read, "sent to ann");
  await using edited = await approving({ to: 5 });
  const { read } = await called(edited, tool, { to: "ann" });
  assert.match(read as string, /^NOT RUN\. A reviewer's edit/);
  const again = new AlreadyClaimed({ toolName: "t", approvalId: "a1" }, { claimedBy: "x", claimTime: "now" } as Any);
  for (const output of [refusal, again.message]) {
    assert.deepEqual(gated(fake, tool).toModelOutput({ output }), { type: "text", value: output });
  }
});

test(`what comes step by step from a plain function is read within the approval`, async () => {
  await using fake = await approving();
  const steps: string[] = [];
  async function* stream() {
    steps.push(`${fake.reports.length}`);
    yield "half";
    steps.push(`${fake.reports.length}`);
    yield "whole";
  }
  const tool = sdk.tool({ inputSchema: z.object({}), execute: () => stream() });
  assert.equal((await called(fake, tool, {})).read, "whole");
  assert.deepEqual(steps, ["0", "0"]);
  assert.equal(fake.reports[0]?.result, ExecutionResult.SUCCEEDED);
});

test(`what a tool throws is its own error, and reported`, async () => {
  await using fake = await approving();
  const error = new Error("mailbox full");
  const thrower = () => {
    throw error;
  };
  const { content } = await called(fake, sdk.tool({ inputSchema: z.object({}), execute: thrower }), {});
  assert.equal(content.find(({ type }: Any) => type === "tool-error").error, error);
  assert.equal(fake.reports[0]?.result, ExecutionResult.FAILED);
});

test("a tool that does not run here is refused, unless it is named", async () => {
  await using fake = await approving();
  const client = fake.client();
  const inputSchema = z.object({});
  const execute = () => "found";
  const elsewhere: [string, object][] = [
    ["has no execute", { inputSchema, outputSchema: z.string() }],
    ["has no execute", { type: "provider", id: "openai.web_search", args: {}, inputSchema }],
    ["provider", { type: "provider", id: "a.b", args: {}, inputSchema, isProviderExecuted: true, execute }],
  ];
  const toolCaller = sdk.experimental_toolCaller;
  const bind = () => ({ inputSchema, execute });
  if (toolCaller) elsewhere.push(["other tools", toolCaller({ inputSchema, execute }, { type: "local", bind })]);
  if (sdk.toolSearch) elsewhere.push(["searches for tools", sdk.toolSearch({ search: () => [] })]);
  for (const [problem, tool] of elsewhere) {
    assert.throws(() => gateTools({ search: tool }, client), new RegExp(`^TypeError: search .*${problem}.* ungated`));
    assert.equal(gateTools({ search: tool }, client, { ungated: ["search"] }).search, tool);
  }
  const local = { type: "provider", id: "anthropic.bash", args: {}, inputSchema, isProviderExecuted: false, execute };
  assert.equal(await (gated(fake, local) as Any).execute({}, execution), "found");
  assert.equal(fake.asked.length, 1);
});

test("errors of use are found when tools are gated", async () => {
  await using fake = await approving();
  const client = fake.client();
  const tool = { inputSchema: z.object({}), execute: () => "done" };
  const tools = { t: tool };
  const gatedAlone = client.requiresApproval(tool.execute, { toolName: "t" });
  const wrong: [() => unknown, RegExp][] = [
    [() => gateTools(gateTools(tools, client), client), /t is gated already/],
    [() => gateTools({ t: { ...gateTools(tools, client).t } }, client), /t is gated already/],
    [() => gateTools({ t: { ...tool, execute: gatedAlone } }, client), /t is gated already/],
    [() => gateTools(tools, client, { ungated: ["u"] }), /names u, which is not one of the tools/],
    [() => gateTools(tools, client, { ungated: "t" } as Any), /ungated of gateTools must be/],
    [() => gateTools(tools, client, { requestId: "one" } as Any), /unknown option requestId/],
    [() => gateTools(tools, client, { timeout: 5 } as Any), /did you mean timeoutMs/],
    [() => gateTools(tools, client, { optionsFor: {} } as Any), /optionsFor of gateTools must be a function/],
    [() => gateTools([tool] as Any, client), /must be an object of tools/],
    [() => gateTools({ t: undefined } as Any, client), /t of gateTools must be a tool/],
    [() => gateTools({ t: { ...tool, inputSchema: 5 } } as Any, client), /inputSchema of t/],
    [() => gateTools({ t: { ...tool, execute: class {} } } as Any, client), /execute of t is a class/],
    [() => gateTools(tools, {} as Any), /must be a Client/],
  ];
  for (const [use, message] of wrong) assert.throws(use, { name: "TypeError", message });
});

test("options: those of a call come first, and labels are joined", async () => {
  await using fake = await approving();
  const tool = { inputSchema: z.object({ to: z.string() }), execute: () => "done" };
  const optionsFor: GateToolsOptions["optionsFor"] = ({ toolName, toolCallId, input, messages, context }) => {
    assert.deepEqual([toolName, toolCallId, messages, context], ["t", "c1", [], { team: "a" }]);
    return { reason: `To ${input.to}`, labels: { to: `${input.to}` }, runId: undefined, callId: "own" };
  };
  const options = { reason: "Mail", labels: { team: "a" }, agentName: "mailer", optionsFor };
  await gated(fake, tool, options).execute({ to: "ann" }, { ...execution, context: { team: "a" } });
  const [asked] = fake.asked;
  assert.deepEqual([asked?.reason, asked?.labels], ["To ann", { team: "a", to: "ann" }]);
  assert.deepEqual([asked?.agent?.name, asked?.agent?.runId], ["mailer", "r"]);
});

test("what a hook does to the input does not reach the tool", async () => {
  await using fake = await approving();
  const got: unknown[] = [];
  const tool = { inputSchema: z.object({ to: z.array(z.string()) }), execute: (input: unknown) => got.push(input) };
  const optionsFor = ({ input }: Any) => {
    input.to.push("mallory");
    return {};
  };
  await gated(fake, tool, { optionsFor }).execute({ to: ["ann"] }, execution);
  assert.deepEqual([got, fake.asked[0]?.arguments], [[{ to: ["ann"] }], { to: ["ann"] }]);
});

test("InvalidEdit says why a tool takes no edits", async () => {
  await using fake = await approving({ n: 3 });
  const inputSchema = z.object({ n: z.number().transform((n) => n + 1) });
  const text = await gated(fake, { inputSchema, execute: () => assert.fail("called") }).execute({ n: 2 }, execution);
  const problem = "does not fit: the tool's schema does not take its own output, so that no edit can be checked";
  assert.equal(text, new InvalidEdit({ toolName: "t", approvalId: "a1" }, "", problem).message);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as sdk from "@openai/agents";
import { run, tool, webSearchTool } from "@openai/agents";
import { RealtimeAgent } from "@openai/agents/realtime";
import { SandboxAgent } from "@openai/agents/sandbox";
import { z } from "zod";
import { decisions, gate } from "../../../src/adapters/openai-agents.js";
import { Server } from "../../server.js";
import { type Any, agentOf, calls, decide, ScriptedModel } from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** A tool whose calls the policy approves, so that it runs unless something else refuses. */
function auto(name: string, ran: Any[], more: Any = {}) {
  const execute = async (args: Any) => {
    ran.push(args);
    return "ran";
  };
  const parameters = z.object({ to: z.string(), amount: z.int().default(5), note: z.string().nullable().optional() });
  return { ...tool({ name: "send", description: "Sends.", parameters, execute, ...more }), name: `auto.${name}` };
}

const INPUT = { to: "alice", amount: 1, note: null };

test("a server that cannot be reached: the body never runs, and the model reads why", async () => {
  const ran: Any[] = [];
  const logger = { warn: () => {} };
  const client = server.client({ address: "http://127.0.0.1:9", logger });
  const model = new ScriptedModel(calls("auto.unreachable", INPUT), "done");
  await run(gate(agentOf([auto("unreachable", ran)], model), client, { patienceMs: 1 }), "go");
  assert.match(String(model.read("c1")), /^NOT RUN\./);
  const durable = { durable: true, runId: "unreachable", patienceMs: 1 };
  const paused = gate(
    agentOf([auto("unreachable", ran)], new ScriptedModel(calls("auto.unreachable", INPUT))),
    client,
    durable,
  );
  const result: Any = await run(paused, "go");
  assert.equal(result.interruptions.length, 1);
  await assert.rejects(decisions(result.state), { kind: "Unavailable" });
  assert.deepEqual(ran, []);
});

test("a server that goes away during the wait: the body never runs", async () => {
  await using other = await Server.start();
  const ran: Any[] = [];
  const model = new ScriptedModel([{ id: "c1", tool: "send_gone", input: INPUT }], "done");
  const client = other.client({ logger: { warn: () => {} } });
  const agent = agentOf([{ ...auto("gone", ran), name: "send_gone" }], model);
  const result = run(gate(agent, client, { timeoutMs: 1000 }), "go");
  await other.reviewer("send_gone").pending();
  await other.end("SIGKILL");
  await result;
  assert.match(String(model.read("c1")), /^NOT RUN\./);
  assert.deepEqual(ran, []);
});

test("what crashes before the gate or in its options: the body never runs", async () => {
  const crash = () => {
    throw new Error("crashed");
  };
  const guarded = { inputGuardrails: [{ name: "crashing", run: async () => crash() }] };
  const cases: [name: string, more: Any, options: Any, hook: boolean][] = [
    ["options", {}, { optionsFor: crash }, false],
    ["misspelt", {}, { optionsFor: () => ({ label: {} }) }, false],
    ["run", {}, { runId: crash }, false],
    ["nameless", {}, { runId: () => "" }, false],
    ["unnamed", {}, { runId: ({ context }: Any) => context.ticket }, false],
    ["own", {}, { optionsFor: () => ({ requestId: "mine" }) }, false],
    ["guardrail", guarded, {}, false],
    ["hook", {}, {}, true],
  ];
  for (const [name, more, options, hook] of cases) {
    const ran: Any[] = [];
    const agent = agentOf([auto(name, ran, more)], new ScriptedModel(calls(`auto.${name}`, INPUT), "done"));
    if (hook) agent.on("agent_tool_start", crash);
    await assert.rejects(run(gate(agent, server.client(), options), "go"), /./, name);
    assert.deepEqual(ran, [], name);
    assert.deepEqual(await server.approvals(`auto.${name}`), [], name);
  }
});

test("a guardrail that rejects a call comes before the gate", async () => {
  const ran: Any[] = [];
  const behavior = { type: "rejectContent" as const, message: "Not this one." };
  const more = { inputGuardrails: [{ name: "no", run: async () => ({ behavior }) }] };
  const model = new ScriptedModel(calls("auto.guarded", INPUT), "done");
  await run(gate(agentOf([auto("guarded", ran, more)], model), server.client()), "go");
  assert.equal(model.read("c1"), "Not this one.");
  assert.deepEqual(await server.approvals("auto.guarded"), []);
});

test("what onProgress throws is ignored, and it is told", async () => {
  const told: string[] = [];
  const ran: Any[] = [];
  const model = new ScriptedModel([{ id: "c1", tool: "send_progress", input: INPUT }], "done");
  await using other = await Server.start("heartbeat=50ms");
  let tell = () => {};
  const hasTold = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const onProgress = ({ message }: { message: string }) => {
    told.push(message);
    tell();
    throw new Error("ignored");
  };
  const agent = agentOf([{ ...auto("progress", ran), name: "send_progress" }], model);
  const result = run(gate(agent, other.client(), { onProgress }), "go");
  await hasTold;
  await other.reviewer("send_progress").approve();
  await result;
  assert.match(told[0] ?? "", /^Waiting for approval/);
  assert.equal(model.read("c1"), "ran");
});

test("calls that do not fit are refused before anybody is asked", async () => {
  const cases: [name: string, input: unknown, why: RegExp][] = [
    ["unknown", { ...INPUT, sudo: true }, /sudo/],
    ["missing", { amount: 1, note: null }, /to/],
    ["type", { ...INPUT, to: 7 }, /to/],
    ["huge", '{"to":"alice","amount":12345678901234567890,"note":null}', /amount/],
    ["prototype", '{"to":"alice","amount":1,"note":null,"__proto__":{"to":"bob"}}', /__proto__/],
    ["fraction", { ...INPUT, amount: 1.5 }, /amount/],
    ["list", "[]", /./],
  ];
  for (const [name, input, why] of cases) {
    const ran: Any[] = [];
    const model = new ScriptedModel(calls(`auto.${name}`, input), "done");
    await run(gate(agentOf([auto(name, ran)], model), server.client()), "go");
    assert.match(String(model.read("c1")), why, name);
    assert.deepEqual(ran, [], name);
    assert.deepEqual(await server.approvals(`auto.${name}`), [], name);
  }
});

test("what is not an object is refused, also for a tool without parameters", async () => {
  for (const input of ["[]", "null", "7"]) {
    const ran: Any[] = [];
    const model = new ScriptedModel(calls("auto.bare", input), "done");
    await run(gate(agentOf([auto("bare", ran, { parameters: z.object({}) })], model), server.client()), "go");
    assert.match(String(model.read("c1")), /^NOT RUN\. .*not a JSON object/);
    assert.deepEqual(ran, []);
  }
  assert.deepEqual(await server.approvals("auto.bare"), []);
});

test("what the tool fills in is shown", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("auto.defaults", { to: "alice", note: null }), "done");
  await run(gate(agentOf([auto("defaults", ran)], model), server.client()), "go");
  const [approval] = await server.approvals("auto.defaults");
  // Either it is seen, or the call is refused for it.
  assert.deepEqual(approval?.arguments ?? { refused: model.read("c1") }, { to: "alice", amount: 5, note: null });
  assert.equal(ran[0].amount, 5);
});

test("what the tool fills in within objects and lists is shown", async () => {
  for (const deriveSchema of [false, true]) {
    const ran: Any[] = [];
    const force = z.object({ force: z.boolean().default(true) });
    const parameters = z.object({ how: force, each: z.array(force), none: force.nullable() });
    const name = `within_${deriveSchema}`;
    const model = new ScriptedModel(
      calls(`auto.${name}`, { how: {}, each: [{}, { force: false }], none: null }),
      "done",
    );
    await run(gate(agentOf([auto(name, ran, { parameters })], model), server.client(), { deriveSchema }), "go");
    const [approval] = await server.approvals(`auto.${name}`);
    const filled = { how: { force: true }, each: [{ force: true }, { force: false }], none: null };
    assert.deepEqual([approval?.arguments, ran], [filled, [filled]], String(model.read("c1")));
  }
});

test("an edit that does not fit is refused by the server, else before the claim", async () => {
  const ran: Any[] = [];
  for (const deriveSchema of [true, false]) {
    const name = `send_edit_${deriveSchema}`;
    const model = new ScriptedModel([{ id: "c1", tool: name, input: INPUT }], "done");
    const agent = agentOf([{ ...auto("edit", ran), name }], model);
    const result = run(gate(agent, server.client(), { deriveSchema }), "go");
    const edited = decide(server, name, 1, () => ({ edit: { ...INPUT, to: 7 } }));
    if (deriveSchema) {
      await assert.rejects(edited, /arguments_schema/);
      await server.reviewer(name).reject("Never mind.");
    } else await edited;
    await result;
    assert.match(
      String(model.read("c1")),
      deriveSchema ? /Never mind/ : /^NOT RUN\. .*argument to does not fit: is not a string/,
    );
    assert.equal((await server.approvals(name))[0]?.claim, undefined);
  }
  assert.deepEqual(ran, []);
});

test("tools that cannot be gated are refused, unless they are named", () => {
  const client = server.client();
  const search = webSearchTool();
  const hosted = sdk.hostedMcpTool({ serverLabel: "files", serverUrl: "https://example.com" });
  const shell = sdk.shellTool({ shell: { run: async () => ({ output: [] }) } as Any });
  const patch = sdk.applyPatchTool({ editor: {} as Any });
  const computer = sdk.computerTool({ computer: {} as Any });
  const of = (...tools: Any[]) => agentOf(tools, new ScriptedModel());
  for (const each of [search, hosted, shell, patch, computer]) {
    assert.throws(() => gate(of(each), client), /cannot be gated: .*ungated/);
  }
  assert.ok(gate(of(search, hosted, shell), client, { ungated: [search.name, "files", "shell"] }));
  const loading = { ...search };
  Object.defineProperty(loading, Symbol("clientToolSearchExecutor"), { value: () => [] });
  assert.throws(() => gate(of(loading), client, { ungated: [search.name] }), /around the gate/);
  assert.throws(() => gate(of(auto("named", [])), client, { ungated: ["auto.named"] }), /let a rule of the policy/);
});

test("agents that cannot be gated are refused, and nothing is changed", () => {
  const client = server.client();
  const model = new ScriptedModel();
  const bad = agentOf([webSearchTool()], model, { name: "bad" });
  const tools = [auto("kept", [])];
  const good = agentOf(tools, model, { handoffs: [bad] });
  assert.throws(() => gate(good, client), /cannot be gated/);
  assert.equal(good.tools[0], tools[0]);
  assert.ok(gate(good, client, { ungated: ["web_search"] }));
  assert.throws(() => gate(good, client), /gated already/);
  assert.throws(() => gate(bad, client), /gated already/);
  const stops = { toolUseBehavior: "stop_on_first_tool" };
  assert.throws(() => gate(agentOf([], model, stops), client), /onRefusal "throw"/);
  assert.ok(gate(agentOf([], model, stops), client, { onRefusal: "throw" }));
  const declared = { ...auto("output", []), outputSchema: { type: "object" } };
  assert.throws(() => gate(agentOf([declared], model), client), /outputSchema/);
  const own = Object.assign(agentOf([], model), { getAllTools: async () => [] });
  assert.throws(() => gate(own, client), /getAllTools of its own/);
  assert.throws(() => gate(new SandboxAgent({ name: "s" }) as Any, client), /SandboxAgent/);
  assert.throws(() => gate(new RealtimeAgent({ name: "r" }) as Any, client), /RealtimeAgent/);
});

test("options that make no sense are errors of use", () => {
  const client = server.client();
  const of = () => agentOf([], new ScriptedModel());
  const typed: sdk.Agent<{ ticket: string }> = gate(new sdk.Agent<{ ticket: string }>({ name: "typed" }), client);
  assert.equal(typed.name, "typed");
  assert.throws(() => gate({} as Any, client), /must be an Agent/);
  assert.throws(() => gate(of(), {} as Any), /must be a Client/);
  assert.throws(() => gate(of(), client, { timeout: 5 } as Any), /timeout .*timeoutMs/);
  assert.throws(() => gate(of(), client, { agentName: "x" } as Any), /unknown option agentName/);
  assert.throws(() => gate(of(), client, { durable: true }), /needs runId/);
  assert.throws(() => gate(of(), client, { runId: "" }), /runId/);
  assert.throws(() => gate(of(), client, { ungated: "web_search" as Any }), /ungated/);
});

test("a copy of a gated agent that is not a clone runs no tool", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("auto.copied", INPUT), "done");
  const agent = gate(agentOf([auto("copied", ran)], model), server.client());
  const copy = Object.create(Object.getPrototypeOf(agent), Object.getOwnPropertyDescriptors(agent));
  await assert.rejects(run(copy, "go"), /copy of a gated agent/);
  assert.deepEqual(ran, []);
});

test("a tool with a namespace is asked for with it", { skip: !("toolNamespace" in sdk) }, async () => {
  const client = server.client();
  const ran: Any[] = [];
  const made = tool({
    name: "drop",
    description: "Drops.",
    parameters: z.object({}),
    execute: async () => {
      ran.push("drop");
      return "dropped";
    },
  });
  const spaced = (sdk as Any).toolNamespace({ name: "forbidden", description: "Not allowed.", tools: [made] });
  const agent = gate(agentOf(spaced, new ScriptedModel()), client);
  const [gated] = agent.tools as Any[];
  const context = new sdk.RunContext();
  const result = await gated.invoke(context, "{}", { toolCall: { callId: "n1" } });
  assert.match(result, /^NOT RUN\. The policy does not allow the call to forbidden\.drop/);
  assert.deepEqual(ran, []);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Agent, handoff, Runner, RunState, run } from "@openai/agents";
import { gate } from "../../../src/adapters/openai-agents.js";
import { Server } from "../../server.js";
import { type Any, agentOf, calls, decide, INPUT, ScriptedModel, sending } from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

test("a hand-off is recorded in the chain, and the agent that makes the call is judged", async () => {
  const model = new ScriptedModel(
    calls("transfer_to_billing", {}, "h1"),
    calls("transfer_to_refunds", {}, "h2"),
    calls("send_handed", INPUT),
    "done",
  );
  const refunds = agentOf([sending("send_handed")], model, { name: "refunds" });
  const billing = agentOf([], model, { name: "billing", handoffs: [refunds] });
  const triage = agentOf([], model, { name: "triage", handoffs: [handoff(billing)] });
  gate(triage, server.client());
  const result = run(triage, "go");
  const { agent } = await server.reviewer("send_handed").pending();
  await server.reviewer("send_handed").approve();
  await result;
  assert.equal(agent?.name, "refunds");
  assert.deepEqual(agent?.chain, ["triage", "billing"]);
  assert.equal(model.read("c1"), "10 to alice");
});

test("a hand-off to an agent that is found only then is gated, too", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("transfer_to_known", {}, "h1"), calls("send_found", INPUT), "done");
  const found = agentOf([sending("send_found", ran)], model, { name: "found" });
  const away = handoff(agentOf([], model, { name: "known" }));
  away.onInvokeHandoff = async () => found as Any;
  const triage = gate(agentOf([], model, { name: "triage", handoffs: [away] }), server.client());
  const result = run(triage, "go");
  await server.reviewer("send_found").reject("No.");
  await result;
  assert.equal(ran.length, 0);
});

test("a hand-off that is added later is gated, too", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("transfer_to_later", {}, "h1"), calls("send_later", INPUT), "done");
  const triage = gate(agentOf([], model, { name: "triage" }), server.client());
  triage.handoffs.push(agentOf([sending("send_later", ran)], model, { name: "later" }));
  const result = run(triage, "go");
  await server.reviewer("send_later").reject("No.");
  await result;
  assert.deepEqual(ran, []);
});

test("a hand-off that is added later is gated where a stored run is taken up", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("transfer_to_later", {}, "h1"), calls("forbidden.stored", INPUT), "done");
  const start = (wrap: (agent: Any) => Any) => {
    const stored = { ...sending("send", ran, { needsApproval: true }), name: "forbidden.stored" };
    const triage = gate(agentOf([], model, { name: "triage" }), server.client());
    triage.handoffs.push(wrap(agentOf([stored], model, { name: "later" })));
    return triage;
  };
  const wraps = [(agent: Any) => agent, (agent: Any) => handoff(agent)] as const;
  const first: Any = await run(start(wraps[0]), "go");
  for (const wrap of wraps) {
    // As another process does.
    const triage = start(wrap);
    const state: Any = await RunState.fromString(triage, first.state.toString());
    state.approve(state.getInterruptions()[0]);
    const last = new ScriptedModel("done");
    state._currentAgent.model = last;
    await run(triage, state);
    assert.match(String(last.read("c1")), /^NOT RUN\. The policy/);
  }
  assert.deepEqual(ran, []);
});

test("an agent that is used as a tool has its tools gated", async () => {
  const inner = new ScriptedModel(calls("send_inner", INPUT), "sent");
  const outer = new ScriptedModel(calls("ask_mailer", { input: "send it" }, "o1"), "done");
  const mailer = gate(agentOf([sending("send_inner")], inner), server.client());
  const asked = mailer.asTool({ toolName: "ask_mailer", toolDescription: "Asks." });
  const result = run(gate(agentOf([asked], outer, { name: "boss" }), server.client()), "go");
  const { agent } = await server.reviewer("send_inner").pending();
  await server.reviewer("send_inner").approve();
  await result;
  assert.deepEqual([agent?.name, agent?.chain], ["mailer", ["boss"]]);
  assert.equal(inner.read("c1"), "10 to alice");
  assert.equal(outer.read("o1"), "sent");
  assert.deepEqual(await server.approvals("ask_mailer"), []);
});

test("an agent as a tool that is not gated is refused", () => {
  const mailer = agentOf([sending("send_hole")], new ScriptedModel());
  const asked = mailer.asTool({ toolName: "ask_mailer", toolDescription: "Asks." });
  assert.throws(() => gate(agentOf([asked], new ScriptedModel()), server.client()), /call gate .*before its asTool/);
});

test("tools of MCP servers are gated", async () => {
  const called: Any[] = [];
  const mcp = {
    name: "files",
    cacheToolsList: false,
    connect: async () => {},
    close: async () => {},
    invalidateToolsCache: async () => {},
    listTools: async () => [
      {
        name: "delete_file",
        description: "Deletes.",
        inputSchema: {
          type: "object",
          properties: { path: { type: "string" }, force: { type: "boolean", default: false } },
          required: ["path"],
          additionalProperties: false,
        },
      },
    ],
    callTool: async (name: string, args: unknown) => {
      called.push([name, args]);
      return [{ type: "text", text: "gone" }];
    },
  };
  const model = new ScriptedModel(
    [
      ...calls("delete_file", { path: "/a" }),
      ...calls("delete_file", { path: "/b", sudo: true }, "c2"),
      ...calls("delete_file", { path: "/c", force: true }, "c3"),
    ],
    "done",
  );
  const agent = gate(agentOf([], model, { mcpServers: [mcp] }), server.client());
  const result = run(agent, "go");
  const shown: Any[] = [];
  await decide(server, "delete_file", 3, ({ arguments: args }) => {
    shown.push(args);
    // The server behind would fill in what this leaves out.
    if (args?.path === "/c") return { edit: { path: "/d" } };
    return args?.path === "/a" ? "approve" : { reject: "Not with sudo." };
  });
  await result;
  shown.sort((one, other) => (one.path < other.path ? -1 : 1));
  // What the server behind would fill in is shown, and names that its schema does not have, which the SDK lets through.
  assert.deepEqual(shown, [
    { path: "/a", force: false },
    { path: "/b", force: false, sudo: true },
    { path: "/c", force: true },
  ]);
  assert.deepEqual(called, [["delete_file", { path: "/a", force: false }]]);
  assert.match(String(model.read("c2")), /^NOT RUN\. .*sudo/);
  assert.match(String(model.read("c3")), /^NOT RUN\. A reviewer's edit does not fit .*force/);
});

test("each agent that shares a tool makes its own calls", async () => {
  const shared = [{ ...sending("send"), name: "auto.shared" }];
  const model = new ScriptedModel(
    calls("auto.shared", INPUT),
    calls("transfer_to_second", {}, "h"),
    calls("auto.shared", INPUT, "c2"),
    "done",
  );
  const second = agentOf(shared, model, { name: "second" });
  const first = gate(agentOf(shared, model, { name: "first", handoffs: [second] }), server.client());
  await run(first, "go");
  const names = (await server.approvals("auto.shared")).map(({ agent }) => agent?.name);
  assert.deepEqual(names.sort(), ["first", "second"]);
  // A clone is gated as well, and says its own name.
  const copy = first.clone({ name: "third", model: new ScriptedModel(calls("auto.shared", INPUT, "c3"), "done") });
  await run(copy, "go");
  const all = (await server.approvals("auto.shared")).map(({ agent }) => agent?.name);
  assert.deepEqual(all.sort(), ["first", "second", "third"]);
});

test("runners and a tool that is added later are gated", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_added", INPUT), "done");
  const agent = gate(agentOf([], model), server.client());
  agent.tools.push(sending("send_added", ran));
  const result = new Runner({ tracingDisabled: true }).run(agent, "go");
  await server.reviewer("send_added").reject("No.");
  await result;
  assert.equal(ran.length, 0);
});

test("an agent of a class of its own is gated", async () => {
  class Mailer extends Agent<Any, Any> {}
  const model = new ScriptedModel(calls("send_class", INPUT), "done");
  const agent = gate(new Mailer({ name: "m", model, tools: [sending("send_class")] }), server.client());
  assert.ok(agent instanceof Mailer);
  const result = run(agent, "go");
  await server.reviewer("send_class").approve();
  await result;
  assert.equal(model.read("c1"), "10 to alice");
});

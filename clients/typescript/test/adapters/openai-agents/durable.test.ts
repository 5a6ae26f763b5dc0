import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { RunState, run, tool } from "@openai/agents";
import { z } from "zod";
import { decisions, gate } from "../../../src/adapters/openai-agents.js";
import { Server } from "../../server.js";
import { type Any, agentOf, calls, decide, ScriptedModel } from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

function paying(name: string, ran: string[] = [], more: Any = {}) {
  const execute = async ({ to }: Any) => {
    ran.push(to);
    return `paid ${to}`;
  };
  const parameters = z.object({ to: z.string() });
  return { ...tool({ name: "pay", description: "Pays.", parameters, execute, ...more }), name };
}

const DURABLE = { durable: true, runId: ({ context }: Any) => context.ticket };

test("a run that was killed while it waited is resumed by another process, and the tool runs once", async () => {
  const directory = await mkdtemp(join(tmpdir(), "paused-"));
  const start = () => {
    const env = { SIGNOFF_ADDRESS: `http://${server.address}`, SIGNOFF_TOKEN: server.tokens.agent };
    const path = new URL("./paused.js", import.meta.url).pathname;
    const child = spawn(process.execPath, [path, directory], { env, stdio: ["ignore", "pipe", "inherit"] });
    return { child, lines: createInterface({ input: child.stdout }) };
  };
  try {
    const first = start();
    const [line] = await once(first.lines, "line");
    assert.equal(line, "paused");
    const { id, agent } = await server.reviewer("refund_paused").pending();
    assert.deepEqual([agent?.name, agent?.chain, agent?.runId], ["refunds", ["triage"], "T-paused"]);
    const killed = once(first.child, "exit");
    first.child.kill("SIGKILL");
    await killed;
    await server.reviewer("refund_paused").approve();
    const second = start();
    const said: string[] = [];
    for await (const each of second.lines) said.push(each);
    assert.deepEqual(said, ["paused", "refunded alice"]);
    // A third one, with the state that was stored: the same interruption is resumed twice.
    const third = start();
    const again: string[] = [];
    for await (const each of third.lines) again.push(each);
    assert.match(again.at(-1) ?? "", /^NOT RUN AGAIN\./);
    assert.equal(await readFile(join(directory, "ran"), "utf8"), "alice\n");
    const all = await server.approvals("refund_paused");
    assert.deepEqual(
      all.map((approval) => approval.id),
      [id],
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("the approval is asked for before the run pauses, and an edit is what runs", async () => {
  const ran: string[] = [];
  const model = new ScriptedModel(calls("pay_edited", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("pay_edited", ran)], model), server.client(), DURABLE);
  let result: Any = await run(agent, "go", { context: { ticket: "T-edit" } });
  assert.equal(result.interruptions.length, 1);
  assert.equal((await server.approvals("pay_edited")).length, 1);
  const decided = decisions(result.state);
  await decide(server, "pay_edited", 1, () => ({ edit: { to: "bob" } }));
  await decided;
  result = await run(agent, result.state);
  assert.equal(result.finalOutput, "done");
  assert.equal(model.read("c1"), "paid bob");
  assert.deepEqual(ran, ["bob"]);
});

test("of parallel calls those that are decided go on, and the run pauses for the others", async () => {
  const ran: string[] = [];
  const names = ["alice", "bob", "carol"];
  const three = names.flatMap((to, index) => calls("pay_three", { to }, `c${index}`));
  const model = new ScriptedModel(three, "done");
  const agent = gate(agentOf([paying("pay_three", ran)], model), server.client(), DURABLE);
  let result: Any = await run(agent, "go", { context: { ticket: "T-three" } });
  assert.equal(result.interruptions.length, 3);
  let rounds = 0;
  for (; result.interruptions.length > 0; rounds += 1) {
    // Through its JSON form each time.
    const state = await RunState.fromString(agent, result.state.toString());
    const decided = decisions(state);
    const one = async () => {
      const { approvals } = server.client({ token: server.tokens.reviewer });
      const { approvals: pending } = await approvals.listPending({ toolName: "pay_three" });
      const to = names.find((name) => pending.some(({ arguments: args }) => args?.to === name));
      await decideOne(to as string);
    };
    await one();
    await decided;
    result = await run(agent, state);
  }
  assert.equal(rounds, 3);
  assert.equal(model.read("c0"), "paid alice");
  assert.match(String(model.read("c1")), /^NOT RUN\. .*Not Bob\./);
  assert.equal(model.read("c2"), "paid carol");
  assert.deepEqual(ran.sort(), ["alice", "carol"]);

  async function decideOne(to: string): Promise<void> {
    const { approvals } = server.client({ token: server.tokens.reviewer });
    const { approvals: pending } = await approvals.listPending({ toolName: "pay_three" });
    const found = pending.find(({ arguments: args }) => args?.to === to);
    await approvals.decide({
      approvalId: found?.id ?? "",
      requestId: crypto.randomUUID(),
      seen: { case: "revision", value: found?.revision ?? 0n },
      choice: to === "bob" ? 2 : 1,
      comment: to === "bob" ? "Not Bob." : "",
    });
  }
});

test("a call that the policy decides does not pause the run", async () => {
  const ran: string[] = [];
  const model = new ScriptedModel(
    [...calls("auto.pay", { to: "alice" }), ...calls("forbidden.pay", { to: "alice" }, "c2")],
    "done",
  );
  const agent = gate(agentOf([paying("auto.pay", ran), paying("forbidden.pay", ran)], model), server.client(), DURABLE);
  const result = await run(agent, "go", { context: { ticket: "T-auto" } });
  assert.equal(result.finalOutput, "done");
  assert.equal(model.read("c1"), "paid alice");
  assert.match(String(model.read("c2")), /^NOT RUN\. The policy/);
  assert.deepEqual(ran, ["alice"]);
});

test("an interruption that the SDK approves by itself runs nothing before the decision", async () => {
  const ran: string[] = [];
  const model = new ScriptedModel(calls("pay_forced", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("pay_forced", ran)], model), server.client(), { ...DURABLE, timeoutMs: 1000 });
  const result: Any = await run(agent, "go", { context: { ticket: "T-forced" } });
  result.state.approve(result.interruptions[0]);
  // The gate waits in the tool's execution then.
  const last: Any = await run(agent, result.state);
  assert.equal(last.finalOutput, "done");
  assert.match(String(model.read("c1")), /^NOT RUN\. No reviewer decided/);
  assert.deepEqual(ran, []);
});

test("a standing approval of the SDK is refused", async () => {
  const ran: string[] = [];
  const model = new ScriptedModel(calls("pay_always", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("pay_always", ran)], model), server.client(), DURABLE);
  const result: Any = await run(agent, "go", { context: { ticket: "T-always" } });
  result.state.approve(result.interruptions[0], { alwaysApprove: true });
  await assert.rejects(run(agent, result.state), /standing approval .*alwaysApprove/);
  assert.deepEqual(ran, []);
});

test("needsApproval of a tool comes before the gate, and is refused with durable", async () => {
  const ran: string[] = [];
  const waits = gate(
    agentOf(
      [paying("auto.both", ran, { needsApproval: true })],
      new ScriptedModel(calls("auto.both", { to: "a" }), "done"),
    ),
    server.client(),
  );
  const result: Any = await run(waits, "go");
  assert.equal(result.interruptions.length, 1);
  assert.deepEqual(await server.approvals("auto.both"), []);
  result.state.approve(result.interruptions[0]);
  await run(waits, result.state);
  assert.deepEqual(ran, ["a"]);
  const durable = gate(
    agentOf(
      [paying("auto.own", ran, { needsApproval: true })],
      new ScriptedModel(calls("auto.own", { to: "a" }), "done"),
    ),
    server.client(),
    DURABLE,
  );
  await assert.rejects(run(durable, "go", { context: { ticket: "T-own" } }), /needsApproval of its own/);
  assert.deepEqual(ran, ["a"]);
});

test("the interruption of an agent as a tool with needsApproval is left alone", async () => {
  const ran: string[] = [];
  const payer = gate(agentOf([], new ScriptedModel("asked"), { name: "payer" }), server.client(), DURABLE);
  const asked = payer.asTool({ toolName: "ask_payer", toolDescription: "Asks.", needsApproval: true });
  const both = [...calls("pay_beside", { to: "alice" }), ...calls("ask_payer", { input: "pay" }, "o1")];
  const model = new ScriptedModel(both, "done");
  const boss = gate(agentOf([paying("pay_beside", ran), asked], model), server.client(), DURABLE);
  let result: Any = await run(boss, "go", { context: { ticket: "T-beside" } });
  assert.equal(result.interruptions.length, 2);
  await server.reviewer("pay_beside").approve();
  await decisions(result.state);
  result = await run(boss, result.state);
  const left = result.interruptions.map(({ name }: Any) => name);
  assert.deepEqual([left, ran], [["ask_payer"], ["alice"]]);
  await assert.rejects(decisions(result.state), /not paused by a gate/);
  result.state.approve(result.interruptions[0]);
  await run(boss, result.state);
  assert.equal(model.read("o1"), "asked");
});

test("a paused run of an agent that is used as a tool goes on", async () => {
  const ran: string[] = [];
  const inner = new ScriptedModel(calls("pay_nested", { to: "alice" }), "paid");
  const outer = new ScriptedModel(calls("ask_payer", { input: "pay" }, "o1"), "done");
  const payer = gate(agentOf([paying("pay_nested", ran)], inner, { name: "payer" }), server.client(), DURABLE);
  const boss = gate(
    agentOf([payer.asTool({ toolName: "ask_payer", toolDescription: "Asks." })], outer, { name: "boss" }),
    server.client(),
    DURABLE,
  );
  const result: Any = await run(boss, "go", { context: { ticket: "T-nested" } });
  assert.equal(result.interruptions.length, 1);
  const state = await RunState.fromString(boss, result.state.toString());
  const decided = decisions(state);
  await server.reviewer("pay_nested").approve();
  await decided;
  const last: Any = await run(boss, state);
  assert.equal(last.finalOutput, "done");
  assert.deepEqual(ran, ["alice"]);
});

test("an agent as a tool with a context of its own cannot pause", () => {
  const payer = gate(agentOf([paying("pay_own")], new ScriptedModel()), server.client(), DURABLE);
  const options = { toolName: "ask", toolDescription: "Asks.", runOptions: { context: { ticket: "other" } } };
  assert.throws(() => payer.asTool(options as Any), /context of its own/);
});

test("a streamed run pauses and goes on", async () => {
  const model = new ScriptedModel(calls("pay_streamed", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("pay_streamed")], model), server.client(), DURABLE);
  const stream = await run(agent, "go", { context: { ticket: "T-streamed" }, stream: true });
  await stream.completed;
  assert.equal(stream.interruptions.length, 1);
  const decided = decisions(stream.state);
  await server.reviewer("pay_streamed").approve();
  await decided;
  const last = await run(agent, stream.state, { stream: true });
  await last.completed;
  assert.equal(last.finalOutput, "done");
  assert.equal(model.read("c1"), "paid alice");
});

test("a call that is not JSON, or does not fit, runs nothing and lets the run go on", async () => {
  for (const [index, input] of ["not JSON", '["alice"]', '{"to":7}', "{}"].entries()) {
    const ran: string[] = [];
    const model = new ScriptedModel([{ id: "c1", tool: "auto.unfit", input }], "done");
    const agent = gate(agentOf([paying("auto.unfit", ran)], model), server.client(), DURABLE);
    let result: Any = await run(agent, "go", { context: { ticket: `T-unfit-${index}` } });
    while (result.interruptions.length > 0) {
      await decisions(result.state);
      result = await run(agent, result.state);
    }
    assert.equal(result.finalOutput, "done");
    assert.match(String(model.read("c1")), /^NOT RUN|^An error occurred while parsing/, input);
    assert.deepEqual(ran, [], input);
  }
  assert.deepEqual(await server.approvals("auto.unfit"), []);
});

test("a state that was changed where it is stored runs nothing", async () => {
  const ran: string[] = [];
  const model = new ScriptedModel(calls("pay_changed", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("pay_changed", ran)], model), server.client(), DURABLE);
  const result: Any = await run(agent, "go", { context: { ticket: "T-changed" } });
  await server.reviewer("pay_changed").approve();
  const changed = result.state.toString().replaceAll("alice", "mallory");
  const state = await RunState.fromString(agent, changed);
  await decisions(state);
  await run(agent, state);
  assert.match(String(model.read("c1")), /^NOT RUN/);
  assert.deepEqual(ran, []);
});

test("a wait for decisions can be stopped, and leaves the approval as it is", async () => {
  await using other = await Server.start("heartbeat=50ms");
  const model = new ScriptedModel(calls("pay_stopped", { to: "alice" }), "done");
  const controller = new AbortController();
  // When it waits.
  const onProgress = () => controller.abort();
  const options = { ...DURABLE, cancelOnAbandon: true, onProgress };
  const agent = gate(agentOf([paying("pay_stopped")], model), other.client(), options);
  const result: Any = await run(agent, "go", { context: { ticket: "T-stopped" } });
  await assert.rejects(decisions(result.state, { stopWaiting: controller.signal }), { kind: "StillWaiting" });
  await other.reviewer("pay_stopped").approve();
  await decisions(result.state);
  await run(agent, result.state);
  assert.equal(model.read("c1"), "paid alice");
});

test("a run that goes on from its JSON form knows who handed it on", async () => {
  const model = new ScriptedModel(
    calls("transfer_to_payer", {}, "h1"),
    calls("pay_chained", { to: "alice" }),
    calls("pay_chained", { to: "bob" }, "c2"),
    "done",
  );
  const payer = agentOf([paying("pay_chained")], model, { name: "payer" });
  const triage = gate(agentOf([], model, { name: "triage", handoffs: [payer] }), server.client(), DURABLE);
  const first: Any = await run(triage, "go", { context: { ticket: "T-chained" } });
  await server.reviewer("pay_chained").approve();
  const state = await RunState.fromString(triage, first.state.toString());
  await decisions(state);
  await run(triage, state);
  const { agent, arguments: args } = await server.reviewer("pay_chained").pending();
  assert.deepEqual([args, agent?.name, agent?.chain], [{ to: "bob" }, "payer", ["triage"]]);
});

test("decisions refuses a state that no durable gate paused", async () => {
  const model = new ScriptedModel(calls("auto.none", { to: "alice" }), "done");
  const agent = gate(agentOf([paying("auto.none")], model), server.client());
  const result: Any = await run(agent, "go");
  await assert.rejects(decisions(result.state), /not paused by a gate/);
});

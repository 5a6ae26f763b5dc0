import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Agent, handoff, Runner, run, tool } from "@openai/agents";
import { z } from "zod";
import { gate } from "../../../src/adapters/openai-agents.js";
import { Cancelled } from "../../../src/refusals.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Any, agentOf, calls, decide, ScriptedModel } from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** A tool that says what it was called with. */
function sending(name: string, ran: Any[] = [], more: Any = {}) {
  return tool({
    name,
    description: "Sends.",
    parameters: z.object({ to: z.string(), amount: z.number() }),
    execute: async (args: Any, context?: Any, details?: Any) => {
      ran.push({ args, context, details });
      return `${args.amount} to ${args.to}`;
    },
    ...more,
  });
}

const INPUT = { to: "alice", amount: 10 };

test("an approved call runs with the approved arguments", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_approved", INPUT), "done");
  const agent = gate(agentOf([sending("send_approved", ran)], model), server.client(), { runId: "run-approved" });
  const result = run(agent, "go");
  const approval = await server.reviewer("send_approved").pending();
  assert.deepEqual(approval.arguments, INPUT);
  assert.deepEqual([approval.agent?.name, approval.agent?.runId], ["mailer", "run-approved"]);
  await server.reviewer("send_approved").approve();
  assert.equal((await result).finalOutput, "done");
  assert.equal(model.read("c1"), "10 to alice");
  assert.deepEqual(
    ran.map(({ args }) => args),
    [INPUT],
  );
  const [recorded] = await server.approvals("send_approved");
  assert.equal(recorded?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test("an edited call runs with the edited arguments, and its details say so", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_edited", INPUT), "done");
  const agent = gate(agentOf([sending("send_edited", ran)], model), server.client());
  const result = run(agent, "go");
  await decide(server, "send_edited", 1, () => ({ edit: { to: "bob", amount: 2.5 } }));
  await result;
  assert.equal(model.read("c1"), "2.5 to bob");
  assert.deepEqual(ran[0].args, { to: "bob", amount: 2.5 });
  assert.deepEqual(JSON.parse(ran[0].details.toolCall.arguments), { to: "bob", amount: 2.5 });
});

test("a rejected call never runs, and the model reads the reviewer's words", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_rejected", INPUT), "done");
  const agent = gate(agentOf([sending("send_rejected", ran)], model), server.client());
  const result = run(agent, "go");
  await server.reviewer("send_rejected").reject("Not on a Sunday.");
  await result;
  assert.match(String(model.read("c1")), /^NOT RUN\. A reviewer rejected .*Not on a Sunday\./);
  assert.equal(ran.length, 0);
});

test("a call that nobody decides times out, and never runs", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_late", INPUT), "done");
  const agent = gate(agentOf([sending("send_late", ran)], model), server.client(), { timeoutMs: 1000 });
  await run(agent, "go");
  assert.match(String(model.read("c1")), /^NOT RUN\. Nobody decided/);
  assert.equal(ran.length, 0);
});

test("the policy approves and rejects by itself", async () => {
  const ran: Any[] = [];
  const namespaced = (name: string) => ({ ...sending("send", ran), name });
  const model = new ScriptedModel([...calls("auto.send", INPUT), ...calls("forbidden.send", INPUT, "c2")], "done");
  const agent = gate(agentOf([namespaced("auto.send"), namespaced("forbidden.send")], model), server.client());
  await run(agent, "go");
  assert.equal(model.read("c1"), "10 to alice");
  assert.match(String(model.read("c2")), /^NOT RUN\. The policy does not allow .*Dropping tables/);
  assert.equal(ran.length, 1);
});

test("three parallel calls are three approvals, and each result is at its own call", async () => {
  const ran: Any[] = [];
  const three = ["alice", "bob", "carol"].flatMap((to, index) => calls("send_three", { to, amount: 1 }, `c${index}`));
  const model = new ScriptedModel(three, "done");
  const agent = gate(agentOf([sending("send_three", ran)], model), server.client(), { runId: "three" });
  const result = run(agent, "go");
  await decide(server, "send_three", 3, ({ arguments: args }) =>
    args?.to === "bob"
      ? { reject: "Not Bob." }
      : args?.to === "carol"
        ? { edit: { to: "carol", amount: 3 } }
        : "approve",
  );
  await result;
  assert.equal(model.read("c0"), "1 to alice");
  assert.match(String(model.read("c1")), /Not Bob\./);
  assert.equal(model.read("c2"), "3 to carol");
  assert.equal((await server.approvals("send_three")).length, 3);
  assert.equal(ran.length, 2);
});

test("a run again with the same call does not ask twice, and runs nothing twice", async () => {
  const ran: Any[] = [];
  const once = async () => {
    const model = new ScriptedModel(calls("send_again", INPUT), "done");
    await run(gate(agentOf([sending("send_again", ran)], model), server.client(), { runId: "again" }), "go");
    return model.read("c1");
  };
  const first = once();
  await server.reviewer("send_again").approve();
  assert.equal(await first, "10 to alice");
  assert.match(String(await once()), /^NOT RUN AGAIN\./);
  assert.equal((await server.approvals("send_again")).length, 1);
  assert.equal(ran.length, 1);
});

test("a model that repeats its ids with other arguments gets nothing run", async () => {
  const ran: Any[] = [];
  const repeated = { ...sending("send", ran), name: "auto.repeated" };
  const once = async (input: unknown) => {
    const model = new ScriptedModel(calls("auto.repeated", input), "done");
    // The SDK itself refuses it within one run.
    await run(gate(agentOf([repeated], model), server.client(), { runId: "repeats" }), "go");
    return model.read("c1");
  };
  assert.equal(await once(INPUT), "10 to alice");
  assert.match(String(await once({ to: "mallory", amount: 1 })), /^NOT RUN/);
  assert.deepEqual(
    ran.map(({ args }) => args.to),
    ["alice"],
  );
});

test("streams wait and run in the same way", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_streamed", INPUT), "done");
  const agent = gate(agentOf([sending("send_streamed", ran)], model), server.client());
  const result = await run(agent, "go", { stream: true });
  const read = (async () => {
    for await (const _ of result);
    await result.completed;
  })();
  await server.reviewer("send_streamed").approve();
  await read;
  assert.equal(model.read("c1"), "10 to alice");
  assert.equal(result.finalOutput, "done");
});

test("the context is passed on, and appears nowhere else", async () => {
  const secret = `secret-${crypto.randomUUID()}`;
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_secret", INPUT), "done");
  const agent = gate(agentOf([sending("send_secret", ran)], model), server.client(), {
    runId: ({ context }) => context.run,
    optionsFor: ({ runContext }) => ({ labels: { team: runContext.context.team } }),
  });
  const result = run(agent, "go", { context: { secret, run: "secret-run", team: "billing" } });
  const { agent: known, labels } = await server.reviewer("send_secret").pending();
  await server.reviewer("send_secret").approve();
  await result;
  assert.equal(ran[0].context.context.secret, secret);
  assert.deepEqual([known?.runId, labels], ["secret-run", { team: "billing" }]);
  assert.equal(await server.hasKept(secret), false);
  assert.ok(!JSON.stringify(model.requests).includes(secret));
});

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
    [...calls("delete_file", { path: "/a" }), ...calls("delete_file", { path: "/b", sudo: true }, "c2")],
    "done",
  );
  const agent = gate(agentOf([], model, { mcpServers: [mcp] }), server.client());
  const result = run(agent, "go");
  const shown: Any[] = [];
  await decide(server, "delete_file", 2, ({ arguments: args }) => {
    shown.push(args);
    return args?.path === "/a" ? "approve" : { reject: "Not with sudo." };
  });
  await result;
  shown.sort((one, other) => (one.path < other.path ? -1 : 1));
  // What the server behind would fill in is shown, and names that its schema does not have, which the SDK lets through.
  assert.deepEqual(shown, [
    { path: "/a", force: false },
    { path: "/b", force: false, sudo: true },
  ]);
  assert.deepEqual(called, [["delete_file", { path: "/a", force: false }]]);
  assert.match(String(model.read("c2")), /^NOT RUN\. .*sudo/);
});

test("a tool that fails goes the way of the SDK, and is reported FAILED", async () => {
  const failing = (name: string, more: Any = {}) => {
    const execute = async () => {
      throw new Error("no such account");
    };
    return { ...sending("send", [], { execute, ...more }), name };
  };
  const model = new ScriptedModel(calls("auto.failing", INPUT), calls("auto.thrown", INPUT, "c2"), "done");
  const agent = gate(
    agentOf([failing("auto.failing"), failing("auto.thrown", { errorFunction: null })], model),
    server.client(),
  );
  await assert.rejects(run(agent, "go"), /no such account/);
  assert.match(String(model.read("c1")), /^An error occurred while running the tool/);
  for (const name of ["auto.failing", "auto.thrown"]) {
    const [recorded] = await server.approvals(name);
    assert.equal(recorded?.claim?.outcome?.result, ExecutionResult.FAILED, name);
  }
});

test("a refusal that a tool throws is not taken for its own", async () => {
  const execute = async () => {
    throw new Cancelled({ toolName: "another" });
  };
  const failing = { ...sending("send", [], { execute, errorFunction: null }), name: "auto.within" };
  const agent = gate(agentOf([failing], new ScriptedModel(calls("auto.within", INPUT))), server.client());
  await assert.rejects(run(agent, "go"), /The request to call another was withdrawn/);
  const [recorded] = await server.approvals("auto.within");
  assert.equal(recorded?.claim?.outcome?.result, ExecutionResult.FAILED);
});

test("a tool's time is that of its work, and not of the wait", async () => {
  const model = new ScriptedModel(calls("send_slow", INPUT), "done");
  let end = () => {};
  const slow = sending("send_slow", [], {
    timeoutMs: 1,
    execute: () =>
      new Promise((resolve) => {
        end = () => resolve("late");
      }),
  });
  const agent = gate(agentOf([slow], model), server.client());
  const result = run(agent, "go");
  // It takes more than the tool's time to be asked for.
  await server.reviewer("send_slow").pending();
  await server.reviewer("send_slow").approve();
  await result;
  end();
  assert.equal(model.read("c1"), "Tool 'send_slow' timed out after 1ms.");
  const [recorded] = await server.approvals("send_slow");
  assert.equal(recorded?.claim?.outcome?.result, ExecutionResult.FAILED);
});

test("an aborted run runs nothing, and leaves the request or withdraws it", async () => {
  for (const cancelOnAbandon of [false, true]) {
    const ran: Any[] = [];
    const name = `send_aborted_${cancelOnAbandon}`;
    const model = new ScriptedModel(calls(name, INPUT), "done");
    const agent = gate(agentOf([sending(name, ran)], model), server.client(), { cancelOnAbandon });
    const controller = new AbortController();
    const result = run(agent, "go", { signal: controller.signal });
    await server.reviewer(name).pending();
    controller.abort();
    await result.catch(() => {});
    // The wait ends for itself.
    const wanted = cancelOnAbandon ? ApprovalStatus.CANCELLED : ApprovalStatus.PENDING;
    const { approvals } = server.client();
    const [approval] = await server.approvals(name);
    if (cancelOnAbandon) for await (const _ of approvals.watchApproval({ approvalId: approval?.id ?? "" }));
    assert.equal((await server.approvals(name))[0]?.status, wanted);
    if (!cancelOnAbandon) await server.reviewer(name).approve();
    assert.equal(ran.length, 0);
  }
});

test("onRefusal throw ends the run", async () => {
  const ran: Any[] = [];
  const model = new ScriptedModel(calls("send_thrown", INPUT), "done");
  const agent = gate(agentOf([sending("send_thrown", ran)], model), server.client(), { onRefusal: "throw" });
  const result = run(agent, "go");
  const rejected = assert.rejects(result, /Not today/);
  await server.reviewer("send_thrown").reject("Not today.");
  await rejected;
  assert.equal(ran.length, 0);
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

test("a run that ends while another call waits does not run that call", async () => {
  const ran: Any[] = [];
  const crash = async () => {
    throw new Error("crashed");
  };
  const crashing = { ...sending("send", [], { execute: crash, errorFunction: null }), name: "auto.crashing" };
  const both = [...calls("send_sibling", INPUT), ...calls("auto.crashing", INPUT, "c2")];
  const agent = agentOf([sending("send_sibling", ran), crashing], new ScriptedModel(both));
  await assert.rejects(run(gate(agent, server.client(), { cancelOnAbandon: true }), "go"), /crashed/);
  const [sibling] = await server.approvals("send_sibling");
  // Until it is withdrawn.
  for await (const _ of server.client().approvals.watchApproval({ approvalId: sibling?.id ?? "" }));
  assert.equal((await server.approvals("send_sibling"))[0]?.status, ApprovalStatus.CANCELLED);
  assert.equal(ran.length, 0);
});

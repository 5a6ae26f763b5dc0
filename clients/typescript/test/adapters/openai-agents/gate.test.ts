import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { run } from "@openai/agents";
import { gate } from "../../../src/adapters/openai-agents.js";
import { Cancelled } from "../../../src/refusals.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Any, agentOf, calls, decide, INPUT, ScriptedModel, sending } from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

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
  assert.match(String(model.read("c1")), /^NOT RUN\. No reviewer decided/);
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

test("the context is not in the error of a runId that returns it", async () => {
  const ran: Any[] = [];
  const agent = agentOf([sending("send_context", ran)], new ScriptedModel(calls("send_context", INPUT)));
  const gated = gate(agent, server.client(), { runId: ({ context }) => context });
  await assert.rejects(run(gated, "go", { context: { secret: "hunter2" } }), ({ message }: Error) => {
    assert.match(message, /runId of gate must return the run's name .*type object/);
    return !message.includes("hunter2");
  });
  assert.deepEqual(ran, []);
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

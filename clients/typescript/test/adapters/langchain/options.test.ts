import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { tool as coreTool } from "@langchain/core/tools";
import { createAgent } from "langchain";
import { z } from "zod";
import { approvalMiddleware } from "../../../src/adapters/langchain.js";
import { gateTools } from "../../../src/adapters/langgraph.js";
import { ApprovalStatus } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Any, call, Mail, run, Scripted, toolName } from "./agents.js";
import { agentOf, around, readOf } from "./middlewares.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

suite("misuse", () => {
  test("options that make no sense", () => {
    const client = server.client();
    const wrong: [unknown, RegExp][] = [
      [{ timeout: 1 }, /unknown option timeout of .*: did you mean timeoutMs\?/],
      [{ callId: "x" }, /unknown option callId/],
      [{ durable: "yes" }, /durable of .* must be a boolean/],
      [{ optionsFor: {} }, /optionsFor of .* must be a function/],
      [{ ungated: "x" }, /ungated of .* must be an array of names/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => approvalMiddleware(client, options as Any), message);
      assert.throws(() => gateTools([], client, options as Any), message);
    }
    assert.throws(() => approvalMiddleware({} as Any), /client of approvalMiddleware must be a Client/);
    assert.throws(() => gateTools({} as Any, client), /tools of gateTools must be an array/);
    assert.throws(() => gateTools([], client, { ungated: ["x"] }), /ungated of gateTools names x, which is not one/);
  });

  test("options of one call that make no sense", async () => {
    const mail = new Mail(toolName("auto"));
    const wrong: [() => Any, RegExp][] = [
      [() => ({ label: {} }), /unknown option label of optionsFor/],
      [async () => ({}), /the options of optionsFor must be a plain object/],
      [() => ({ toolName: "auto.other" }), /unknown option toolName/],
    ];
    for (const [optionsFor, message] of wrong) {
      const agent = agentOf(mail, [approvalMiddleware(server.client(), { optionsFor })]);
      assert.match(await readOf(agent), message);
    }
    assert.deepEqual(await server.approvals(mail.tool.name), []);
  });

  test("gated twice", async () => {
    const mail = new Mail(toolName("auto"));
    const [tool] = gateTools([mail.tool], server.client());
    assert.throws(() => gateTools([tool], server.client()), /is gated already/);
    const middleware = [approvalMiddleware(server.client())];
    const agent = createAgent({ model: new Scripted([call(mail.tool.name)]), tools: [tool], middleware });
    assert.match(await readOf(agent), /is gated already/);
    assert.deepEqual(mail.runs, []);
  });

  test("a schema that takes what has no JSON form", () => {
    const schema = z.object({ at: z.map(z.string(), z.string()) });
    const tool = coreTool(() => "", { name: "maps", description: "Maps.", schema });
    assert.throws(() => gateTools([tool], server.client()), /has a Map at at, which has no JSON form/);
  });
});

suite("options", () => {
  test("of all calls, and of one", async () => {
    const mail = new Mail(toolName());
    const client = server.client();
    const seen: Any[] = [];
    const options = approvalMiddleware(client, {
      labels: { team: "mail" },
      reason: "Because.",
      agentName: "mailer",
      optionsFor: ({ args, toolCallId, state, runtime, toolName }) => {
        seen.push([toolName, args, toolCallId, state.messages.length, runtime.context.user]);
        return { runId: runtime.context.user, labels: { to: String(args.to) } };
      },
    });
    const agent = agentOf(mail, [options]);
    const running = run(agent, { context: { user: "user-7" } });
    const pending = await server.reviewer(mail.tool.name).pending();
    assert.deepEqual(pending.labels, { team: "mail", to: "alice@company.com" });
    assert.deepEqual([pending.reason, pending.agent?.name, pending.agent?.runId], ["Because.", "mailer", "user-7"]);
    assert.deepEqual(seen, [[mail.tool.name, { to: "alice@company.com", count: 1 }, "call-1", 2, "user-7"]]);
    await server.reviewer(mail.tool.name).approve();
    await running;
  });

  test("the agent's name is that of createAgent", async () => {
    const mail = new Mail(toolName());
    const model = new Scripted([call(mail.tool.name)]);
    const middleware = [approvalMiddleware(server.client())];
    const running = run(createAgent({ name: "clerk", model, tools: [mail.tool], middleware }));
    const pending = await server.reviewer(mail.tool.name).pending();
    assert.equal(pending.agent?.name, "clerk");
    await server.reviewer(mail.tool.name).reject("No.");
    await running;
  });

  for (const how of ["an abort", "a time limit of the graph's step"]) {
    test(`${how} ends the wait, and nothing runs later`, async () => {
      const mail = new Mail(toolName());
      const waits: Promise<unknown>[] = [];
      const observer = around((request: Any, handler: Any) => {
        const wait = handler(request);
        waits.push(wait);
        return wait;
      });
      const agent = agentOf(mail, [observer, approvalMiddleware(server.client())]);
      const controller = new AbortController();
      if (how !== "an abort") agent.graph.stepTimeout = 1500;
      const ended = assert.rejects(run(agent, { signal: controller.signal }));
      const { id } = await server.reviewer(mail.tool.name).pending();
      if (how === "an abort") controller.abort(new Error("enough"));
      await ended;
      await server.reviewer(mail.tool.name).approve();
      await Promise.allSettled(waits);
      const { approval } = await server.client().approvals.getApproval({ approvalId: id });
      assert.deepEqual([approval?.status, approval?.claim], [ApprovalStatus.APPROVED, undefined]);
      assert.deepEqual(mail.runs, []);
    });
  }
});

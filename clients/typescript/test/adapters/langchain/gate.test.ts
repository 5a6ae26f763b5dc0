import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { END, MemorySaver, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import { gateTools } from "../../../src/adapters/langgraph.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import {
  type Any,
  BUILDERS,
  call,
  DONE,
  Mail,
  messagesOf,
  readOf,
  resultOf,
  run,
  Scripted,
  TASKS,
  thread,
  toolName,
} from "./agents.js";
import { type Decision, decide, recipientOf } from "./reviewing.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

for (const [name, build] of Object.entries(BUILDERS)) {
  suite(name, () => {
    /** Runs an agent with one call, which is decided so: its state in the end. */
    async function decided(mail: Mail, decision: Decision, args?: Record<string, unknown>): Promise<Any> {
      const tool = mail.tool.name;
      const agent = build(new Scripted([call(tool, args)]), [mail.tool], server.client());
      const [state] = await Promise.all([run(agent, thread()), decide(server, tool, 1, () => decision)]);
      return state;
    }

    test("approved: runs with the approved arguments, defaults among them", async () => {
      const mail = new Mail(toolName());
      const config = thread();
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], server.client(), { agentName: "mailer" });
      const running = run(agent, config);
      const pending = await server.reviewer(mail.tool.name).pending();
      assert.deepEqual(pending.arguments, { to: "alice@company.com", count: 1 });
      assert.deepEqual([pending.agent?.name, pending.agent?.runId], ["mailer", config.configurable.thread_id]);
      assert.deepEqual(mail.runs, []);
      await server.reviewer(mail.tool.name).approve();
      const result = resultOf(await running);
      assert.deepEqual([result.content, result.status], ["sent 1 to alice@company.com", "success"]);
      assert.deepEqual([result.tool_call_id, result.name], ["call-1", mail.tool.name]);
      assert.deepEqual(mail.runs, [{ to: "alice@company.com", count: 1 }]);
      const [approval] = await server.approvals(mail.tool.name);
      assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
    });

    test("edited: runs with the edited arguments", async () => {
      const seen: unknown[] = [];
      const mail = new Mail(toolName(), (_, config) => void seen.push(config.toolCall?.args));
      const state = await decided(mail, { edit: { to: "bob@company.com", count: 2 } });
      assert.equal(resultOf(state).content, "sent 2 to bob@company.com");
      assert.deepEqual(mail.runs, [{ to: "bob@company.com", count: 2 }]);
      assert.deepEqual(seen, mail.runs);
    });

    test("an edit that does not fit is refused before it is claimed", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const agent = build(new Scripted([call(tool)]), [mail.tool], server.client(), { deriveSchema: false });
      const edit = { to: "bob@company.com", count: "two" };
      const [state] = await Promise.all([run(agent, thread()), decide(server, tool, 1, () => ({ edit }))]);
      assert.match(String(resultOf(state).content), /^NOT RUN\. .*count does not fit/);
      assert.deepEqual(mail.runs, []);
      const [approval] = await server.approvals(tool);
      assert.equal(approval?.claim, undefined);
    });

    test("rejected: the model reads the reviewer's words", async () => {
      const mail = new Mail(toolName());
      const state = await decided(mail, { reject: "Use the staging list." });
      const result = resultOf(state);
      assert.match(String(result.content), /^NOT RUN\. A reviewer rejected .*: Use the staging list\./);
      assert.deepEqual([result.status, result.tool_call_id, result.name], ["error", "call-1", mail.tool.name]);
      assert.deepEqual(mail.runs, []);
    });

    test("nobody decides in time", async () => {
      const mail = new Mail(toolName());
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], server.client(), { timeoutMs: 1000 });
      assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. No reviewer decided/);
      assert.deepEqual(mail.runs, []);
    });

    test("the policy decides", async () => {
      const [harmless, forbidden] = [new Mail(toolName("auto")), new Mail(toolName("forbidden"))];
      const calls = [call(harmless.tool.name, { to: "a" }, "a"), call(forbidden.tool.name, { to: "b" }, "b")];
      const agent = build(new Scripted(calls), [harmless.tool, forbidden.tool], server.client());
      const read = readOf(await run(agent, thread()));
      assert.equal(read.a, "sent 1 to a");
      assert.match(String(read.b), /^NOT RUN\. .*Dropping tables is not allowed\./);
      assert.deepEqual([harmless.runs.length, forbidden.runs.length], [1, 0]);
    });

    test("the server cannot be reached", async () => {
      const mail = new Mail(toolName());
      const client = server.client({ address: "http://127.0.0.1:1", logger: { warn: () => {} } });
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], client, { patienceMs: 0 });
      assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. .*cannot be reached/);
      assert.deepEqual(mail.runs, []);
    });

    test("options that throw: the tool does not run, and nothing is asked", async () => {
      const mail = new Mail(toolName());
      const optionsFor = () => {
        throw new Error("no labels today");
      };
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], server.client(), { optionsFor });
      // A ToolNode makes a message of it; createAgent ends the run.
      const read = await run(agent, thread()).then((state) => String(resultOf(state).content), String);
      assert.match(read, /no labels today/);
      assert.deepEqual(mail.runs, []);
      assert.deepEqual(await server.approvals(mail.tool.name), []);
    });

    test("aborted while waiting: the run ends, and nothing runs when it is approved later", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const controller = new AbortController();
      const agent = build(new Scripted([call(tool)]), [mail.tool], server.client());
      const running = run(agent, { ...thread(), signal: controller.signal });
      const ended = assert.rejects(running);
      const { id } = await server.reviewer(tool).pending();
      controller.abort(new Error("enough"));
      await ended;
      await server.reviewer(tool).approve();
      const { approval } = await server.client().approvals.getApproval({ approvalId: id });
      assert.deepEqual([approval?.status, approval?.claim], [ApprovalStatus.APPROVED, undefined]);
      assert.deepEqual(mail.runs, []);
    });

    test("three calls in one turn are three approvals, each with its own decision", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const calls = ["alice", "bob", "carol"].map((to) => call(tool, { to }, `call-${to}`));
      const agent = build(new Scripted(calls), [mail.tool], server.client());
      const decisions: Record<string, Decision> = {
        alice: "approve",
        bob: { reject: "Not Bob." },
        carol: { edit: { to: "carol", count: 3 } },
      };
      const how = (approval: Any) => decisions[recipientOf(approval)] as Decision;
      const [state] = await Promise.all([run(agent, thread()), decide(server, tool, 3, how)]);
      const read = readOf(state);
      assert.equal(read["call-alice"], "sent 1 to alice");
      assert.match(String(read["call-bob"]), /Not Bob\./);
      assert.equal(read["call-carol"], "sent 3 to carol");
      assert.equal(messagesOf(state).length, 3);
      assert.equal((await server.approvals(tool)).length, 3);
      assert.equal(mail.runs.length, 2);
    });

    test("run again from before the call: it is not asked for twice, and does not run again", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const checkpointer = new MemorySaver();
      const config = thread();
      const agent = build(new Scripted([call(tool)]), [mail.tool], server.client(), { checkpointer });
      await Promise.all([run(agent, config), decide(server, tool, 1, () => "approve")]);
      const graph = agent.graph ?? agent;
      let before: Any;
      for await (const state of graph.getStateHistory(config)) if (state.next.includes("tools")) before = state.config;
      const again = await agent.invoke(null, before);
      const read = String(resultOf(again).content);
      assert.match(read, /^NOT RUN AGAIN\. The call to .* was approved and started at .*, and succeeded/);
      assert.equal(mail.runs.length, 1);
      assert.equal((await server.approvals(tool)).length, 1);
    });

    // A ToolNode with all calls of a message skips those whose id has a result.
    const skip = !Object.hasOwn(TASKS, name);
    test("the same ids in a later turn are another call", { skip }, async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const agent = build(new Scripted([call(tool)], [call(tool)]), [mail.tool], server.client());
      const [state] = await Promise.all([run(agent, thread()), decide(server, tool, 2, () => "approve")]);
      assert.equal(messagesOf(state).length, 2);
      assert.equal(mail.runs.length, 2);
    });

    test("calls of one message that share an id run once, and none with other arguments", async () => {
      const mail = new Mail(toolName("auto"));
      const tool = mail.tool.name;
      const calls = ["alice", "alice", "mallory"].map((to) => call(tool, { to }));
      const agent = build(new Scripted(calls), [mail.tool], server.client());
      const read = messagesOf(await run(agent, thread())).map(({ content }) => String(content));
      assert.equal(read.filter((text) => text.startsWith("sent 1")).length, 1);
      assert.equal(read.filter((text) => text.startsWith("NOT RUN")).length, 2);
      assert.equal(mail.runs.length, 1);
      assert.equal((await server.approvals(tool)).length, 1);
    });

    test("an error of the tool goes the framework's way, and is reported", async () => {
      const mail = new Mail(toolName("auto"), () => {
        throw new Error("the mail server is away");
      });
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], server.client());
      const read = await run(agent, thread()).then((state) => String(resultOf(state).content), String);
      assert.match(read, /the mail server is away/);
      const [approval] = await server.approvals(mail.tool.name);
      assert.equal(approval?.claim?.outcome?.result, ExecutionResult.FAILED);
      assert.equal(approval?.claim?.outcome?.message, "the mail server is away");
    });

    test("what is injected reaches the tool, and never the server", async () => {
      await using own = await Server.start();
      const secret = `secret-${crypto.randomUUID()}`;
      const got: unknown[] = [];
      const mail = new Mail(toolName("auto"), (_, config) => {
        got.push(config.context?.secret, config.configurable?.secret, config.metadata?.secret);
      });
      const tool = mail.tool.name;
      const agent = build(new Scripted([call(tool)]), [mail.tool], own.client());
      const config = { configurable: { thread_id: "t", secret }, context: { secret }, metadata: { secret } };
      const state = await run(agent, config);
      assert.equal(resultOf(state).content, "sent 1 to alice@company.com");
      assert.ok(got.includes(secret));
      await own.end("SIGTERM");
      assert.ok(await own.hasKept(tool));
      assert.ok(!(await own.hasKept(secret)));
      assert.ok(!JSON.stringify(state).includes(secret));
    });

    test("arguments that the tool does not take are refused before anybody is asked", async () => {
      const mail = new Mail(toolName());
      const calls = [call(mail.tool.name, { to: 7 }, "a"), call(mail.tool.name, { to: "x", bcc: "evil" }, "b")];
      const agent = build(new Scripted(calls), [mail.tool], server.client());
      const read = readOf(await run(agent, thread()));
      assert.match(String(read.a), /^NOT RUN\. .*to does not fit/);
      assert.match(String(read.b), /^NOT RUN\. .*bcc is not a parameter/);
      assert.deepEqual(await server.approvals(mail.tool.name), []);
    });

    test("streamed", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const agent = build(new Scripted([call(tool)]), [mail.tool], server.client());
      async function streamed(): Promise<Any> {
        let last: Any;
        const stream = await agent.stream({ messages: DONE }, { ...thread(), streamMode: "values" });
        for await (const state of stream) last = state;
        return last;
      }
      const [state] = await Promise.all([streamed(), decide(server, tool, 1, () => "approve")]);
      assert.equal(resultOf(state).content, "sent 1 to alice@company.com");
    });
  });
}

test("a task that is tried again finds its approval, also without a thread", async () => {
  const mail = new Mail(toolName("auto"), () => {
    throw new Error("away");
  });
  const model = new Scripted([call(mail.tool.name)]);
  const node = new ToolNode(gateTools([mail.tool], server.client()), { handleToolErrors: false });
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
    .addNode("tools", node, { retryPolicy: { maxAttempts: 3, initialInterval: 1, retryOn: () => true } })
    .addEdge(START, "model")
    .addConditionalEdges("model", toolsCondition, ["tools", END])
    .addEdge("tools", "model")
    .compile();
  const read = String(resultOf(await run(graph)).content);
  assert.match(read, /^NOT RUN AGAIN\. .*failed.*away/);
  assert.equal(mail.runs.length, 1);
  assert.equal((await server.approvals(mail.tool.name)).length, 1);
});

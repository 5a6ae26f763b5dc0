import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { Command, MemorySaver } from "@langchain/langgraph";
import { Handle } from "../../../src/index.js";
import { Server } from "../../server.js";
import {
  type Any,
  BUILDERS,
  type Build,
  call,
  Mail,
  type Options,
  pausesOf,
  readOf,
  resultOf,
  run,
  Scripted,
  TASKS,
  thread,
  toolName,
} from "./agents.js";
import { type Decision, decideOne, recipientOf } from "./reviewing.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** As Promise.withResolvers, which Node.js 20 does not have. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}

for (const [name, build] of Object.entries(TASKS)) {
  suite(name, () => {
    /** A durable agent with these calls, and its conversation. */
    function durable(mail: Mail, calls = [call(mail.tool.name)], options: Options = {}, others: Mail[] = []) {
      const tools = [mail, ...others].map(({ tool }) => tool);
      const given = { durable: true, checkpointer: new MemorySaver(), ...options };
      const agent = build(new Scripted(calls), tools, server.client(), given);
      const config = { ...thread(), durability: "sync" };
      return { agent, config, resume: (given: Any = null): Promise<Any> => agent.invoke(given, config) };
    }

    for (const answered of [false, true]) {
      test(`three calls are decided each by itself, resumed with ${answered ? "answers" : "nothing"}`, async () => {
        const mail = new Mail(toolName());
        const tool = mail.tool.name;
        const calls = ["alice", "bob", "carol"].map((to) => call(tool, { to }, `call-${to}`));
        const { agent, config, resume } = durable(mail, calls);
        const pauses = pausesOf(await run(agent, config));
        const ids = pauses.map(({ value }) => value.tool_call_id).sort();
        assert.deepEqual(ids, ["call-alice", "call-bob", "call-carol"]);
        // One that is decided runs; the others go on waiting.
        const decisions: Record<string, Decision> = {
          bob: { reject: "Not Bob." },
          carol: { edit: { to: "carol", count: 3 } },
        };
        const reviewer = server.client({ token: server.tokens.reviewer });
        for (const approval of await server.approvals(tool)) {
          const decision = decisions[recipientOf(approval)];
          if (decision) await decideOne(reviewer, approval, decision);
        }
        // The answers are the other way round: they decide nothing.
        const answers = new Command({
          resume: Object.fromEntries(pauses.map(({ id, value }) => [id, value.tool_call_id === "call-bob"])),
        });
        const between = await resume(answered ? answers : null);
        assert.deepEqual(
          pausesOf(between).map(({ value }) => value.tool_call_id),
          ["call-alice"],
        );
        assert.deepEqual(mail.runs, [{ to: "carol", count: 3 }]);
        const alice = (await server.approvals(tool)).find((approval) => recipientOf(approval) === "alice");
        assert.ok(alice);
        await decideOne(reviewer, alice, "approve");
        const read = readOf(await resume());
        assert.equal(read["call-alice"], "sent 1 to alice");
        assert.match(String(read["call-bob"]), /Not Bob\./);
        assert.equal(read["call-carol"], "sent 3 to carol");
        assert.deepEqual(
          mail.runs.map((args) => (args as Any).to),
          ["carol", "alice"],
        );
        assert.equal((await server.approvals(tool)).length, 3);
      });
    }

    test("a call that runs while another one pauses keeps its result", async () => {
      const [begun, finished] = [deferred(), deferred()];
      const mail = new Mail(toolName());
      const slow = new Mail(toolName("auto"), () => {
        begun.resolve();
        return finished.promise;
      });
      const calls = [call(mail.tool.name, { to: "a" }, "a"), call(slow.tool.name, { to: "b" }, "b")];
      const { agent, config, resume } = durable(mail, calls, {}, [slow]);
      const running = run(agent, config);
      await server.reviewer(mail.tool.name).pending();
      await begun.promise;
      finished.resolve();
      assert.equal(pausesOf(await running).length, 1);
      await server.reviewer(mail.tool.name).approve();
      const read = readOf(await resume());
      assert.deepEqual(read, { a: "sent 1 to a", b: "sent 1 to b" });
      assert.equal(slow.runs.length, 1);
    });

    test("the pause has a handle to wait with", async () => {
      const mail = new Mail(toolName());
      const { agent, config, resume } = durable(mail);
      const [pause] = pausesOf(await run(agent, config));
      const handle = Handle.fromJson(JSON.parse(JSON.stringify(pause.value.handle)));
      assert.equal(pause.value.tool_name, mail.tool.name);
      await Promise.all([server.client().wait(handle), server.reviewer(mail.tool.name).approve()]);
      assert.equal(resultOf(await resume()).content, "sent 1 to alice@company.com");
    });

    test("an answer is no approval", async () => {
      const mail = new Mail(toolName());
      const { agent, config, resume } = durable(mail);
      await run(agent, config);
      for (const answer of ["yes", true, { decisions: [{ type: "approve" }] }]) {
        assert.equal(pausesOf(await resume(new Command({ resume: answer }))).length, 1);
      }
      assert.deepEqual(mail.runs, []);
      assert.equal((await server.approvals(mail.tool.name)).length, 1);
      await server.reviewer(mail.tool.name).reject("Use the staging list.");
      assert.match(String(resultOf(await resume(new Command({ resume: "yes" }))).content), /Use the staging list\./);
      assert.deepEqual(mail.runs, []);
    });

    test("what needs no person does not pause", async () => {
      const { agent, config } = durable(new Mail(toolName("auto")));
      assert.equal(resultOf(await run(agent, config)).content, "sent 1 to alice@company.com");
    });

    test("the server cannot be reached", async () => {
      const mail = new Mail(toolName());
      const client = server.client({ address: "http://127.0.0.1:1", logger: { warn: () => {} } });
      const options = { durable: true, checkpointer: new MemorySaver(), patienceMs: 0 };
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], client, options);
      assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. .*cannot be reached/);
      assert.deepEqual(mail.runs, []);
    });

    for (const [what, without] of [
      ["a thread", { config: { configurable: {} }, checkpointer: undefined }],
      ["a checkpointer", { config: thread(), checkpointer: undefined }],
    ] as const) {
      test(`without ${what}`, async () => {
        const mail = new Mail(toolName());
        const { agent } = durable(mail, undefined, { checkpointer: without.checkpointer });
        const read = await run(agent, without.config).then((state) => String(resultOf(state).content), String);
        assert.match(read, /durable needs a checkpointer, and a thread_id/);
        assert.deepEqual(await server.approvals(mail.tool.name), []);
      });
    }
  });
}

for (const name of ["agent v1", "graph"]) {
  suite(name, () => {
    const build = BUILDERS[name] as Build;

    test("several calls in one task are refused, as what has run would be lost", async () => {
      const mail = new Mail(toolName());
      const tool = mail.tool.name;
      const calls = [call(tool, { to: "a" }, "a"), call(tool, { to: "b" }, "b")];
      const options = { durable: true, checkpointer: new MemorySaver() };
      const agent = build(new Scripted(calls), [mail.tool], server.client(), options);
      const read = await run(agent, thread()).then((state) => String(readOf(state).a), String);
      assert.match(read, /durable needs a task for each tool call/);
      assert.deepEqual(await server.approvals(tool), []);
    });

    test("one call in one task", async () => {
      const mail = new Mail(toolName());
      const options = { durable: true, checkpointer: new MemorySaver() };
      const agent = build(new Scripted([call(mail.tool.name)]), [mail.tool], server.client(), options);
      const config = thread();
      assert.equal(pausesOf(await run(agent, config)).length, 1);
      await server.reviewer(mail.tool.name).approve();
      assert.equal(resultOf(await agent.invoke(null, config)).content, "sent 1 to alice@company.com");
    });
  });
}

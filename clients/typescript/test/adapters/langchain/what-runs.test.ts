import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { ToolMessage } from "@langchain/core/messages";
import { RunnableLambda } from "@langchain/core/runnables";
import { StructuredTool } from "@langchain/core/tools";
import { Command, GraphBubbleUp } from "@langchain/langgraph";
import { tool as makeTool } from "langchain";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import { gateTools } from "../../../src/adapters/langgraph.js";
import { ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Any, BUILDERS, call, messagesOf, resultOf, run, Scripted, thread, toolName } from "./agents.js";
import { type Decision, decide } from "./reviewing.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

for (const name of ["agent", "graph of tasks"]) {
  suite(name, () => {
    const build = BUILDERS[name] ?? assert.fail();

    interface Ran {
      readonly state: Any;
      /** What was shown to reviewers. */
      readonly shown: unknown;
      readonly read: string;
    }

    /** Runs a tool with arguments that are decided so. */
    async function ran(tool: Any, args: Record<string, unknown>, decision: Decision = "approve"): Promise<Ran> {
      let shown: unknown;
      const how = (approval: Any) => {
        shown = approval.arguments;
        return decision;
      };
      const agent = build(new Scripted([call(tool.name, args)]), [tool], server.client());
      const [state] = await Promise.all([run(agent, thread()), decide(server, tool.name, 1, how)]);
      return { state, shown, read: String(messagesOf(state)[0]?.content) };
    }

    /** A tool with a schema, and what it got. */
    function tooled(schema: Any, options: Any = {}, body: (args: Any) => unknown = () => "done") {
      const got: Any[] = [];
      const of = { name: toolName(), description: "A tool.", schema, ...options };
      const made = makeTool(async (args: Any) => {
        got.push(args);
        return body(args) as string;
      }, of);
      return { tool: made, got };
    }

    test("a schema that changes what it reads does so once", async () => {
      // A second time it would refuse what it made.
      const to = z.string().refine((text) => !text.endsWith("!"));
      const { tool, got } = tooled(z.object({ to: to.transform((text) => `${text}!`) }));
      const { shown } = await ran(tool, { to: "alice" });
      assert.deepEqual([shown, got], [{ to: "alice!" }, [{ to: "alice!" }]]);
    });

    test("an edit of what such a schema reads is refused, as it would be changed", async () => {
      const { tool, got } = tooled(z.object({ to: z.string().transform((to) => `${to}!`) }));
      const { read } = await ran(tool, { to: "alice" }, { edit: { to: "bob" } });
      assert.match(read, /^NOT RUN\. .*is changed by the schema/);
      assert.deepEqual(got, []);
    });

    test("dates are shown as text, and the tool gets dates, edited or not", async () => {
      const schema = z.object({ at: z.coerce.date(), by: z.string().transform((text) => new Date(text)) });
      const { tool, got } = tooled(schema);
      const args = { at: "2026-11-29T20:00:00Z", by: "2026-11-30T20:00:00Z" };
      assert.deepEqual((await ran(tool, args)).shown, args);
      await ran(tool, args, { edit: { ...args, by: "2026-12-01T00:00:00Z" } });
      assert.deepEqual(got, [
        { at: new Date(args.at), by: new Date(args.by) },
        { at: new Date(args.at), by: new Date("2026-12-01T00:00:00Z") },
      ]);
    });

    test("Zod 3: defaults, names that it does not have, and edits", async () => {
      const schema = z3.object({ to: z3.string(), count: z3.number().default(1) });
      const { tool, got } = tooled(schema);
      assert.deepEqual((await ran(tool, { to: "a" })).shown, { to: "a", count: 1 });
      await ran(tool, { to: "a" }, { edit: { to: "b", count: 2 } });
      assert.deepEqual(got, [
        { to: "a", count: 1 },
        { to: "b", count: 2 },
      ]);
      const agent = build(new Scripted([call(tool.name, { to: "a", bcc: "c" })]), [tool], server.client());
      assert.match(String(resultOf(await run(agent, thread())).content), /bcc is not a parameter/);
    });

    test("the server is told the schema, so that a reviewer learns what does not fit", async () => {
      for (const schema of [z.object({ to: z.string() }), z3.object({ to: z3.string() })]) {
        const { tool } = tooled(schema);
        const agent = build(new Scripted([call(tool.name, { to: "a" })]), [tool], server.client());
        const running = run(agent, thread());
        await assert.rejects(server.reviewer(tool.name).approve({ to: 7 }), /arguments_schema/);
        await assert.rejects(server.reviewer(tool.name).approve({ to: "a", bcc: "b" }), /arguments_schema/);
        await server.reviewer(tool.name).approve();
        assert.equal(resultOf(await running).content, "done");
      }
    });

    test("a JSON Schema is checked before anybody is asked, and after an edit", async () => {
      const schema = {
        type: "object",
        properties: { to: { type: "string", minLength: 3 }, count: { type: "integer" } },
        required: ["to"],
      };
      const { tool, got } = tooled(schema);
      assert.deepEqual((await ran(tool, { to: "alice" })).shown, { to: "alice" });
      await ran(tool, { to: "alice" }, { edit: { to: "bob", count: 2 } });
      assert.deepEqual(got, [{ to: "alice" }, { to: "bob", count: 2 }]);
      // Two characters may be three halves of pairs, so that the server takes them.
      assert.match((await ran(tool, { to: "alice" }, { edit: { to: "bo" } })).read, /^NOT RUN\. /);
      for (const args of [{ to: 7 }, { to: "alice", bcc: "x" }, {}, { to: "al" }]) {
        const agent = build(new Scripted([call(tool.name, args as Any)]), [tool], server.client());
        assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. /);
      }
      assert.equal(got.length, 2);
      assert.equal((await server.approvals(tool.name)).length, 3);
    });

    test("a tool of one text", async () => {
      const { tool, got } = tooled(z.string());
      const { shown } = await ran(tool, { input: "SELECT 1" });
      assert.deepEqual(shown, { input: "SELECT 1" });
      await ran(tool, { input: "SELECT 1" }, { edit: { input: "SELECT 2" } });
      assert.deepEqual(got, ["SELECT 1", "SELECT 2"]);
      const agent = build(new Scripted([call(tool.name, { input: "a", other: "b" })]), [tool], server.client());
      assert.match(String(resultOf(await run(agent, thread())).content), /other is not a parameter/);
    });

    test("a Runnable as a tool", async () => {
      const got: unknown[] = [];
      const runnable = RunnableLambda.from((args: { to: string; count: number }) => {
        got.push(args);
        return `sent ${args.count} to ${args.to}`;
      });
      const schema = z.object({ to: z.string(), count: z.number().default(1) });
      const tool = runnable.asTool({ name: toolName(), description: "Send.", schema: schema as Any });
      const { shown, read } = await ran(tool, { to: "alice" });
      assert.deepEqual([shown, read], [{ to: "alice", count: 1 }, "sent 1 to alice"]);
      assert.equal((await ran(tool, { to: "alice" }, { edit: { to: "bob", count: 2 } })).read, "sent 2 to bob");
      assert.equal(got.length, 2);
    });

    test("a Runnable that would read what was approved as something else is refused", async () => {
      const got: unknown[] = [];
      const runnable = RunnableLambda.from((args: { to: string }) => void got.push(args));
      const schema = z.object({ to: z.string().transform((to) => `${to}!`) });
      const tool = runnable.asTool({ name: toolName(), description: "Send.", schema: schema as Any });
      const agent = build(new Scripted([call(tool.name, { to: "alice" })]), [tool], server.client());
      assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. .*is changed by the schema/);
      assert.deepEqual(got, []);
    });

    test("a class of the user's, with private members", async () => {
      class Counter extends StructuredTool {
        name = toolName();
        description = "Counts.";
        schema = z.object({ by: z.number() });
        #count = 0;

        async _call({ by }: { by: number }): Promise<string> {
          this.#count += by;
          return `now ${this.#count}`;
        }
      }
      const tool = new Counter();
      assert.equal((await ran(tool, { by: 2 })).read, "now 2");
      assert.equal((await ran(tool, { by: 3 }, { edit: { by: 5 } })).read, "now 7");
      const [gated] = gateTools([tool], server.client()) as Any[];
      assert.throws(() => gated._call({ by: 1 }), /is gated: run it by its invoke/);
    });

    test("a class of the user's that would run twice", async () => {
      let runs = 0;
      class Twice extends StructuredTool {
        name = toolName("auto");
        description = "Runs twice.";
        schema = z.object({});

        async _call(): Promise<string> {
          runs += 1;
          return "ran";
        }

        override async call(...args: Any): Promise<Any> {
          await (super.call as Any)(...args);
          return (super.call as Any)(...args);
        }
      }
      const tool = new Twice();
      const twice = build(new Scripted([call(tool.name, {})]), [tool], server.client());
      assert.match(String(resultOf(await run(twice, thread())).content), /^NOT RUN AGAIN\. /);
      assert.equal(runs, 1);
    });

    test("content and artifact", async () => {
      const { tool } = tooled(z.object({}), { responseFormat: "content_and_artifact" }, () => ["seen", { rows: 3 }]);
      const { state } = await ran(tool, {});
      const { content, artifact } = resultOf(state);
      assert.deepEqual([content, artifact], ["seen", { rows: 3 }]);
      const refused = resultOf((await ran(tool, {}, { reject: "No." })).state);
      assert.match(String(refused.content), /^NOT RUN\. /);
      assert.deepEqual([refused.status, refused.artifact], ["error", undefined]);
    });

    test("a tool that returns a Command", async () => {
      const { tool } = tooled(z.object({}), {}, () => {
        const message = new ToolMessage({ content: "by command", tool_call_id: "call-1", name: tool.name });
        return new Command({ update: { messages: [message] } });
      });
      const { state } = await ran(tool, {});
      assert.equal(resultOf(state).content, "by command");
      const [approval] = await server.approvals(tool.name);
      assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
      const rejected = await ran(tool, {}, { reject: "No." });
      assert.match(rejected.read, /^NOT RUN\. /);
    });

    test("a message of the tool that says that it failed is reported so", async () => {
      const { tool } = tooled(z.object({}), {}, () => {
        return new ToolMessage({
          content: "no such mailbox",
          tool_call_id: "call-1",
          name: tool.name,
          status: "error",
        });
      });
      assert.equal((await ran(tool, {})).read, "no such mailbox");
      const [approval] = await server.approvals(tool.name);
      const { result, message } = approval?.claim?.outcome ?? {};
      assert.deepEqual([result, message], [ExecutionResult.FAILED, "no such mailbox"]);
    });

    test("a gated tool cannot pause itself", async () => {
      const { interrupt, MemorySaver } = await import("@langchain/langgraph");
      const { tool, got } = tooled(z.object({}), { name: toolName("auto") }, () => interrupt("more?"));
      const agent = build(new Scripted([call(tool.name, {})]), [tool], server.client(), {
        checkpointer: new MemorySaver(),
      });
      const read = await run(agent, thread()).then((state) => String(resultOf(state).content), String);
      assert.match(read, /called interrupt\(\): a gated tool cannot pause/);
      assert.equal(got.length, 1);
      const [approval] = await server.approvals(tool.name);
      assert.equal(approval?.claim?.outcome?.result, ExecutionResult.FAILED);
    });

    test("what leads out of the graph is no failure of the tool", async () => {
      class Leaves extends GraphBubbleUp {}
      const { tool } = tooled(z.object({}), { name: toolName("auto") }, () => {
        throw new Leaves("elsewhere");
      });
      const agent = build(new Scripted([call(tool.name, {})]), [tool], server.client());
      await run(agent, thread()).catch(() => {});
      const [approval] = await server.approvals(tool.name);
      assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
    });

    test("what has no JSON form, or is no object, is refused", async () => {
      const { tool, got } = tooled(z.object({ n: z.any() }));
      for (const args of [{ n: 2 ** 60 }, { n: Number.NaN }, [1], "text"]) {
        const agent = build(new Scripted([call(tool.name, args as Any)]), [tool], server.client());
        assert.match(String(resultOf(await run(agent, thread())).content), /^NOT RUN\. /);
      }
      assert.deepEqual(got, []);
    });
  });
}

test("returnDirect: a refusal is no result of the tool", async () => {
  const build = BUILDERS.agent ?? assert.fail();
  const name = toolName();
  const of = { name, description: "A tool.", schema: z.object({}), returnDirect: true };
  const model = new Scripted([call(name, {})]);
  const agent = build(model, [makeTool(() => "direct", of)], server.client());
  const [approved] = await Promise.all([run(agent, thread()), decide(server, name, 1, () => "approve")]);
  assert.equal(approved.messages.at(-1).content, "direct");
  const [rejected] = await Promise.all([run(agent, thread()), decide(server, name, 1, () => ({ reject: "No." }))]);
  const { status } = resultOf(rejected);
  assert.equal(status, "error");
  // Older versions end the run with it, newer ones give it to the model.
  assert.match(rejected.messages.at(-1).content, /^(done$|NOT RUN\. A reviewer rejected)/);
});

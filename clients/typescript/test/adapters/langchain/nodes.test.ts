/** Calls that no ToolNode makes: nodes of the user's own, and tools that call tools. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { END, MemorySaver, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { toolsCondition } from "@langchain/langgraph/prebuilt";
import { tool as makeTool } from "langchain";
import { z } from "zod";
import { gateTools } from "../../../src/adapters/langgraph.js";
import { ApprovalStatus } from "../../../src/v1.js";
import { Server } from "../../server.js";
import {
  type Any,
  BUILDERS,
  call,
  Mail,
  messagesOf,
  pausesOf,
  resultOf,
  run,
  Scripted,
  thread,
  toolName,
} from "./agents.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

suite("a node that invokes gated tools, and does not hand its config on", () => {
  /** @param after - is called when the tool has run. */
  function graphOf(tool: Any, made: Any, checkpointer?: MemorySaver, after: () => void = () => {}): Any {
    const model = new Scripted([made]);
    const retryPolicy = { maxAttempts: 2, initialInterval: 1, retryOn: () => true, logWarning: false };
    return new StateGraph(MessagesAnnotation)
      .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addNode(
        "tools",
        async ({ messages }: Any) => {
          const results = await Promise.all(messages.at(-1).tool_calls.map((each: Any) => tool.invoke(each)));
          after();
          return { messages: results };
        },
        { retryPolicy },
      )
      .addEdge(START, "model")
      .addConditionalEdges("model", toolsCondition, ["tools", END])
      .addEdge("tools", "model")
      .compile(checkpointer && { checkpointer });
  }

  for (const [what, config] of [
    ["a thread", thread()],
    ["no thread", {}],
  ] as const) {
    test(`a retry of the node runs nothing again, with ${what}`, async () => {
      const mail = new Mail(toolName("auto"));
      const [tool] = gateTools([mail.tool], server.client());
      let isFirst = true;
      const crash = () => {
        const crashes = isFirst;
        isFirst = false;
        if (crashes) throw new Error("the node crashed");
      };
      const graph = graphOf(tool, call(mail.tool.name), undefined, crash);
      assert.match(String(resultOf(await run(graph, config)).content), /^NOT RUN AGAIN\. .*and succeeded/);
      assert.equal(mail.runs.length, 1);
      const [approval, ...others] = await server.approvals(mail.tool.name);
      assert.deepEqual(others, []);
      assert.equal(approval?.agent?.runId ?? "", config.configurable?.thread_id ?? "");
    });
  }

  test("aborted while waiting: nothing runs when it is approved later", async () => {
    const mail = new Mail(toolName());
    const [tool] = gateTools([mail.tool], server.client(), { cancelOnAbandon: true });
    const controller = new AbortController();
    const ended = assert.rejects(run(graphOf(tool, call(mail.tool.name)), { ...thread(), signal: controller.signal }));
    const { id } = await server.reviewer(mail.tool.name).pending();
    controller.abort(new Error("enough"));
    await ended;
    // The wait itself has ended, so that the request is withdrawn.
    const { approval } = await server.client().approvals.waitApproval({ approvalId: id, afterRevision: 1n });
    assert.equal(approval?.status, ApprovalStatus.CANCELLED);
    assert.deepEqual(mail.runs, []);
  });

  test("durable: it pauses, and runs once when it goes on", async () => {
    const mail = new Mail(toolName());
    const [tool] = gateTools([mail.tool], server.client(), { durable: true });
    const graph = graphOf(tool, call(mail.tool.name), new MemorySaver());
    const config = thread();
    assert.equal(pausesOf(await run(graph, config)).length, 1);
    await server.reviewer(mail.tool.name).approve();
    assert.equal(resultOf(await graph.invoke(null, config)).content, "sent 1 to alice@company.com");
    assert.equal(mail.runs.length, 1);
  });
});

test("durable: a call without an id is refused, as each run would ask for it anew", async () => {
  const mail = new Mail(toolName());
  const options = { durable: true, checkpointer: new MemorySaver() };
  const made: Any = { name: mail.tool.name, args: { to: "a" } };
  const agent = BUILDERS.agent?.(new Scripted([made]), [mail.tool], server.client(), options);
  await assert.rejects(run(agent, thread()), /durable needs the call's id/);
  assert.deepEqual(await server.approvals(mail.tool.name), []);
});

for (const name of ["agent", "graph of tasks"]) {
  suite(`${name}: a tool that hands its config on to a gated tool`, () => {
    /** A tool that writes to these by another one. */
    function outerOf(mail: Mail, recipients: string[], options: Any = {}) {
      const [gated] = gateTools([mail.tool], server.client(), options) as Any[];
      const body = async (_: unknown, config: Any) => {
        const read: string[] = [];
        for (const to of recipients) {
          const result = await gated.invoke({ to }, config);
          read.push(result.content ?? result);
        }
        return read.join("; ");
      };
      return makeTool(body, { name: toolName("auto"), description: "Write.", schema: z.object({ to: z.string() }) });
    }

    for (const isGated of [true, false]) {
      test(`each call is one of its own, within ${isGated ? "a gated" : "an ungated"} one`, async () => {
        const mail = new Mail(toolName("auto"));
        const outer = outerOf(mail, ["a", "b", "a"]);
        const options = { ungated: isGated ? [] : [outer.name] };
        const agent = BUILDERS[name]?.(new Scripted([call(outer.name)]), [outer], server.client(), options);
        const read = String(messagesOf(await run(agent, thread()))[0]?.content);
        assert.match(read, /^sent 1 to a; sent 1 to b; NOT RUN AGAIN\./);
        assert.deepEqual(
          mail.runs.map((args: Any) => args.to),
          ["a", "b"],
        );
        assert.equal((await server.approvals(mail.tool.name)).length, 2);
      });
    }

    test("durable: it pauses the graph, and is found when it goes on", async () => {
      const mail = new Mail(toolName());
      const outer = outerOf(mail, ["a"], { durable: true });
      const options = { ungated: [outer.name], checkpointer: new MemorySaver() };
      const agent = BUILDERS[name]?.(new Scripted([call(outer.name)]), [outer], server.client(), options);
      const config = thread();
      assert.equal(pausesOf(await run(agent, config)).length, 1);
      await server.reviewer(mail.tool.name).approve();
      assert.equal(messagesOf(await agent.invoke(null, config))[0]?.content, "sent 1 to a");
      assert.equal(mail.runs.length, 1);
      assert.equal((await server.approvals(mail.tool.name)).length, 1);
    });
  });
}

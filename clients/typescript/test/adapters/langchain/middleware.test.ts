import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { RunnableLambda } from "@langchain/core/runnables";
import { Command, MemorySaver } from "@langchain/langgraph";
import { createAgent, createMiddleware, humanInTheLoopMiddleware, toolRetryMiddleware } from "langchain";
import { tool as headless } from "langchain/tools";
import { z } from "zod";
import { approvalMiddleware } from "../../../src/adapters/langchain.js";
import { gateTools, oneTaskPerCall } from "../../../src/adapters/langgraph.js";
import { ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { type Any, call, DONE, Mail, resultOf, run, Scripted, thread, toolName } from "./agents.js";
import { agentOf, around, readOf } from "./middlewares.js";
import { decide } from "./reviewing.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** What was reported of the one call. */
async function outcomeOf(mail: Mail) {
  const [approval, ...others] = await server.approvals(mail.tool.name);
  assert.equal(others.length, 0);
  return approval?.claim?.outcome;
}

suite("before the gate", () => {
  test("what changes a call is what reviewers see", async () => {
    const mail = new Mail(toolName());
    const other = around((request: Any, handler: Any) => {
      const toolCall = { ...request.toolCall, args: { to: "bob@company.com" } };
      return handler({ ...request, toolCall });
    });
    const agent = agentOf(mail, [other, approvalMiddleware(server.client())]);
    const shown: unknown[] = [];
    const how = (approval: Any) => {
      shown.push(approval.arguments);
      return "approve" as const;
    };
    const [read] = await Promise.all([readOf(agent), decide(server, mail.tool.name, 1, how)]);
    assert.equal(read, "sent 1 to bob@company.com");
    assert.deepEqual(shown, [{ to: "bob@company.com", count: 1 }]);
  });

  test("a retry does not run the tool again", async () => {
    const mail = new Mail(toolName("auto"), () => {
      throw new Error("away");
    });
    const retry: Any = toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 1, onFailure: "continue" } as Any);
    const read = await readOf(agentOf(mail, [retry, approvalMiddleware(server.client())]));
    assert.match(read, /^NOT RUN AGAIN\. .*failed.*away/);
    assert.equal(mail.runs.length, 1);
    assert.equal((await outcomeOf(mail))?.result, ExecutionResult.FAILED);
  });

  test("LangChain's own approval decides nothing, and its edit is what is asked for", async () => {
    const mail = new Mail(toolName("forbidden"));
    const asked: unknown[] = [];
    const optionsFor = ({ args }: Any) => {
      asked.push(args);
      return {};
    };
    const model = new Scripted([call(mail.tool.name)]);
    const own = (humanInTheLoopMiddleware as Any)({ interruptOn: { [mail.tool.name]: true } });
    const middleware = [own, approvalMiddleware(server.client(), { optionsFor })];
    const agent = createAgent({ model, tools: [mail.tool], middleware, checkpointer: new MemorySaver() });
    const config = thread();
    await run(agent, config);
    const editedAction = { name: mail.tool.name, args: { to: "bob" } };
    const state = await agent.invoke(new Command({ resume: { decisions: [{ type: "edit", editedAction }] } }), config);
    assert.match(String(resultOf(state).content), /^NOT RUN\. .*Dropping tables/);
    assert.deepEqual(asked, [{ to: "bob", count: 1 }]);
    assert.deepEqual(mail.runs, []);
  });

  test("a retry that catches a pause runs nothing", async () => {
    const mail = new Mail(toolName());
    const retry: Any = toolRetryMiddleware({ maxRetries: 1, initialDelayMs: 1, onFailure: "continue" } as Any);
    const model = new Scripted([call(mail.tool.name)]);
    const middleware = [retry, approvalMiddleware(server.client(), { durable: true })];
    const agent = createAgent({ model, tools: [mail.tool], middleware, checkpointer: new MemorySaver() });
    assert.match(await readOf(agent), /GraphInterrupt|signoff_approval/);
    assert.deepEqual(mail.runs, []);
    assert.equal((await server.approvals(mail.tool.name)).length, 1);
  });

  test("a tool that a middleware adds is gated too", async () => {
    const mail = new Mail(toolName("forbidden"));
    const added = createMiddleware({
      name: "Adds",
      wrapModelCall: (request: Any, handler: Any) => handler({ ...request, tools: [...request.tools, mail.tool] }),
      wrapToolCall: (request: Any, handler: Any) => handler({ ...request, tool: mail.tool }),
    });
    const model = new Scripted([call(mail.tool.name)]);
    const agent = createAgent({ model, tools: [], middleware: [added, approvalMiddleware(server.client())] });
    assert.match(await readOf(agent), /^NOT RUN\. .*Dropping tables/);
    assert.deepEqual(mail.runs, []);
  });

  test("a tool of the client that a middleware adds for a call is refused", async () => {
    const mail = new Mail(toolName("auto"));
    const location = headless({ name: mail.tool.name, description: "Where.", schema: z.object({}).loose() });
    const other = around((request: Any, handler: Any) => handler({ ...request, tool: location }));
    assert.match(await readOf(agentOf(mail, [other, approvalMiddleware(server.client())])), /is run by the client/);
    assert.deepEqual(await server.approvals(mail.tool.name), []);
  });

  test("a tool that a middleware puts under another's name is refused", async () => {
    const [mail, harmless] = [new Mail(toolName("forbidden")), new Mail(toolName("auto"))];
    const other = around((request: Any, handler: Any) => handler({ ...request, tool: mail.tool }));
    for (const ungated of [[], [harmless.tool.name]]) {
      const read = await readOf(agentOf(harmless, [other, approvalMiddleware(server.client(), { ungated })]));
      assert.match(read, /^NOT RUN\. .*is for forbidden\..*, under another name/);
    }
    assert.deepEqual([mail.runs, harmless.runs], [[], []]);
  });

  test("a tool that the agent does not have", async () => {
    const mail = new Mail(toolName());
    const agent = agentOf(mail, [approvalMiddleware(server.client())], [call("other")]);
    assert.match(await readOf(agent), /^NOT RUN\. .*is for a tool that this agent does not have/);
  });
});

suite("after the gate", () => {
  test("what changes the arguments is refused", async () => {
    const mail = new Mail(toolName("auto"));
    const other = around((request: Any, handler: Any) => {
      request.toolCall.args.to = "mallory@company.com";
      return handler(request);
    });
    const read = await readOf(agentOf(mail, [approvalMiddleware(server.client()), other]));
    assert.match(read, /^NOT RUN\. The approved call differs from the call/);
    assert.deepEqual(mail.runs, []);
    assert.equal((await outcomeOf(mail))?.result, ExecutionResult.FAILED);
  });

  test("a refusal that is made a message of is still a refusal", async () => {
    const mail = new Mail(toolName("auto"));
    const other = around(async (request: Any, handler: Any) => {
      const toolCall = { ...request.toolCall, args: { to: "mallory@company.com", count: 1 } };
      await handler({ ...request, toolCall }).catch(() => {});
      return handler(request);
    });
    assert.match(
      await readOf(agentOf(mail, [approvalMiddleware(server.client()), other])),
      /^NOT RUN\. The approved call differs/,
    );
    assert.equal((await outcomeOf(mail))?.result, ExecutionResult.FAILED);
    // The model reads that nothing ran.
    assert.deepEqual(mail.runs, []);
  });

  test("what has the tool run twice is refused", async () => {
    const mail = new Mail(toolName("auto"));
    const other = around(async (request: Any, handler: Any) => {
      await handler(request);
      return handler(request);
    });
    const read = await readOf(agentOf(mail, [approvalMiddleware(server.client()), other]));
    assert.match(read, /^NOT RUN AGAIN\. /);
    assert.equal(mail.runs.length, 1);
  });

  test("what has the tool run twice at once is refused", async () => {
    const mail = new Mail(toolName("auto"));
    const other = around(async (request: Any, handler: Any) => {
      const [first] = await Promise.allSettled([handler(request), handler(request)]);
      return (first as Any).value;
    });
    const read = await readOf(agentOf(mail, [approvalMiddleware(server.client()), other]));
    assert.match(read, /^NOT RUN AGAIN\. /);
    assert.equal(mail.runs.length, 1);
  });

  test("what answers in the tool's place is reported, and cannot run it later", async () => {
    const mail = new Mail(toolName("auto"));
    let later: (() => Promise<unknown>) | undefined;
    const other = around(async (request: Any, handler: Any) => {
      later = () => handler(request);
      const { ToolMessage } = await import("@langchain/core/messages");
      return new ToolMessage({ content: "cached", tool_call_id: request.toolCall.id, name: request.toolCall.name });
    });
    assert.equal(await readOf(agentOf(mail, [approvalMiddleware(server.client()), other])), "cached");
    const { result, message } = (await outcomeOf(mail)) ?? {};
    assert.deepEqual([result, message], [ExecutionResult.FAILED, "not run: a middleware answered in the tool's place"]);
    await assert.rejects(later?.() ?? assert.fail(), /NOT RUN AGAIN/);
    assert.deepEqual(mail.runs, []);
  });

  test("what answers while the tool still runs is not reported as its success", async () => {
    let end: ((text: string) => void) | undefined;
    let start: (() => void) | undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const mail = new Mail(toolName("auto"), () => {
      start?.();
      return new Promise((resolve) => {
        end = resolve;
      });
    });
    const other = around(async (request: Any, handler: Any) => {
      void handler(request);
      await started;
      const { ToolMessage } = await import("@langchain/core/messages");
      return new ToolMessage({ content: "slow", tool_call_id: request.toolCall.id, name: request.toolCall.name });
    });
    assert.equal(await readOf(agentOf(mail, [approvalMiddleware(server.client()), other])), "slow");
    const { result, message } = (await outcomeOf(mail)) ?? {};
    assert.deepEqual(
      [result, message],
      [ExecutionResult.FAILED, "not known: a middleware answered before the tool ended"],
    );
    end?.("late");
  });

  test("an error that is made a message of is reported", async () => {
    const mail = new Mail(toolName("auto"), () => {
      throw new Error("away");
    });
    const other = around(async (request: Any, handler: Any) => {
      const { ToolMessage } = await import("@langchain/core/messages");
      const { id = "", name } = request.toolCall;
      return handler(request).catch(() => new ToolMessage({ content: "try later", tool_call_id: id, name }));
    });
    assert.equal(await readOf(agentOf(mail, [approvalMiddleware(server.client()), other])), "try later");
    const { result, message } = (await outcomeOf(mail)) ?? {};
    assert.deepEqual([result, message], [ExecutionResult.FAILED, "away"]);
  });

  test("the ways around a stand-in's invoke are closed", async () => {
    const mail = new Mail(toolName("auto"));
    const problems: unknown[] = [];
    const other = around(async (request: Any, handler: Any) => {
      const { tool } = request;
      const args = { to: "mallory@company.com", count: 1 };
      const ways = [() => tool.func(args), () => tool._call(args), () => tool.call(args), () => tool.batch([args])];
      for (const way of ways) {
        try {
          await way();
          problems.push("it ran");
        } catch (error) {
          problems.push(error instanceof TypeError ? "closed" : "refused");
        }
      }
      return handler(request);
    });
    assert.match(await readOf(agentOf(mail, [approvalMiddleware(server.client()), other])), /^NOT RUN/);
    assert.deepEqual(problems, ["closed", "closed", "refused", "refused"]);
    assert.deepEqual(mail.runs, []);
  });
});

suite("what is not gated", () => {
  const search = { type: "web_search_20250305", name: "web_search" };

  test("a tool of the provider must be named, before the model is asked", async () => {
    const mail = new Mail(toolName());
    const model = new Scripted([call(mail.tool.name)]);
    const agent = createAgent({ model, tools: [mail.tool, search], middleware: [approvalMiddleware(server.client())] });
    await assert.rejects(run(agent), /web_search is run by the model's provider: .*Name it in ungated/);
    assert.equal(model.prompts.length, 0);
    const ungated = [approvalMiddleware(server.client(), { ungated: ["web_search"] })];
    const named = createAgent({ model: new Scripted(), tools: [search], middleware: ungated });
    assert.equal(((await run(named)) as Any).messages.at(-1).content, "done");
    assert.throws(() => gateTools([mail.tool, search], server.client()), /web_search is run by the model's provider/);
    const [, left] = gateTools([mail.tool, search], server.client(), { ungated: ["web_search"] });
    assert.equal(left, search);
  });

  test("so must a tool of the client", async () => {
    const location = headless({ name: toolName(), description: "Where.", schema: z.object({}) });
    const model = new Scripted([call(location.name, {})]);
    const agent = createAgent({ model, tools: [location], middleware: [approvalMiddleware(server.client())] });
    await assert.rejects(run(agent), /is run by the client: .*Name it in ungated/);
    assert.throws(() => gateTools([location], server.client()), /is run by the client/);
  });

  test("a named tool stays as it is", async () => {
    const mail = new Mail(toolName("forbidden"));
    const ungated = [mail.tool.name];
    assert.equal(
      await readOf(agentOf(mail, [approvalMiddleware(server.client(), { ungated })])),
      "sent 1 to alice@company.com",
    );
    const [tool] = gateTools([mail.tool], server.client(), { ungated });
    assert.equal(tool, mail.tool);
    assert.deepEqual(await server.approvals(mail.tool.name), []);
  });
});

test("a gated tool's wait ends when its config is aborted, and nothing runs later", async () => {
  const mail = new Mail(toolName());
  const [tool] = gateTools([mail.tool], server.client());
  const controller = new AbortController();
  const ended = assert.rejects(tool.invoke({ to: "a" }, { signal: controller.signal }), /enough/);
  await server.reviewer(mail.tool.name).pending();
  controller.abort(new Error("enough"));
  await ended;
  await server.reviewer(mail.tool.name).approve();
  assert.deepEqual(mail.runs, []);
});

test("a gated tool that is invoked by itself", async () => {
  const mail = new Mail(toolName("auto"));
  const [tool] = gateTools([mail.tool], server.client());
  assert.equal(await tool.invoke({ to: "a" }), "sent 1 to a");
  const forbidden = new Mail(toolName("forbidden"));
  const [never] = gateTools([forbidden.tool], server.client());
  assert.match(await never.invoke({ to: "a" }), /^NOT RUN\. /);
  assert.match((await never.batch([{ to: "a" }]))[0], /^NOT RUN\. /);
  for (const way of [() => never.func({ to: "a" }), () => never._call({ to: "a" })]) assert.throws(way, /is gated/);
  assert.deepEqual(forbidden.runs, []);
});

test("a gated Runnable that is invoked by itself", async () => {
  const runs: unknown[] = [];
  const runnable = RunnableLambda.from((args: unknown) => {
    runs.push(args);
    return "done";
  });
  const of = { description: "A tool.", schema: z.object({ to: z.string() }) as Any };
  const names = [toolName("auto"), toolName("forbidden")];
  const [allowed, never] = gateTools(
    names.map((name) => runnable.asTool({ ...of, name })),
    server.client(),
  ) as Any[];
  assert.equal(await allowed.invoke({ to: "a" }), "done");
  assert.match(await never.invoke({ to: "a" }), /^NOT RUN\. /);
  const args = { to: "a" };
  const ways = [() => never.stream(args), () => never.batch([args]), () => never.streamEvents(args, { version: "v2" })];
  for (const way of ways) assert.throws(way, /is gated: run it by its invoke/);
  assert.equal(never.bound, undefined);
  assert.deepEqual(runs, [{ to: "a" }]);
});

test("the calls of a message in tasks of their own", () => {
  const [first, second] = [call("a", {}, "1"), call("b", {}, "2")];
  const state = { messages: [...DONE, { tool_calls: [first, second] }], other: 1 };
  const sent = oneTaskPerCall("run")(state) as Any[];
  assert.deepEqual(
    sent.map(({ node, args }) => [node, args.lg_tool_call, args.other]),
    [
      ["run", first, 1],
      ["run", second, 1],
    ],
  );
  assert.equal(oneTaskPerCall()({ messages: DONE }), "__end__");
});

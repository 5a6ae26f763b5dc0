import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "../../server.js";

const document = readFileSync("../../docs/adapters/langchain-js.md", "utf8");
const [agent = "", graph = "", durable = "", options = "", ...others] = Array.from(
  document.matchAll(/```js\n(.*?)```/gs),
  ([, code]) => code,
);

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

const MAIL = '[{ id: "c1", name: TOOL, args: { to: "alice@company.com" } }]';

/**
 * Runs code of the document as a module, with the package as it is installed: what it printed.
 *
 * @param onOutput - what to do once it has printed something.
 */
async function run(tool: string, code: string, onOutput?: () => Promise<void>): Promise<string> {
  const before = `
    import { Mail, resultOf, Scripted, messagesOf } from "./agents.js";
    import { END, MemorySaver, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
    import { ToolNode } from "@langchain/langgraph/prebuilt";
    const TOOL = "${tool}";
    const model = new Scripted(${MAIL});
    const tools = [new Mail(TOOL).tool];
    const checkpointer = new MemorySaver();
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addEdge(START, "model");`;
  // Next to what is compiled of the tests, so that imports are found.
  const path = fileURLToPath(new URL(`./docs-${tool}.mjs`, import.meta.url));
  writeFileSync(path, `${before}\n${code}\nclient.close();\n`);
  const env = { SIGNOFF_ADDRESS: server.address, SIGNOFF_TOKEN: server.tokens.agent };
  const child = spawn(process.execPath, [path], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [first, closed] = [once(child.stdout, "data"), once(child, "close")];
  if (onOutput) await first.then(onOutput);
  assert.deepEqual(await closed, [0, null]);
  return output;
}

const CONNECT = 'import { connect } from "@signoff/client/node";\nconst client = connect();';
const READ = "console.log(resultOf(state).content);";

test("there are no other blocks", () => assert.deepEqual(others, []));

test("an agent", async () => {
  const output = run("agent", `${agent.replace("await agent", "const state = await agent")}\n${READ}`);
  const pending = await server.reviewer("agent").pending();
  assert.deepEqual([pending.agent?.name, pending.agent?.runId], ["mailer", "conversation-7"]);
  await server.reviewer("agent").approve();
  assert.equal(await output, "sent 1 to alice@company.com\n");
});

test("a graph", async () => {
  const invoked = 'graph.addEdge("tools", "model");\nconst state = await graph.compile().invoke({ messages: "Go." });';
  const output = run("graph", `${CONNECT}\n${graph}\n${invoked}\n${READ}`);
  await server.reviewer("graph").reject("No.");
  assert.match(await output, /^NOT RUN\. A reviewer rejected the call to graph: No\./);
});

test("a run that pauses", async () => {
  const imported = `
    import { createAgent } from "langchain";
    import { approvalMiddleware } from "@signoff/client/langchain";
    import { Handle } from "@signoff/client";`;
  const code = durable.replace("await agent.invoke(null", "const state = await agent.invoke(null");
  const paused = code.replace("// Later", 'console.log("paused");\n// Later');
  const approve = () => server.reviewer("durable").approve();
  const output = await run("durable", `${CONNECT}\n${imported}\n${paused}\n${READ}`, approve);
  assert.equal(output, "paused\nsent 1 to alice@company.com\n");
});

test("options of one call", async () => {
  const imported = `
    import { createAgent } from "langchain";
    import { approvalMiddleware } from "@signoff/client/langchain";`;
  const invoked = `
    const agent = createAgent({ model, tools, middleware: [middleware] });
    const state = await agent.invoke({ messages: "Go." }, { context: { chatId: "chat-1" } });`;
  const output = run("options", `${CONNECT}\n${imported}\n${options}\n${invoked}\n${READ}`);
  const pending = await server.reviewer("options").pending();
  assert.deepEqual([pending.agent?.runId, pending.reason], ["chat-1", "Mail to alice@company.com"]);
  await server.reviewer("options").approve();
  assert.equal(await output, "sent 1 to alice@company.com\n");
});

import assert from "node:assert/strict";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { query } from "@anthropic-ai/claude-agent-sdk";
import { gateOptions } from "../../../src/adapters/claude-agent-sdk.js";
import { type Approval, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { Model } from "./model-server.js";
import { decide, environment, Prompts, readOut, resultOf, run } from "./sessions.js";

/** Starts a model that makes calls in turn. */
type StartModel = typeof Model.start;

/** Runs a test with a server and a directory of its own. */
const alone = (name: string, run: (server: Server, home: string, startModel: StartModel) => Promise<void>) =>
  test(name, async () => {
    const server = await Server.start();
    const home = await mkdtemp(join(tmpdir(), "signoff-claude-"));
    const models: Model[] = [];
    const startModel: StartModel = async (...turns) => {
      const model = await Model.start(...turns);
      models.push(model);
      return model;
    };
    try {
      await run(server, home, startModel);
    } finally {
      for (const model of models) model.stop();
      await server[Symbol.asyncDispose]();
      await rm(home, { recursive: true, maxRetries: 5, retryDelay: 100 });
    }
  });

/** The approval, once something is known of it. */
async function watched(server: Server, { id: approvalId }: Approval, isKnown: (approval: Approval) => boolean) {
  for (;;) {
    const { approval } = await server.client().approvals.getApproval({ approvalId });
    if (approval && isKnown(approval)) return approval;
  }
}

for (const run_in_background of [false, true]) {
  alone(
    `tools of a subagent ask as well, ${run_in_background ? "also in the background" : "named by its type"}`,
    async (server, home) => {
      const file = join(home, "touched");
      const prompt = { description: "x", prompt: "y", subagent_type: "general-purpose", run_in_background };
      const input = { command: `touch ${file}`, description: "Touches." };
      const turns = [
        [{ id: "call-1", tool: "Agent", input: prompt }],
        [{ id: "call-2", tool: "Bash", input }],
        [{ id: "call-3", tool: "Bash", input }],
      ];
      const session = run(server, turns, { home, gate: { agentName: "boss" } });
      await server.reviewer("Agent").approve();
      await decide(server, "Bash", 2, () => "approve");
      await session;
      await access(file);
      const approvals = await server.approvals("Bash");
      for (const approval of approvals) {
        const { claim } = await watched(server, approval, ({ claim }) => claim?.outcome !== undefined);
        assert.equal(claim?.outcome?.result, ExecutionResult.SUCCEEDED);
      }
      const agents = approvals.map(({ agent }) => [agent?.name, ...(agent?.chain ?? [])].join(" of "));
      assert.ok(agents.includes("general-purpose of boss"), agents.join());
      assert.equal(new Set(approvals.map(({ agent }) => agent?.runId)).size, 1);
    },
  );
}

alone("a call that is interrupted is reported when the next turn begins", async (server, home, startModel) => {
  const command = `touch ${home}/begun; sleep 60`;
  const model = await startModel([{ id: "call-1", tool: "Bash", input: { command, description: "Waits." } }]);
  const prompts = new Prompts();
  const options = gateOptions({ settingSources: [], env: environment(home, model), cwd: home }, server.client());
  const session = query({ prompt: prompts, options });
  prompts.say("go");
  const reading = resultOf(session);
  const approval = await server.reviewer("Bash").pending();
  await server.reviewer("Bash").approve();
  await watched(server, approval, ({ claim }) => claim !== undefined);
  await session.interrupt();
  await reading;
  prompts.say("go on");
  await resultOf(session);
  prompts.end();
  await readOut(session);
  const { claim } = await watched(server, approval, ({ claim }) => claim?.outcome !== undefined);
  assert.equal(claim?.outcome?.result, ExecutionResult.FAILED);
  assert.match(claim?.outcome?.message ?? "", /did not say how the call ended/);
});

alone(
  "a call that waits when the turn is interrupted stays open, and a later turn runs nothing of it",
  async (server, home, startModel) => {
    const input = { command: `touch ${home}/touched`, description: "Touches." };
    const model = await startModel([{ id: "call-1", tool: "Bash", input }]);
    const prompts = new Prompts();
    const options = gateOptions({ settingSources: [], env: environment(home, model), cwd: home }, server.client());
    const session = query({ prompt: prompts, options });
    prompts.say("go");
    const reading = resultOf(session);
    const approval = await server.reviewer("Bash").pending();
    await session.interrupt();
    await reading;
    await server.reviewer("Bash").approve();
    prompts.say("go on");
    await resultOf(session);
    prompts.end();
    await readOut(session);
    await assert.rejects(access(join(home, "touched")));
    assert.equal((await watched(server, approval, () => true)).claim, undefined);
  },
);

alone("a session that is aborted while a call waits runs nothing", async (server, home, startModel) => {
  const input = { command: `touch ${home}/touched`, description: "Touches." };
  const model = await startModel([{ id: "call-1", tool: "Bash", input }]);
  const abortController = new AbortController();
  const given = { settingSources: [], env: environment(home, model), cwd: home, abortController };
  const session = query({ prompt: "go", options: gateOptions(given, server.client()) });
  const reading = resultOf(session).catch(() => {});
  const approval = await server.reviewer("Bash").pending();
  abortController.abort();
  await reading;
  await server.reviewer("Bash").approve();
  await assert.rejects(access(join(home, "touched")));
  const { claim } = await watched(server, approval, ({ status }) => status !== 1);
  assert.equal(claim?.outcome?.result ?? ExecutionResult.FAILED, ExecutionResult.FAILED);
});

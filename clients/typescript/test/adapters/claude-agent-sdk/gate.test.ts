import assert from "node:assert/strict";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { requestIdOf } from "../../../src/digest.js";
import { ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import { Desk, decide, named, RULES, run } from "./sessions.js";

let server: Server;
before(async () => {
  server = await Server.ruled(RULES);
});
after(() => server[Symbol.asyncDispose]());

const quiet = { warn: () => {} };

const only = async (name: string) => {
  const approvals = await server.approvals(named(name));
  assert.equal(approvals.length, 1);
  return approvals[0];
};

test("what is approved is run, and the model reads its result", async () => {
  const desk = new Desk("approved");
  const session = run(server, [desk.calls("alice")], { desk, gate: { agentName: "mailer", runId: "job" } });
  await server.reviewer(named("approved")).approve();
  assert.deepEqual((await session).results, { "call-alice": "sent to alice" });
  assert.deepEqual(desk.runs, [{ to: "alice" }]);
  const approval = await only("approved");
  assert.deepEqual([approval?.agent?.name, approval?.agent?.runId], ["mailer", "job"]);
  assert.equal(approval?.requestId, await requestIdOf("job", "call-alice"));
  assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test("what a reviewer made of the arguments is what runs", async () => {
  const desk = new Desk("edited");
  const session = run(server, [desk.calls("alice")], { desk });
  await server.reviewer(named("edited")).approve({ to: "bob" });
  assert.deepEqual((await session).results, { "call-alice": "sent to bob" });
  assert.deepEqual(desk.runs, [{ to: "bob" }]);
  assert.equal((await only("edited"))?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
});

test("an edit that the tool does not take runs nothing", async () => {
  const desk = new Desk("unfit");
  const session = run(server, [desk.calls("alice")], { desk });
  await server.reviewer(named("unfit")).approve({ to: 1 });
  assert.match((await session).results["call-alice"] ?? "", /to/);
  assert.equal(desk.runs.length, 0);
  assert.equal((await only("unfit"))?.claim?.outcome?.result, ExecutionResult.FAILED);
});

test("what is rejected is not run, and the model reads the reviewer's words", async () => {
  const desk = new Desk("rejected");
  const session = run(server, [desk.calls("alice")], { desk });
  await server.reviewer(named("rejected")).reject("Use the staging list.");
  const text = "A reviewer rejected the call to mcp__desk__rejected: Use the staging list. Do not try it again.";
  assert.ok((await session).results["call-alice"]?.includes(`NOT RUN. ${text}`));
  assert.equal(desk.runs.length, 0);
});

test("what nobody decides is not run", async () => {
  const desk = new Desk("late");
  const { results } = await run(server, [desk.calls("alice")], { desk, gate: { timeoutMs: 1_000 } });
  assert.match(results["call-alice"] ?? "", /NOT RUN\. No reviewer decided/);
  assert.equal(desk.runs.length, 0);
});

test("the policy approves and rejects by itself", async () => {
  const [yes, no] = [new Desk("auto_send"), new Desk("never_send")];
  const approved = await run(server, [yes.calls("alice")], { desk: yes });
  const rejected = await run(server, [no.calls("alice")], { desk: no, gate: { logger: quiet } });
  assert.equal(approved.results["call-alice"], "sent to alice");
  assert.match(rejected.results["call-alice"] ?? "", /NOT RUN\. .*Dropping tables is not allowed\./);
  assert.deepEqual([yes.runs.length, no.runs.length], [1, 0]);
});

test("an error of the tool goes the program's way, and is reported", async () => {
  const desk = new Desk("failing", "mailbox full");
  const session = run(server, [desk.calls("alice")], { desk });
  await server.reviewer(named("failing")).approve();
  assert.match((await session).results["call-alice"] ?? "", /mailbox full/);
  const { result, message } = (await only("failing"))?.claim?.outcome ?? {};
  assert.deepEqual([desk.runs.length, result], [1, ExecutionResult.FAILED]);
  assert.match(message ?? "", /mailbox full/);
});

test("the program's own tools ask as well, and a secret of the process reaches neither server nor model", async () => {
  const own = await Server.ruled(RULES);
  const directory = await mkdtemp(join(tmpdir(), "signoff-touch-"));
  const secret = `sk-${crypto.randomUUID()}`;
  try {
    const call = (id: string) => ({
      id,
      tool: "Bash",
      input: { command: `touch ${directory}/${id}`, description: "Touches." },
    });
    const session = run(own, [[call("first")], [call("second")]], { env: { SMTP_PASSWORD: secret } });
    await own.reviewer("Bash").reject("No shell.");
    await own.reviewer("Bash").approve();
    const model = await session;
    assert.match(model.results.first ?? "", /A reviewer rejected the call to Bash: No shell\./);
    await assert.rejects(access(join(directory, "first")));
    await access(join(directory, "second"));
    const [approval] = (await own.approvals("Bash")).filter(({ claim }) => claim);
    assert.equal(approval?.claim?.outcome?.result, ExecutionResult.SUCCEEDED);
    assert.equal(await own.hasKept(`${directory}/second`), true);
    assert.equal(await own.hasKept(secret), false);
    assert.equal(JSON.stringify(model.sent).includes(secret), false);
  } finally {
    await own[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  }
});

test("without a server nothing is run", async () => {
  const desk = new Desk("unreachable");
  const warnings: string[] = [];
  const logger = { warn: (line: string) => warnings.push(line) };
  const client = server.client({ address: "http://127.0.0.1:1", logger: quiet });
  const gate = { patienceMs: 0, logger };
  const { results } = await run(server, [desk.calls("alice")], { desk, client, gate });
  assert.match(results["call-alice"] ?? "", /NOT RUN\. The call to \w+ could not be approved, because/);
  assert.match(warnings.join(), /Cannot reach the approvals server at http:\/\/127\.0\.0\.1:1/);
  assert.equal(desk.runs.length, 0);
});

test("nothing is run when the gate crashes, or optionsFor does, or what the hook answers is not an answer", async () => {
  const desk = new Desk("crashes");
  const client = server.client();
  client.run = () => Promise.reject(new Error("broken"));
  const crashed = await run(server, [desk.calls("alice")], { desk, client, gate: { logger: quiet } });
  assert.match(crashed.results["call-alice"] ?? "", /NOT RUN\. The call to \w+ could not be approved\./);
  const optionsFor = () => assert.fail("no such customer");
  const unknown = await run(server, [desk.calls("alice")], { desk, gate: { optionsFor, logger: quiet } });
  assert.match(unknown.results["call-alice"] ?? "", /NOT RUN\. The call to \w+ could not be approved\./);
  for (const answer of [
    async () => assert.fail("broken"),
    async () => ({ hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "perhaps" } }),
    async () => ({}),
  ]) {
    const changed = await run(server, [desk.calls("alice")], {
      desk,
      gate: { logger: quiet },
      changed: (options) => {
        const [matcher] = options.hooks?.PreToolUse ?? [];
        return { ...options, hooks: { ...options.hooks, PreToolUse: [{ ...matcher, hooks: [answer as never] }] } };
      },
    });
    assert.ok(changed.results["call-alice"]);
  }
  assert.equal(desk.runs.length, 0);
  assert.equal((await server.approvals(named("crashes"))).length, 0);
});

test("the model is told before the hook's time is over, and a hook that hangs runs nothing", async () => {
  const desk = new Desk("slow");
  const gate = { hookTimeoutMs: 5_500, logger: quiet };
  const waited = await run(server, [desk.calls("alice")], { desk, gate });
  assert.match(waited.results["call-alice"] ?? "", /NOT RUN\. The call to \w+ is still waiting/);
  await server.reviewer(named("slow")).approve();
  const hung = await run(server, [desk.calls("bob")], {
    desk,
    changed: (options) => {
      const PreToolUse = [{ hooks: [() => new Promise<never>(() => {})], timeout: 1, onFailure: "block" as const }];
      return { ...options, hooks: { ...options.hooks, PreToolUse } };
    },
  });
  assert.ok(hung.results["call-bob"]);
  assert.equal(desk.runs.length, 0);
});

test("three calls of one turn are three approvals, and each result is at its own call", async () => {
  const desk = new Desk("parallel");
  const session = run(server, [desk.calls("ann", "bob", "cy")], { desk });
  await decide(server, named("parallel"), 3, ({ arguments: args }) => {
    if (args?.to === "ann") return { reject: "Not Ann." };
    return args?.to === "bob" ? { edit: { to: "bert" } } : "approve";
  });
  const { results } = await session;
  assert.match(results["call-ann"] ?? "", /NOT RUN\. A reviewer rejected .* Not Ann\./);
  assert.deepEqual([results["call-bob"], results["call-cy"]], ["sent to bert", "sent to cy"]);
  assert.deepEqual(desk.runs.map(({ to }) => to).sort(), ["bert", "cy"]);
  assert.equal((await server.approvals(named("parallel"))).length, 3);
});

test("a run that is made again does not ask twice, nor run twice", async () => {
  const desk = new Desk("again");
  const session = run(server, [desk.calls("alice")], { desk, gate: { runId: "again" } });
  await server.reviewer(named("again")).approve();
  await session;
  const { results } = await run(server, [desk.calls("alice")], { desk, gate: { runId: "again", logger: quiet } });
  assert.match(results["call-alice"] ?? "", /NOT RUN AGAIN\./);
  assert.equal(desk.runs.length, 1);
  await only("again");
});

test("an id that a model uses again in a session runs nothing twice", async () => {
  const desk = new Desk("auto_reused");
  const [call] = desk.calls("alice");
  assert.ok(call);
  const turns = [[call], [call], [{ ...call, input: { to: "bob" } }]];
  await run(server, turns, { desk, gate: { logger: quiet } });
  assert.deepEqual(desk.runs, [{ to: "alice" }]);
});

test("one call's own options, made of what the program tells of it", async () => {
  const desk = new Desk("own");
  const seen: unknown[] = [];
  const session = run(server, [desk.calls("alice")], {
    desk,
    gate: {
      labels: { team: "mail" },
      optionsFor: (call) => {
        seen.push([call.toolName, call.input, call.toolUseId, call.subagent, call.sessionId.length]);
        return { runId: "of the call", reason: `Mail to ${call.input.to}`, labels: { kind: "invoice" } };
      },
    },
  });
  await server.reviewer(named("own")).approve();
  await session;
  assert.deepEqual(seen, [[named("own"), { to: "alice" }, "call-alice", undefined, 36]]);
  const approval = await only("own");
  assert.deepEqual([approval?.reason, approval?.agent?.runId], ["Mail to alice", "of the call"]);
  assert.deepEqual(approval?.labels, { team: "mail", kind: "invoice" });
});

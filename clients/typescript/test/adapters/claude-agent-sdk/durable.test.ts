import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { Handle } from "../../../src/node/index.js";
import { ApprovalStatus, ExecutionResult } from "../../../src/v1.js";
import { Server } from "../../server.js";
import type { Call } from "./model-server.js";
import { inHome, part, statuses } from "./parts.js";
import { Desk, named, RULES } from "./sessions.js";

let server: Server;
before(async () => {
  server = await Server.ruled(RULES);
});
after(() => server[Symbol.asyncDispose]());

const { PENDING, APPROVED, CANCELLED } = ApprovalStatus;

inHome("the run ends, and goes on with what was approved once there is a decision", async (home) => {
  const desk = new Desk("later");
  const first = await part(server, [desk.calls("alice")], { desk, home });
  assert.deepEqual([first.deferred?.id, first.handles.length, desk.runs.length], ["call-alice", 1, 0]);
  const early = await part(server, [], { desk, home }, first.sessionId);
  assert.deepEqual([early.deferred?.id, early.sessionId], ["call-alice", first.sessionId]);
  assert.deepEqual(await statuses(server, "later"), [PENDING]);
  const [handle] = first.handles;
  assert.deepEqual(early.handles.map(String), first.handles.map(String));
  await server.reviewer(named("later")).approve({ to: "bob" });
  assert.ok(handle);
  await server.client().wait(Handle.fromJson(JSON.parse(JSON.stringify(handle))));
  const second = await part(server, [], { desk, home }, first.sessionId);
  assert.deepEqual([second.deferred, second.results["call-alice"]], [undefined, "sent to bob"]);
  await part(server, [], { desk, home }, first.sessionId);
  assert.deepEqual(desk.runs, [{ to: "bob" }]);
  const [approval, ...others] = await server.approvals(named("later"));
  assert.deepEqual([approval?.claim?.outcome?.result, others], [ExecutionResult.SUCCEEDED, []]);
});

inHome("what is rejected meanwhile is not run, and the model reads the reviewer's words", async (home) => {
  const desk = new Desk("declined");
  const { sessionId } = await part(server, [desk.calls("alice")], { desk, home });
  await server.reviewer(named("declined")).reject("Use the staging list.");
  const { results } = await part(server, [], { desk, home }, sessionId);
  assert.match(results["call-alice"] ?? "", /NOT RUN\. A reviewer rejected .* Use the staging list\./);
  assert.equal(desk.runs.length, 0);
});

inHome("what the policy decides does not end the run", async (home) => {
  const [yes, no] = [new Desk("auto_now"), new Desk("never_now")];
  const approved = await part(server, [yes.calls("alice")], { desk: yes, home });
  const rejected = await part(server, [no.calls("alice")], { desk: no, home, gate: { logger: { warn: () => {} } } });
  assert.deepEqual([approved.deferred, rejected.deferred], [undefined, undefined]);
  assert.equal(approved.results["call-alice"], "sent to alice");
  assert.match(rejected.results["call-alice"] ?? "", /Dropping tables is not allowed/);
});

inHome("of three calls of one turn one waits, and the model is told to make the others again", async (home) => {
  const desk = new Desk("crowd");
  const turns = [desk.calls("ann", "bob", "cy")];
  const first = await part(server, turns, { desk, home });
  assert.deepEqual(await statuses(server, "crowd"), [PENDING, CANCELLED, CANCELLED].sort());
  const waiting = first.deferred?.id ?? "";
  assert.equal(first.handles.length, 1);
  await server.reviewer(named("crowd")).approve();
  // The model makes one of the others again, which may wait in its turn.
  const second = await part(
    server,
    [[{ ...desk.calls("dan")[0], id: "call-again" } as Call]],
    { desk, home },
    first.sessionId,
  );
  const to = waiting.replace("call-", "");
  assert.equal(second.results[waiting], `sent to ${to}`);
  for (const id of ["call-ann", "call-bob", "call-cy"].filter((id) => id !== waiting)) {
    assert.match(second.results[id] ?? "", /NOT RUN\. Another call of this turn waits for approval/);
  }
  assert.equal(second.deferred?.id, "call-again");
  await server.reviewer(named("crowd")).approve();
  const third = await part(server, [], { desk, home }, first.sessionId);
  assert.equal(third.results["call-again"], "sent to dan");
  assert.deepEqual(
    desk.runs.map((each) => each.to),
    [to, "dan"],
  );
  assert.deepEqual(await statuses(server, "crowd"), [APPROVED, APPROVED, CANCELLED, CANCELLED].sort());
});

inHome("what the policy decides runs beside a call that waits, and each result is at its own call", async (home) => {
  const desk = new Desk("auto_beside");
  const later: Call = { id: "call-later", tool: "mcp__more__later", input: { to: "bob" } };
  const both = { desk: desk.server(), more: new Desk("later").server("more") };
  const first = await part(server, [[later, ...desk.calls("alice")]], {
    home,
    options: { mcpServers: both },
  });
  assert.deepEqual([first.deferred?.id, desk.runs], ["call-later", [{ to: "alice" }]]);
  await server.reviewer("mcp__more__later").approve();
  const mcpServers = { more: new Desk("later").server("more") };
  const { results } = await part(server, [], { home, options: { mcpServers } }, first.sessionId);
  assert.deepEqual(results, { "call-later": "sent to bob", "call-alice": "sent to alice" });
});

inHome("prompts are refused while a call waits, and what is resumed may wait again", async (home) => {
  const touch = (id: string): Call => ({
    id,
    tool: "Bash",
    input: { command: `touch ${home}/${id}`, description: "Touches." },
  });
  const first = await part(server, [[touch("one")]], { home });
  const early = await part(server, [[touch("lost")]], { home }, first.sessionId);
  assert.deepEqual([early.deferred?.id, early.results], ["one", {}]);
  await server.reviewer("Bash").approve();
  const second = await part(server, [[touch("two")], [touch("lost")]], { home }, first.sessionId);
  assert.deepEqual([second.deferred?.id, second.results], ["two", { one: "(Bash completed with no output)" }]);
  await server.reviewer("Bash").approve();
  const third = await part(server, [], { home }, first.sessionId);
  assert.deepEqual(Object.keys(third.results), ["one", "two"]);
  for (const name of ["one", "two"]) await access(join(home, name));
  assert.equal((await server.approvals("Bash")).length, 2);
});

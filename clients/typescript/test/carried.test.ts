import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { requestIdOf } from "../src/digest.js";
import { withCallOptions } from "../src/node/index.js";
import { approving } from "./fake.js";

const done = () => "done";

test("options travel with what is awaited, timers and events that are awaited", async () => {
  await using fake = await approving();
  const send = fake.client().requiresApproval(done, { toolName: "t" });
  const events = new EventEmitter();
  await withCallOptions({ labels: { team: "billing" }, runId: "r", agentName: "bot" }, async () => {
    await send({});
    await setTimeout(1);
    await send({});
    setImmediate(() => events.emit("go"));
    await once(events, "go");
    await send({});
    await fake.client().run({ toolName: "t", arguments: {} }, done);
  });
  for (const { labels, agent } of fake.asked) {
    assert.deepEqual([labels, agent?.runId, agent?.name], [{ team: "billing" }, "r", "bot"]);
  }
  assert.equal(fake.asked.length, 4);
  await send({});
  assert.deepEqual(fake.asked[4]?.labels, {});
});

test("what is nearer to the call wins, and labels are joined", async () => {
  await using fake = await approving();
  const client = fake.client();
  const fixed = { toolName: "t", reason: "fixed", labels: { a: "fixed", b: "fixed", c: "fixed" } };
  const made = { toolName: "t", reason: "made", labels: { a: "made" } };
  await withCallOptions({ reason: "outer", labels: { b: "outer", c: "outer" } }, () =>
    withCallOptions({ reason: "inner", labels: { c: "inner" } }, async () => {
      await client.requiresApproval(done, fixed)({});
      await client.requiresApproval(done, () => made)({});
      await client.run({ ...made, arguments: {} }, done);
    }),
  );
  assert.deepEqual(
    fake.asked.map(({ reason }) => reason),
    ["inner", "made", "made"],
  );
  assert.deepEqual(fake.asked[0]?.labels, { a: "fixed", b: "outer", c: "inner" });
  assert.deepEqual(fake.asked[1]?.labels, { a: "made", b: "outer", c: "inner" });
  assert.deepEqual(fake.asked[2]?.labels, { a: "made", b: "outer", c: "inner" });
});

test("an id that is carried is not for the calls that the gated function makes", async () => {
  await using fake = await approving();
  const client = fake.client();
  const inner = client.requiresApproval(done, { toolName: "inner" });
  const outer = client.requiresApproval(async () => [await inner({}), await inner({})], { toolName: "outer" });
  const steps = client.requiresApproval(
    async function* () {
      yield await inner({});
      yield await inner({});
    },
    { toolName: "steps" },
  );
  await withCallOptions({ runId: "r", callId: "c" }, () => outer({}));
  await withCallOptions({ runId: "r", callId: "d" }, async () => {
    for await (const _ of steps({}));
  });
  await withCallOptions({ runId: "r", callId: "e" }, () =>
    client.run({ toolName: "run", arguments: {} }, () => inner({})),
  );
  const [first, ...others] = fake.asked.map(({ requestId }) => requestId);
  assert.equal(first, await requestIdOf("r", "c"));
  assert.deepEqual([others[2], others[5]], [await requestIdOf("r", "d"), await requestIdOf("r", "e")]);
  assert.equal(new Set([first, ...others]).size, 8);
  assert(fake.asked.every(({ agent }) => agent?.runId === "r"));
});

for (const ids of [{ requestId: "one" }, { runId: "r", callId: "c" }]) {
  test(`a second call under the ids of one is an error of use: ${Object.keys(ids)}`, async () => {
    await using fake = await approving();
    const client = fake.client();
    const send = client.requiresApproval(done, { toolName: "t" });
    const name = "requestId" in ids ? "requestId" : "callId";
    const message = `an earlier call took the ${name} of withCallOptions: set withCallOptions around each call, also to try again`;
    await withCallOptions(ids, async () => {
      await send({});
      await assert.rejects(send({}), { name: "TypeError", message });
      await assert.rejects(client.run({ toolName: "t", arguments: {} }, done), { name: "TypeError", message });
      // Other options do not make another call of it; other ids do.
      const labelled = withCallOptions({ labels: { a: "b" } }, () => send({}));
      await assert.rejects(labelled, { name: "TypeError", message });
      await withCallOptions({ requestId: "another" }, () => send({}));
      await withCallOptions({ runId: "r", callId: "another" }, () => send({}));
    });
    assert.equal(fake.asked.length, 3);
    assert.equal(fake.asked[2]?.requestId, await requestIdOf("r", "another"));
  });
}

test("a call without the required options is refused before anybody is asked", async () => {
  await using fake = await approving();
  const strict = fake.client({ requiredOptions: ["labels", "runId"] });
  const send = strict.requiresApproval(done, { toolName: "t", runId: "r" });
  const missing = { name: "TypeError", message: "labels is required for calls to t, and not set" };
  await assert.rejects(send({}), missing);
  await assert.rejects(
    withCallOptions({ labels: {} }, () => send({})),
    missing,
  );
  await assert.rejects(strict.run({ toolName: "t", arguments: {}, runId: "r" }, done), missing);
  const own = fake.client().requiresApproval(done, { toolName: "t", requiredOptions: ["onBehalfOf"] });
  await assert.rejects(own({}), /^TypeError: onBehalfOf is required for calls to t/);
  assert.equal(fake.asked.length, 0);
  await withCallOptions({ labels: { team: "a" } }, () => send({}));
  assert.equal(fake.asked.length, 1);
});

test("a call that lost its options is refused, and not judged without them", async () => {
  await using fake = await approving();
  const send = fake.client({ requiredOptions: ["labels"] }).requiresApproval(done, { toolName: "t" });
  // A queue whose callbacks run in the context of the code that empties it.
  const queue: (() => Promise<string>)[] = [];
  withCallOptions({ labels: { team: "a" } }, () => queue.push(() => send({})));
  await assert.rejects(async () => queue[0]?.(), TypeError);
  assert.equal(fake.asked.length, 0);
  // The recipe of the README.
  withCallOptions({ labels: { team: "a" } }, () => queue.push(AsyncResource.bind(() => send({}))));
  await queue[1]?.();
  assert.deepEqual(fake.asked[0]?.labels, { team: "a" });
});

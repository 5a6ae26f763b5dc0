import assert from "node:assert/strict";
import { EventEmitter, on } from "node:events";
import { Readable } from "node:stream";
import { test } from "node:test";
import { AutoRejected } from "../src/index.js";
import { ApprovalStatus, ExecutionResult } from "../src/v1.js";
import { approving, Fake, update } from "./fake.js";

const options = { toolName: "t" };

/** What the server was told, by its name and message. */
function told(fake: Fake): [string | undefined, string][] {
  return fake.reports.map(({ result, message }) => [ExecutionResult[result], message]);
}

/** A promise that a test settles. */
function deferred<T>() {
  let settle = (_: T) => {};
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

const nested: [string, (promise: Promise<string>) => unknown][] = [
  ["in an object", (promise) => ({ sent: promise })],
  ["in a list", (promise) => ["a", promise]],
  ["deep", (promise) => ({ a: [{ b: { promise } }] })],
  ["in a map", (promise) => new Map([["a", promise]])],
  ["in a set", (promise) => new Set([promise])],
  ["of a promise", (promise) => ({ a: Promise.resolve({ promise }) })],
];

for (const [name, holding] of nested) {
  test(`a promise ${name} is waited for before the outcome is reported`, async () => {
    await using fake = await approving();
    const { promise, settle } = deferred<string>();
    const held = holding(promise);
    const started = deferred<void>();
    const wrapped = fake.client().requiresApproval((_: object) => {
      started.settle();
      return held;
    }, options);
    const result = wrapped({});
    await started.promise;
    await new Promise(setImmediate);
    assert.deepEqual(told(fake), []);
    settle("done");
    assert.equal(await result, held);
    assert.deepEqual(told(fake), [["SUCCEEDED", ""]]);
  });
}

test("a promise inside that is rejected is the function's failure, however many are", async () => {
  await using fake = await approving();
  const broken = new Error("the mailbox is full");
  const fails = () => ({ a: Promise.resolve(1), b: Promise.reject(broken), c: Promise.reject(new Error("other")) });
  await assert.rejects(fake.client().requiresApproval(fails, options)({}), (error) => error === broken);
  assert.deepEqual(told(fake), [["FAILED", "the mailbox is full"]]);
});

test("a thenable is awaited within the approval", async () => {
  await using fake = await approving();
  const order: string[] = [];
  // As the query of a database library: it runs when somebody awaits it.
  const query = {
    // biome-ignore lint/suspicious/noThenProperty: that is the point.
    then(resolve: (rows: number[]) => void) {
      order.push(`run, ${fake.reports.length} reports`);
      resolve([1]);
    },
  };
  assert.deepEqual(await fake.client().requiresApproval(() => query, options)({}), [1]);
  assert.deepEqual(order, ["run, 0 reports"]);
  assert.deepEqual(told(fake), [["SUCCEEDED", ""]]);
});

async function* counted(): AsyncGenerator<number> {
  yield 1;
}

// biome-ignore lint/suspicious/noThenProperty: that is the point.
const lazy = () => ({ then: () => assert.fail("run") });

const unbegun: [string, () => unknown, string][] = [
  ["a function", () => () => "later", ""],
  ["a function in an object", () => ({ rows: [], next: () => "later" }), "next"],
  ["a function of a promise", async () => () => "later", ""],
  ["a function in a promise inside", () => ({ a: Promise.resolve([() => "later"]) }), "a[0]"],
  ["a generator that is not one of its own", () => counted(), ""],
  ["a generator in an object", () => ({ rows: counted() }), "rows"],
  ["an iterator", () => [1, 2].values(), ""],
  ["a stream of the web", () => new ReadableStream(), ""],
  ["a stream of Node.js", () => Readable.from(["a"]), ""],
  ["events", () => on(new EventEmitter(), "a"), ""],
  ["a thenable inside", () => ({ query: lazy() }), "query"],
];

for (const [name, fn, path] of unbegun) {
  test(`work that has not begun is refused: ${name}`, async () => {
    await using fake = await approving();
    const at = path && ` at ${path}`;
    await assert.rejects(fake.client().requiresApproval(fn, options)({}), (error) => {
      assert(error instanceof TypeError);
      assert(error.message.includes(`${at}, whose work would run outside the gate`), error.message);
      return true;
    });
    assert.equal(told(fake)[0]?.[0], "FAILED");
    await assert.rejects(fake.client().run({ ...options, arguments: {} }, fn), TypeError);
  });
}

test("what is refused is ended", async () => {
  await using fake = await approving();
  const ended = deferred<string>();
  const stream = new ReadableStream({ cancel: () => ended.settle("cancelled") });
  await assert.rejects(fake.client().requiresApproval(() => stream, options)({}), TypeError);
  assert.equal(await ended.promise, "cancelled");
});

test("whatever else is returned is returned as it is", async () => {
  await using fake = await approving();
  class Mail {
    to = "a";
    send() {}
  }
  const cycle: Record<string, unknown> = { a: 1 };
  cycle.self = cycle;
  const getter = {
    get a() {
      return assert.fail("called");
    },
  };
  for (const result of [undefined, null, 1, "text", [1], new Mail(), new Map([["a", 1]]), new Date(), cycle, getter]) {
    assert.equal(await fake.client().requiresApproval(() => result, options)({}), result);
  }
});

test("a generator runs while it is read, within the approval", async () => {
  await using fake = await approving();
  const order: string[] = [];
  async function* search({ words }: { words: string }, _: { signal: AbortSignal }) {
    order.push("begun");
    const more: unknown = yield `${words} 1`;
    order.push(`sent ${more}, ${fake.reports.length} reports`);
    yield Promise.resolve(`${words} 2`);
    return "all";
  }
  const wrapped = fake.client().requiresApproval(search, options);
  const given = { words: "a" };
  const found = wrapped(given, { signal: new AbortController().signal });
  given.words = "changed meanwhile";
  await new Promise(setImmediate);
  assert.deepEqual([order, fake.asked.length], [[], 0]);
  assert.deepEqual(await found.next(), { value: "a 1", done: false });
  assert.deepEqual(told(fake), []);
  assert.deepEqual(await found.next("more"), { value: "a 2", done: false });
  assert.deepEqual(await found.next(), { value: "all", done: true });
  assert.deepEqual(order, ["begun", "sent more, 0 reports"]);
  assert.deepEqual(told(fake), [["SUCCEEDED", ""]]);
});

test("a generator that is not async becomes one", async () => {
  await using fake = await approving();
  function* count({ to }: { to: number }) {
    for (let n = 1; n <= to; n += 1) yield n;
  }
  const numbers: number[] = [];
  for await (const n of fake.client().requiresApproval(count, options)({ to: 3 })) numbers.push(n);
  assert.deepEqual(numbers, [1, 2, 3]);
  assert.deepEqual(told(fake), [["SUCCEEDED", ""]]);
});

test("a generator that fails, or whose reader throws into it, has failed", async () => {
  await using fake = await approving();
  const broken = new Error("broken");
  const wrapped = fake.client().requiresApproval(async function* fail(_: object): AsyncGenerator<number> {
    yield 1;
    throw broken;
  }, options);
  const first = wrapped({});
  await first.next();
  await assert.rejects(first.next(), (error) => error === broken);
  const second = wrapped({});
  await second.next();
  await assert.rejects(second.throw(new Error("from outside")), /from outside/);
  assert.deepEqual(told(fake), [
    ["FAILED", "broken"],
    ["FAILED", "from outside"],
  ]);
});

test("a generator whose reader leaves is ended, and has not succeeded", async () => {
  await using fake = await approving();
  const order: string[] = [];
  const wrapped = fake.client().requiresApproval(async function* endless(_: object) {
    try {
      for (;;) yield 1;
    } finally {
      order.push(`ended, ${fake.reports.length} reports`);
    }
  }, options);
  for await (const _ of wrapped({})) break;
  assert.deepEqual(order, ["ended, 0 reports"]);
  assert.deepEqual(told(fake), [["FAILED", "the caller stopped reading before the end"]]);
});

test("a generator that yields work that has not begun is ended", async () => {
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval(async function* odd(_: object) {
    yield () => "later";
  }, options);
  await assert.rejects(wrapped({}).next(), TypeError);
  assert.equal(told(fake)[0]?.[0], "FAILED");
});

test("a generator that is refused does not begin", async () => {
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.AUTO_REJECTED);
    },
  });
  // biome-ignore lint/correctness/useYield: it never gets there.
  const wrapped = fake.client().requiresApproval(async function* never(_: object) {
    assert.fail("called");
  }, options);
  await assert.rejects(wrapped({}).next(), AutoRejected);
});

test("`run` takes no generator function", async () => {
  await using fake = await approving();
  await assert.rejects(fake.client().run({ ...options, arguments: {} }, counted), TypeError);
  assert.equal(fake.asked.length, 0);
});

test("a class is refused when it is wrapped", async () => {
  await using fake = await approving();
  const client = fake.client();
  class Sender {}
  for (const fn of [Sender, class {}, Map, new Proxy(Sender, {})] as unknown as ((args: object) => void)[]) {
    assert.throws(() => client.requiresApproval(fn, options), { name: "TypeError", message: /is a class/ });
    await assert.rejects(client.run({ ...options, arguments: {} }, fn), TypeError);
  }
  for (const fn of [async () => {}, Object.freeze(() => {}), (() => {}).bind(null)]) {
    client.requiresApproval(fn, options);
  }
  assert.equal(fake.asked.length, 0);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import * as v from "valibot";
import { z } from "zod";
import { copyArguments } from "../src/arguments.js";
import type { GateOptions, StandardSchema } from "../src/index.js";
import { jsonOf, type Value, type Values } from "../src/values.js";
import { conformance } from "./conformance.js";
import { approving } from "./fake.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

const when = new Date("2026-11-29T20:00:00.500Z");
const at = "2026-11-29T20:00:00.5Z";

/** Asks with some arguments, gets others from a reviewer if there are any: what the function got, and what was shown. */
async function approved(asked: object, edit?: JsonObject, options: Partial<GateOptions<object>> = {}) {
  await using fake = await approving(edit);
  const got: object[] = [];
  const fn = (args: object) => void got.push(args);
  await fake.client().requiresApproval(fn, { toolName: "t", ...options })(asked);
  return { got: got[0], shown: fake.asked[0]?.arguments };
}

/** The same, for an edit that is refused: its path and problem. */
async function refused(asked: object, edit: JsonObject, options: Partial<GateOptions<object>> = {}) {
  const error = await approved(asked, edit, options).catch((caught: unknown) => caught);
  const { kind, path, problem } = error as Record<string, unknown>;
  assert.equal(kind, "InvalidEdit", String(error));
  return [path, problem];
}

const forms: [string, Value, JsonValue][] = [
  ["a date", when, at],
  ["a date of a whole second", new Date("2026-11-29T20:00:10.000Z"), "2026-11-29T20:00:10Z"],
  ["a date of a millisecond", new Date("0000-01-01T00:00:00.001Z"), "0000-01-01T00:00:00.001Z"],
  ["a bigint", 12345678901234567890n, "12345678901234567890"],
  ["a negative bigint", -5n, "-5"],
  ["both in a list", [when, 1n], [at, "1"]],
  ["a date of another realm", runInNewContext(`new Date("${at}")`), at],
];

for (const [name, value, form] of forms) {
  test(`29: a value is shown as its form, and the function gets the value: ${name}`, async () => {
    const { got, shown } = await approved({ a: value, b: { c: [value] } });
    assert.deepEqual(shown, { a: form, b: { c: [form] } });
    assert.deepEqual(jsonOf(got as Values), shown);
    const copy = copyArguments("t", { a: value }).a;
    assert.deepEqual((got as Values).a, copy);
    assert.notEqual(typeof copy === "object" && copy, value);
  });
}

test("29: what is undefined is left out", async () => {
  const { got, shown } = await approved({ a: undefined, b: { c: undefined, d: 1 } });
  assert.deepEqual([got, shown], [{ b: { d: 1 } }, { b: { d: 1 } }]);
  assert(!Object.hasOwn(got ?? {}, "a"));
});

test("29: an edit is read in the types of what was asked", async () => {
  const asked = {
    when,
    n: 1n,
    list: [when, when],
    objects: [{ n: 1n }, { n: 2n }],
    mixed: [when, "a"],
    empty: [],
    to: "a",
  };
  const edit = {
    when: "2026-12-24T00:00:00+01:00",
    n: "-7",
    list: [at],
    objects: [{ n: "3" }, { n: "4" }, { n: "5" }],
    mixed: [at, at],
    empty: [at],
    to: at,
  };
  const { got } = await approved(asked, edit);
  assert.deepEqual(got, {
    when: new Date("2026-12-23T23:00:00Z"),
    n: -7n,
    list: [when],
    objects: [{ n: 3n }, { n: 4n }, { n: 5n }],
    mixed: [when, at],
    empty: [at],
    to: at,
  });
});

const misfits: [string, object, JsonObject, [string, string]][] = [
  ["a date only", { when }, { when: "2026-11-29" }, ["when", "is not a point in time, such as 2026-11-29T20:00:00Z"]],
  [
    "a day that is none",
    { when },
    { when: "2026-02-30T20:00:00Z" },
    ["when", "is not a point in time, such as 2026-11-29T20:00:00Z"],
  ],
  [
    "more than a Date holds",
    { when },
    { when: "2026-11-29T20:00:00.1234Z" },
    ["when", "is not a point in time, such as 2026-11-29T20:00:00Z"],
  ],
  ["a fraction", { n: 1n }, { n: "1.5" }, ["n", "is not an integer as a text of digits"]],
  ["an element", { list: [1n] }, { list: ["1", "x"] }, ["list[1]", "is not an integer as a text of digits"]],
  [
    "a list of several types that grows",
    { a: [1n, "a"] },
    { a: ["1", "a", "b"] },
    ["a", "has values of several types, so that its length cannot be changed"],
  ],
  [
    "a deep one",
    { a: { b: [{ when }] } },
    { a: { b: [{ when: "now" }] } },
    ["a.b[0].when", "is not a point in time, such as 2026-11-29T20:00:00Z"],
  ],
  ["an object for a list", { a: { list: [when] } }, { a: { list: { "0": at } } }, ["a.list", "is not a list"]],
  ["a list for an object", { a: { b: { n: 1n } } }, { a: { b: ["1"] } }, ["a.b", "is not an object"]],
];

for (const [name, asked, edit, problem] of misfits) {
  test(`22: an edit that is not of the type that was asked with is refused: ${name}`, async () => {
    assert.deepEqual(await refused(asked, edit), problem);
  });
}

test("29: `run` gets values too, and what a schema makes of them", async () => {
  await using fake = await approving();
  const client = fake.client();
  const asked = { toolName: "t", arguments: { when, n: 1n } };
  assert.deepEqual(await client.run(asked, (run) => run.arguments), { when, n: 1n });
  const parameters = z.object({ when: z.date(), n: z.bigint().transform(Number) });
  const sum: number = await client.run({ ...asked, parameters }, ({ arguments: { when: date, n } }) => +date + n);
  assert.equal(sum, +when + 1);
  const edited = await approving({ when: at, n: "2" });
  await using _ = edited;
  assert.deepEqual(await edited.client().run(asked, (run) => run.arguments), { when, n: 2n });
});

const libraries: [string, StandardSchema<object>][] = [
  ["Zod", z.object({ when: z.date(), n: z.bigint(), maybe: z.date().nullish() })],
  ["Valibot", v.object({ when: v.date(), n: v.bigint(), maybe: v.nullish(v.date()) })],
];

for (const [name, parameters] of libraries) {
  test(`29: a schema gets dates and bigints, of what is asked and of an edit: ${name}`, async () => {
    const asked = { when, n: 1n, maybe: when };
    const edit = { when: "2028-01-15T00:00:00Z", n: "2", maybe: null };
    const options = { parameters, deriveSchema: false };
    assert.deepEqual((await approved(asked, undefined, options)).got, asked);
    assert.deepEqual((await approved(asked, edit, options)).got, { when: new Date("2028-01-15"), n: 2n, maybe: null });
    assert.equal((await refused(asked, { ...edit, when: "2026-02-30T20:00:00Z" }, options))[0], "when");
  });
}

test("29: a schema of Zod says which texts are dates, wherever they come from", async () => {
  const parameters = z.object({
    maybe: z.date().nullable(),
    list: z.array(z.object({ n: z.bigint() })),
    map: z.record(z.string(), z.date()),
    pair: z.tuple([z.bigint(), z.string()]),
    either: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("at"), value: z.date() }),
      z.object({ kind: z.literal("text"), value: z.string() }),
    ]),
    filled: z.date().default(new Date(0)),
  });
  const asked = { maybe: null, list: [], map: {}, pair: [1n, "1"], either: { kind: "text", value: at } };
  const shown = { ...asked, pair: ["1", "1"], filled: "1970-01-01T00:00:00Z" };
  const first = await approved(asked, undefined, { parameters });
  assert.deepEqual(first.shown, shown);
  assert.deepEqual(first.got, { ...asked, filled: new Date(0) });
  const edit = {
    maybe: at,
    list: [{ n: "3" }],
    map: { b: at },
    pair: ["2", "2"],
    either: { kind: "at", value: at },
    filled: at,
  };
  assert.deepEqual((await approved(asked, edit, { parameters })).got, {
    maybe: when,
    list: [{ n: 3n }],
    map: { b: when },
    pair: [2n, "2"],
    either: { kind: "at", value: when },
    filled: when,
  });
});

test("29: what is resumed has the types that a schema says, and texts without one", async () => {
  const parameters = z.object({ when: z.date(), n: z.bigint() });
  const options = { toolName: "auto.v29", parameters };
  const wrapped = server.client().requiresApproval((args: { when: Date; n: bigint }) => args, options);
  const handle = await wrapped.ask({ when, n: 7n });
  assert.deepEqual(await wrapped.resume(handle), { when, n: 7n });
  const other = await wrapped.ask({ when, n: 7n });
  const run = await server.client().resume(other, ({ arguments: args }) => args, { parameters });
  assert.deepEqual(run, { when, n: 7n });
  const bare = await server.client().ask({ toolName: "auto.v29", arguments: { when } });
  assert.deepEqual(await server.client().resume(bare, ({ arguments: args }) => args), { when: at });
});

test("29: an edit of dates and bigints runs in their types, by the real server", async () => {
  const send = server.client().requiresApproval((args: { when: Date; n: bigint }) => args, { toolName: "v29.edit" });
  const result = send({ when, n: 1n });
  await server.reviewer("v29.edit").approve({ when: "2028-01-15T00:00:00Z", n: "12345678901234567890" });
  assert.deepEqual(await result, { when: new Date("2028-01-15"), n: 12345678901234567890n });
});

/** The types of values.json that this language has. */
const types = new Map<string, z.ZodType>([
  ["integer", z.int()],
  ["floating point", z.number()],
  ["boolean", z.boolean()],
  ["text", z.string()],
  ["big integer", z.bigint()],
  ["point in time", z.date()],
  ["list of integers", z.array(z.int())],
  ["map of text", z.record(z.string(), z.string())],
]);

test("values.json has every type of this language", () => {
  const names = conformance("values.json").types.map(({ name }) => name);
  for (const name of types.keys()) assert(names.includes(name), name);
});

for (const { name, accepted, refused: wrong } of conformance("values.json").types) {
  const type = types.get(name);
  if (!type) continue;
  const parameters = z.object({ a: type });
  const asked = new Map<string, unknown>([
    ["big integer", 1n],
    ["point in time", when],
  ]);
  const first = { a: asked.get(name) ?? (accepted[0] as [JsonValue, JsonValue])[0] };

  for (const [json, again] of accepted) {
    test(`29: ${name} is read, and written again: ${JSON.stringify(json)}`, async () => {
      const { got } = await approved(first, { a: json }, { parameters });
      assert.deepEqual(jsonOf(got as Values), { a: again });
      // The same without a schema, where a value says its own type.
      const plain = await approved(first, { a: json });
      assert.deepEqual(jsonOf(plain.got as Values), { a: again });
    });
  }

  for (const json of wrong) {
    test(`22: ${name} is not read of ${JSON.stringify(json)}`, async () => {
      assert.match(String((await refused(first, { a: json }, { parameters }))[0]), /^a/);
    });
  }
}

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import * as v from "valibot";
import { z } from "zod";
import { derived } from "../src/derive.js";
import { type CallOptions, InvalidArguments, type StandardSchema } from "../src/index.js";
import { isPortable } from "../src/patterns.js";
import { overLimit } from "../src/schema.js";
import { ApprovalStatus } from "../src/v1.js";
import { conformance } from "./conformance.js";
import { approving } from "./fake.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

function schemaOf(parameters: StandardSchema): JsonObject {
  const { jsonSchema, problem } = derived(parameters);
  assert(jsonSchema, problem);
  return jsonSchema;
}

/** The types of values.json that this language has, and what of `refused` only the reader refuses. */
const types: [string, z.ZodType][] = [
  ["integer", z.int()],
  ["floating point", z.number()],
  ["boolean", z.boolean()],
  ["text", z.string()],
  ["big integer", z.bigint()],
  ["point in time", z.date()],
  ["list of integers", z.array(z.int())],
  ["map of text", z.record(z.string(), z.string())],
];
/** Dates that no calendar has: a server may know them too. */
const CALENDAR = "2026-02-30T20:00:00Z";

for (const [name, type] of types) {
  const listed = conformance("values.json").types.find((one) => one.name === name);
  const parameters = z.object({ a: type });

  test(`28: the schema of ${name} is that of every language`, () => {
    assert.deepEqual(schemaOf(parameters), {
      type: "object",
      properties: { a: listed?.schema },
      required: ["a"],
      additionalProperties: false,
    });
  });

  test(`28: the server takes of ${name} what the reader takes`, async () => {
    const schema = schemaOf(parameters);
    for (const [json] of listed?.accepted ?? []) assert(await server.takes(schema, { a: json }), JSON.stringify(json));
    for (const json of listed?.refused ?? []) {
      // It is sent as a double, which is refused before: by clients.
      if (json === CALENDAR || json === 2 ** 53) continue;
      assert(!(await server.takes(schema, { a: json })), JSON.stringify(json));
    }
  });
}

test("28: objects are closed at every depth, and what is filled in is required", async () => {
  const parameters = z.object({
    to: z.string().default("a"),
    more: z.object({ list: z.array(z.object({ b: z.boolean().prefault(true), c: z.string().optional() })) }),
  });
  const item = {
    type: "object",
    properties: { b: { type: "boolean" }, c: { type: "string" } },
    required: ["b"],
    additionalProperties: false,
  };
  assert.deepEqual(schemaOf(parameters), {
    type: "object",
    properties: {
      to: { type: "string" },
      more: {
        type: "object",
        properties: { list: { type: "array", items: item } },
        required: ["list"],
        additionalProperties: false,
      },
    },
    required: ["more", "to"],
    additionalProperties: false,
  });
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval((args: object) => args, { toolName: "t", parameters });
  await wrapped({ more: { list: [{}] } });
  assert.deepEqual(fake.asked[0]?.arguments, { to: "a", more: { list: [{ b: true }] } });
  assert(await server.takes(schemaOf(parameters), fake.asked[0]?.arguments ?? {}));
});

/** A library of its own that leaves names alone that an object does not declare, as ArkType does. */
function library(
  properties: JsonObject,
  input: () => Record<string, unknown> = () => ({ type: "object", properties }),
) {
  const validate = (value: unknown) => ({ value: value as object });
  return { "~standard": { version: 1 as const, vendor: "test", validate, jsonSchema: { input } } };
}

test("28: of other libraries names are refused at the top, by the client and the server", async () => {
  const parameters = library({
    a: { type: "object", properties: { b: { type: "string", format: "email", minLength: 3 } } },
  });
  const schema = schemaOf(parameters);
  assert.deepEqual(schema, {
    type: "object",
    properties: { a: { type: "object", properties: { b: { type: "string", minLength: 2 } } } },
    additionalProperties: false,
  });
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval((args: object) => args, { toolName: "t", parameters });
  assert.deepEqual(await wrapped({ a: { c: 1 } }), { a: { c: 1 } });
  await assert.rejects(wrapped({ a: {}, c: 1 }), { kind: "InvalidArguments", path: "c" });
  assert.equal(fake.asked.length, 1);
});

test("limits of the schemas that are sent", () => {
  for (const { name, sent, schema } of conformance("schemas.json").schemas) {
    assert.equal(overLimit(schema) === undefined, sent, name);
  }
});

interface Tree {
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }));
const wide = Object.fromEntries(
  Array.from({ length: 400 }, (_, index) => [`a_parameter_with_the_number_${index}`, z.int()]),
);

/** Schemas that are not told to the server, and why. */
const untold: [StandardSchema<object>, RegExp][] = [
  [z.object({ tree }), /a type contains itself/],
  [tree as StandardSchema<object>, /a type contains itself/],
  [z.object(wide), /it has \d+ bytes; the maximum is 16384/],
  [v.object({ to: v.string() }), /its library has no JSON Schema for it/],
  [library({}, () => ({ type: "string" })), /it is not the schema of an object/],
  [library({ a: { $ref: "https://example.com/schema" } }), /it refers to https:/],
  [
    library({}, () => {
      throw new Error("cannot be done.");
    }),
    /: cannot be done\. An edit/,
  ],
];

for (const [parameters, problem] of untold) {
  test(`28: a schema that cannot be told is left out, with one warning: ${problem}`, async () => {
    await using fake = await approving();
    const client = fake.client();
    const options = { toolName: "t", parameters };
    const wrapped = client.requiresApproval(() => "done", options);
    const given = example(parameters);
    for (let round = 0; round < 2; round += 1) assert.equal(await wrapped(given), "done");
    assert.equal(fake.logged.length, 1, fake.logged.join());
    assert.match(fake.logged[0] ?? "", problem);
    await client.requiresApproval(() => "done", options)(given);
    assert.equal(fake.logged.length, 2);
    await client.requiresApproval(() => "done", { ...options, deriveSchema: false })(given);
    await client.requiresApproval(() => "done", { ...options, argumentsSchema: { type: "object" } })(given);
    assert.equal(fake.logged.length, 2);
    assert.deepEqual(
      fake.asked.map(({ argumentsSchema }) => argumentsSchema),
      [undefined, undefined, undefined, undefined, { type: "object" }],
    );
  });
}

/** What one of these schemas takes. */
function example(parameters: StandardSchema<object>): object {
  if (parameters === untold[1]?.[0]) return { children: [] };
  if (parameters === untold[0]?.[0]) return { tree: { children: [{ children: [] }] } };
  if (parameters === untold[2]?.[0]) return Object.fromEntries(Object.keys(wide).map((name) => [name, 1]));
  return { to: "a" };
}

test("28: the call's own schema replaces the derived one, and deriveSchema: false sends none", async () => {
  await using fake = await approving();
  const parameters = z.object({ to: z.string() });
  const variants: [Partial<CallOptions>, JsonObject | undefined][] = [
    [{}, schemaOf(parameters)],
    [{ argumentsSchema: { type: "object" } }, { type: "object" }],
    [{ deriveSchema: false }, undefined],
    [{ deriveSchema: true }, schemaOf(parameters)],
  ];
  for (const [options, schema] of variants) {
    const call = { toolName: "t", parameters, ...options };
    await fake.client().requiresApproval(() => {}, call)({ to: "a" });
    await fake.client().run({ ...call, arguments: { to: "a" } }, () => {});
    for (const { argumentsSchema } of fake.asked.splice(0)) assert.deepEqual(argumentsSchema, schema);
  }
});

for (const [name, type] of [
  ["a Map", z.map(z.string(), z.string())],
  ["a Set", z.set(z.string())],
  ["a File", z.file()],
  ["a symbol", z.symbol()],
  ["a function", z.function()],
  ["NaN", z.nan()],
  ["a promise", z.promise(z.string())],
] as [string, z.ZodType][]) {
  test(`a schema that takes what has no JSON form is an error of use when it is given: ${name}`, async () => {
    await using fake = await approving();
    const parameters = z.object({ a: z.object({ b: z.array(type).optional() }) }) as StandardSchema<object>;
    const message = `parameters of a call has ${name} at a.b, which has no JSON form`;
    const client = fake.client();
    const never = () => assert.fail("called");
    assert.throws(() => client.requiresApproval(never, { toolName: "t", parameters }), { name: "TypeError", message });
    await assert.rejects(client.run({ toolName: "t", arguments: {}, parameters }, never), {
      name: "TypeError",
      message,
    });
    assert.equal(fake.asked.length, 0);
  });
}

test("28: the caller's own arguments are checked first, with the path", async () => {
  const parameters = z.object({ to: z.array(z.object({ name: z.string(), at: z.date() })) });
  const send = server.client().requiresApproval(() => assert.fail("called"), { toolName: "s28.own", parameters });
  // biome-ignore lint/suspicious/noExplicitAny: that is the point.
  const wrong = { to: [{ name: 1, at: new Date(0) }] } as any;
  await assert.rejects(send(wrong), (error) => error instanceof InvalidArguments && error.path === "to[0].name");
  assert.deepEqual(await server.approvals("s28.own"), []);
});

test("28: an edit that the schema refuses fails at the server, and one that fits runs in the declared types", async () => {
  const parameters = z.object({ to: z.email(), amount: z.int().max(10), at: z.date(), n: z.bigint() });
  const at = new Date("2026-11-29T20:00:00Z");
  const asked = { to: "alice@company.com", amount: 5, at, n: 1n };
  const send = server.client().requiresApproval((args: z.infer<typeof parameters>) => args, {
    toolName: "s28",
    parameters,
  });
  const result = send(asked);
  const reviewer = server.reviewer("s28");
  const edit: JsonObject = { to: "bob@company.com", amount: 6, at: "2026-12-24T00:00:00Z", n: "2" };
  const wrong: [string, JsonValue][] = [
    ["amount", "five"],
    ["amount", 11],
    ["amount", 1.5],
    ["to", "bob"],
    ["at", "2026-12-24"],
    ["n", 2],
    ["bcc", "mallory@company.com"],
  ];
  for (const [name, value] of wrong) {
    await assert.rejects(reviewer.approve({ ...edit, [name]: value }), /arguments_schema/);
  }
  await assert.rejects(reviewer.approve({ to: "bob@company.com" }), /arguments_schema/);
  assert.equal((await reviewer.pending()).status, ApprovalStatus.PENDING);
  await reviewer.approve(edit);
  assert.deepEqual(await result, { to: "bob@company.com", amount: 6, at: new Date("2026-12-24T00:00:00Z"), n: 2n });
});

test("28: many patterns are left out, as they could cost the server too much", () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`p${index}`, z.string().regex(/^a+$/)]));
  const few = z.object({ a: z.string().regex(/^a+$/), b: z.bigint() });
  assert.match(JSON.stringify(schemaOf(few)), /\^a\+\$/);
  const text = JSON.stringify(schemaOf(z.object({ ...many, b: z.bigint() })));
  assert(!text.includes("^a+$") && text.includes("pattern"));
});

test("patterns that mean the same everywhere are known", () => {
  const plain = [/^[a-z]+$/, /^\d{4}-\d\d$/, /^(?:a|b)*?c?$/, /^[^@ ]+@[\w.-]+$/, /^https?:\/\/x|y$/];
  for (const { source } of plain) assert(isPortable(source), source);
  const strange = [
    [/(?=a)/, /(?<!a)b/, /(a)\1/, /(?<n>a)/],
    [/\bword\b/, /\p{L}/u, /\cA/, /\u0041/, /a\s/],
    [/[[a]/, /[a&&b]/, /[+--]/, /a{300}/, /(a{9}){99}/],
  ];
  for (const { source } of strange.flat()) assert(!isPortable(source), source);
});

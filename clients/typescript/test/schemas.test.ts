import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import * as v from "valibot";
import { z } from "zod";
import { derived } from "../src/derive.js";
import { type CallOptions, InvalidArguments, type StandardSchema } from "../src/index.js";
import { fitApproved } from "../src/parameters.js";
import { isPortable } from "../src/patterns.js";
import { ApprovalStatus } from "../src/v1.js";
import { conformance } from "./conformance.js";
import { approving } from "./fake.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

/** Whether the real server takes arguments of a schema. */
async function serverTakes(argumentsSchema: JsonObject, args: JsonObject): Promise<boolean> {
  const { approvals } = server.client();
  const request = { requestId: crypto.randomUUID(), toolName: "auto.schema", arguments: args, argumentsSchema };
  try {
    for await (const _ of approvals.requestApproval(request));
    return true;
  } catch (error) {
    assert.match(ConnectError.from(error).message, /do not satisfy arguments_schema/);
    return false;
  }
}

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
    for (const [json] of listed?.accepted ?? []) assert(await serverTakes(schema, { a: json }), JSON.stringify(json));
    for (const json of listed?.refused ?? []) {
      // It is sent as a double, which is refused before: by clients.
      if (json === CALENDAR || json === 2 ** 53) continue;
      assert(!(await serverTakes(schema, { a: json })), JSON.stringify(json));
    }
  });
}

/** Schemas, with arguments as they are shown; the library takes each, so that the server must. */
const taken: [string, z.ZodObject, JsonObject[]][] = [
  ["an email", z.object({ a: z.email() }), [{ a: "alice@company.com" }]],
  ["an address of the web", z.object({ a: z.url() }), [{ a: "https://exämple.com/ä b" }]],
  ["a UUID", z.object({ a: z.uuid() }), [{ a: "0190F3C4-0000-7000-8000-000000000001" }]],
  ["a time to the minute", z.object({ a: z.iso.datetime({ precision: -1 }) }), [{ a: "2026-11-29T20:00Z" }]],
  ["a date", z.object({ a: z.iso.date() }), [{ a: "2026-11-29" }]],
  [
    "an address of the net",
    z.object({ a: z.union([z.ipv4(), z.ipv6(), z.cidrv4()]) }),
    [{ a: "10.0.0.1" }, { a: "::1" }],
  ],
  ["base64", z.object({ a: z.base64(), b: z.jwt().optional(), c: z.emoji() }), [{ a: "YQ==", c: "🙂" }]],
  ["a pattern with a flag", z.object({ a: z.string().regex(/^abc$/i) }), [{ a: "ABC" }]],
  [
    "several patterns",
    z.object({ a: z.string().regex(/^a/).regex(/b$/u).startsWith("a").includes("-") }),
    [{ a: "a-b" }],
  ],
  ["look-around", z.object({ a: z.string().regex(/^(?!b)(a)\1$/) }), [{ a: "aa" }]],
  ["a pattern with much in it", z.object({ a: z.string().regex(/^[[\]&&~~{]+\/.{0,5000}\cA?$/) }), [{ a: "[[&&/x" }]],
  ["lengths", z.object({ a: z.string().min(2).max(3) }), [{ a: "ab" }, { a: "🙂🙂🙂" }]],
  ["a text that is trimmed", z.object({ a: z.string().trim().toUpperCase().max(3) }), [{ a: "ABC" }]],
  ["a step that is not whole", z.object({ a: z.number().multipleOf(0.1) }), [{ a: 0.3 }]],
  [
    "bounds",
    z.object({ a: z.int().min(1).max(9), b: z.number().gt(0), c: z.int().positive() }),
    [{ a: 9, b: 0.1, c: 1 }],
  ],
  [
    "coercion",
    z.object({ a: z.coerce.number(), b: z.coerce.boolean(), c: z.coerce.date() }),
    [{ a: "5", b: "x", c: "2028" }],
  ],
  ["what is caught", z.object({ a: z.number().catch(1) }), [{ a: "x" }]],
  ["what is made before", z.object({ a: z.preprocess(Number, z.number()) }), [{ a: "5" }]],
  ["a change of type", z.object({ a: z.string().transform(Number), b: z.stringbool() }), [{ a: "5", b: "yes" }]],
  ["anything", z.object({ a: z.any(), b: z.unknown(), c: z.custom<string>() }), [{ a: [1], b: {}, c: null }]],
  ["optional ones", z.object({ a: z.string().optional(), b: z.number().nullish() }), [{}, { a: "a" }, { b: null }]],
  [
    "one of several",
    z.object({ a: z.union([z.string(), z.int()]), b: z.xor([z.int(), z.number().max(1)]) }),
    [{ a: 1, b: 5 }],
  ],
  [
    "constants",
    z.object({ a: z.literal(["x", 1, null]), b: z.enum({ A: 1, B: "b" }) }),
    [
      { a: null, b: "b" },
      { a: 1, b: 1 },
    ],
  ],
  ["a bigint as a constant", z.object({ a: z.literal(["x", 5n]) }), [{ a: "x" }]],
  ["a template", z.object({ a: z.templateLiteral(["v", z.int(), ".", z.int()]) }), [{ a: "v1.2" }]],
  [
    "lists",
    z.object({ a: z.array(z.string()).min(1).max(2), b: z.tuple([z.string()], z.int()) }),
    [{ a: ["a"], b: ["a", 1, 2] }],
  ],
  [
    "a tuple with an end that is optional",
    z.object({ a: z.tuple([z.string(), z.int().optional()]) }),
    [{ a: ["a"] }, { a: ["a", 1] }],
  ],
  [
    "maps",
    z.object({ a: z.record(z.enum(["x", "y"]), z.int()), b: z.record(z.string().regex(/^k/), z.date()) }),
    [{ a: { x: 1, y: 2 }, b: { k1: "2026-11-29T20:00:00Z" } }],
  ],
  ["a map of some names", z.object({ a: z.partialRecord(z.enum(["x", "y"]), z.int()) }), [{ a: { x: 1 } }]],
  [
    "an open object",
    z.object({ a: z.looseObject({ b: z.string() }), c: z.object({}).catchall(z.int()) }),
    [{ a: { b: "b", d: 1 }, c: { e: 1 } }],
  ],
  [
    "parts of parts",
    z.object({ a: z.object({ b: z.string() }).and(z.looseObject({ c: z.int() })) }),
    [{ a: { b: "b", c: 1 } }],
  ],
  ["a part with a name", named(), [{ a: { b: "b" }, c: [{ b: "c" }] }]],
  [
    "one of several objects",
    z.object({
      a: z.discriminatedUnion("k", [z.object({ k: z.literal("x") }), z.object({ k: z.literal("y"), d: z.date() })]),
    }),
    [{ a: { k: "x" } }, { a: { k: "y", d: "2026-11-29T20:00:00Z" } }],
  ],
  [
    "names that patterns escape",
    z.object({ "a.b": z.string(), "c/d~e": z.string(), $ref: z.string() }),
    [{ "a.b": "", "c/d~e": "", $ref: "#" }],
  ],
];

function named() {
  const part = z.object({ b: z.string() }).meta({ id: "Part", title: "A part", description: "of it", examples: [1] });
  return z.object({ a: part, c: z.array(part) });
}

for (const [name, parameters, examples] of taken) {
  test(`28: the server takes what the library takes: ${name}`, async () => {
    const found = derived(parameters);
    const schema = schemaOf(parameters);
    for (const args of examples) {
      assert.deepEqual((await fitApproved(found, args)).shown, args);
      assert(await serverTakes(schema, args), JSON.stringify(schema));
      // At every depth, and by both: names that are not declared.
      const more = { ...args, undeclared: 1 };
      await assert.rejects(fitApproved(found, more), /undeclared is not a parameter/);
      assert(!(await serverTakes(schema, more)));
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
  assert(await serverTakes(schemaOf(parameters), fake.asked[0]?.arguments ?? {}));
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

interface Tree {
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }));
const wide = Object.fromEntries(
  Array.from({ length: 400 }, (_, index) => [`a_parameter_with_the_number_${index}`, z.int()]),
);

/** Schemas that are not told to the server, and why. */
const untold: [StandardSchema<object>, RegExp][] = [
  [z.object({ tree }), /a type has itself as a part/],
  [tree as StandardSchema<object>, /a type has itself as a part/],
  [z.object(wide), /it has \d+ bytes, and may have 16384/],
  [v.object({ to: v.string() }), /its library makes no JSON Schema of it/],
  [library({}, () => ({ type: "string" })), /it is not that of an object/],
  [library({ a: { $ref: "https://example.com/schema" } }), /it refers to https:/],
  [
    library({}, () => {
      throw new Error("cannot be done.");
    }),
    /: cannot be done\. The server/,
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

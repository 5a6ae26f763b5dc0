import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { z } from "zod";
import { derived } from "../src/derive.js";
import { type Fitted, fitApproved, fitAsked } from "../src/parameters.js";
import { Server } from "./server.js";

let server: Server;
before(async () => {
  server = await Server.start();
});
after(() => server[Symbol.asyncDispose]());

test("what a schema fills in is each call's own", async () => {
  const schema = z.object({
    opts: z.object({ bcc: z.array(z.string()) }).default({ bcc: [] }),
    at: z.date().default(new Date(0)),
  });
  const parameters = { schema, reads: undefined, names: undefined };
  const [waiting, other] = [await fitAsked(parameters, {}), await fitAsked(parameters, {})] as Fitted<
    z.output<typeof schema>
  >[];
  other?.taken.opts.bcc.push("eve");
  other?.taken.at.setTime(1);
  assert.deepEqual(waiting?.taken, { opts: { bcc: [] }, at: new Date(0) });
  assert.deepEqual(waiting?.shown, { opts: { bcc: [] }, at: "1970-01-01T00:00:00Z" });
});

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
    const schema = found.jsonSchema;
    assert(schema, found.problem);
    for (const args of examples) {
      assert.deepEqual((await fitApproved(found, args)).shown, args);
      assert(await server.takes(schema, args), JSON.stringify(schema));
      // At every depth, and by both: names that are not declared.
      const more = { ...args, undeclared: 1 };
      await assert.rejects(fitApproved(found, more), /undeclared is not a parameter/);
      assert(!(await server.takes(schema, more)));
    }
  });
}

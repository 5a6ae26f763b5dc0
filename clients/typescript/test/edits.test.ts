import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import * as v from "valibot";
import { z } from "zod";
import { digestOf } from "../src/digest.js";
import { type GateOptions, InvalidArguments, InvalidEdit, type StandardSchema } from "../src/index.js";
import { ApprovalStatus } from "../src/v1.js";
import { approving, Fake, granted, update } from "./fake.js";

/** Asks with some arguments, gets others from a reviewer: what the function got. */
async function edited(asked: object, edit: JsonObject, options: Partial<GateOptions<object>> = {}): Promise<object> {
  await using fake = await approving(edit);
  const got: object[] = [];
  const fn = (args: object) => void got.push(args);
  await fake.client().requiresApproval(fn, { toolName: "pay", ...options })(asked);
  assert.deepEqual([fake.claims, got.length], [1, 1]);
  return got[0] ?? {};
}

/** The same, for an edit that is refused: nothing is claimed. */
async function refused(asked: object, edit: JsonObject, options: Partial<GateOptions<object>> = {}): Promise<string[]> {
  await using fake = await approving(edit);
  const wrapped = fake.client().requiresApproval(() => assert.fail("called"), { toolName: "pay", ...options });
  const error = await wrapped(asked).catch((caught: unknown) => caught);
  assert(error instanceof InvalidEdit, String(error));
  assert.deepEqual([fake.claims, fake.reports.length, error.approvalId], [0, 0, "a1"]);
  return [error.path, error.problem];
}

test("an edit of values alone fits", async () => {
  const asked = { to: "a", amount: 5, urgent: false, tags: [1], note: null, more: { x: 1 } };
  const edit = { to: "b", amount: 4.5, urgent: true, tags: ["x", "y"], note: null, more: { y: "z" } };
  assert.deepEqual(await edited(asked, edit), edit);
});

const misshapen: [string, JsonObject, [string, string]][] = [
  ["another type", { to: "a", amount: "five" }, ["amount", "is not a number"]],
  ["a list for a text", { to: ["a"], amount: 5 }, ["to", "is not a string"]],
  ["null for a text", { to: null, amount: 5 }, ["to", "is not a string"]],
  ["a name too many", { to: "a", amount: 6, bcc: "b" }, ["bcc", "is not a parameter of the function"]],
  ["a name too few", { amount: 5 }, ["", "is missing `to`"]],
  [
    "an integer that is not exact",
    { to: "a", amount: 1e300 },
    ["amount", "is an integer that a double cannot hold exactly"],
  ],
];

for (const [name, edit, problem] of misshapen) {
  test(`22: an edit must have the names and types of what was asked: ${name}`, async () => {
    assert.deepEqual(await refused({ to: "a", amount: 5 }, edit), problem);
  });
}

const argumentsSchema = {
  type: "object",
  properties: {
    to: { type: "string" },
    amount: { type: ["integer", "null"] },
    cc: { type: "array" },
    any: {},
  },
  required: ["to"],
};

test("a JSON Schema says which names and types an edit may have", async () => {
  for (const edit of [{ to: "b" }, { to: "b", amount: null }, { to: "b", cc: ["c"], any: 1 }]) {
    assert.deepEqual(await edited({ to: "a", amount: 5 }, edit, { argumentsSchema }), edit);
  }
  const open = { ...argumentsSchema, additionalProperties: true };
  assert.deepEqual(await edited({ to: "a" }, { to: "a", x: 1 }, { argumentsSchema: open }), { to: "a", x: 1 });
  const asked = { to: "a", amount: 5 };
  assert.deepEqual(await refused(asked, { amount: 5 }, { argumentsSchema }), ["", "is missing `to`"]);
  assert.deepEqual(await refused(asked, { to: "a", amount: 1.5 }, { argumentsSchema }), [
    "amount",
    "is not an integer or null",
  ]);
  assert.deepEqual(await refused(asked, { to: "a", bcc: "b" }, { argumentsSchema }), [
    "bcc",
    "is not a parameter of the function",
  ]);
});

const schemas: [string, StandardSchema<object>][] = [
  ["Zod", z.object({ to: z.string(), amount: z.number().max(10), cc: z.string().optional() })],
  ["Valibot", v.object({ to: v.string(), amount: v.pipe(v.number(), v.maxValue(10)), cc: v.optional(v.string()) })],
];

for (const [name, parameters] of schemas) {
  test(`a schema takes edits: ${name}`, async () => {
    const asked = { to: "a", amount: 5 };
    const more = { to: "a", amount: 5, cc: "c" };
    assert.deepEqual(await edited(asked, more, { parameters }), more);
    assert.deepEqual(await edited(more, { to: "b", amount: 1 }, { parameters }), { to: "b", amount: 1 });
    const [path, problem] = await refused(asked, { to: "a", amount: 11 }, { parameters });
    assert.equal(path, "amount");
    assert.match(problem ?? "", /^does not fit: .*10/);
    assert.deepEqual(await refused(asked, { to: "a", amount: 5, bcc: "b" }, { parameters }), [
      "bcc",
      "is not a parameter of the function",
    ]);
  });

  test(`a schema takes what is asked for, before anybody is asked: ${name}`, async () => {
    await using fake = await approving();
    const client = fake.client();
    const wrapped = client.requiresApproval(() => assert.fail("called"), { toolName: "pay", parameters });
    for (const [args, path] of [
      [{ to: "a", amount: "five" }, "amount"],
      [{ to: "a" }, "amount"],
      [{ to: "a", amount: 5, bcc: "b" }, "bcc"],
    ] as const) {
      await assert.rejects(wrapped(args), (error) => error instanceof InvalidArguments && error.path === path);
      const call = { toolName: "pay", arguments: args, parameters };
      await assert.rejects(
        client.run(call, () => assert.fail("called")),
        InvalidArguments,
      );
    }
    assert.equal(fake.asked.length, 0);
  });
}

test("`run` checks edits with a schema, and without one gives them to the function as they are", async () => {
  await using fake = await approving({ to: "a", bcc: "b" });
  const call = { toolName: "pay", arguments: { to: "a" } };
  assert.deepEqual(await fake.client().run(call, (run) => [run.edited, run.arguments]), [true, { to: "a", bcc: "b" }]);
  const checked = { ...call, parameters: z.object({ to: z.string() }) };
  await assert.rejects(
    fake.client().run(checked, () => assert.fail("called")),
    { kind: "InvalidEdit", path: "bcc" },
  );
  assert.equal(fake.claims, 1);
});

test("what a schema fills in is shown, and an edit must not leave it to the schema", async () => {
  const parameters = z.object({ to: z.string().trim(), amount: z.number().default(100) });
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval((args: object) => args, { toolName: "pay", parameters });
  assert.deepEqual(await wrapped({ to: " a " }), { to: "a", amount: 100 });
  assert.deepEqual(fake.asked[0]?.arguments, { to: "a", amount: 100 });
  assert.deepEqual(await refused({ to: "a" }, { to: "a" }, { parameters }), ["", "is missing `amount`"]);
  assert.deepEqual(await refused({ to: "a" }, { to: " b ", amount: 1 }, { parameters }), [
    "to",
    "is changed by the schema",
  ]);
});

test("what a schema makes that is not JSON is shown as the JSON that it was made of", async () => {
  const parameters = z.object({ when: z.coerce.date(), amount: z.number().default(1) });
  const when = "2027-01-15T08:00:00.000Z";
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval((args: object) => args, { toolName: "pay", parameters });
  assert.deepEqual(await wrapped({ when }), { when: new Date(when), amount: 1 });
  assert.deepEqual(fake.asked[0]?.arguments, { when, amount: 1 });
  const later = { when: "2028-01-15", amount: 2 };
  assert.deepEqual(await edited({ when }, later, { parameters }), { when: new Date("2028-01-15"), amount: 2 });
  const unseen: StandardSchema<object> = z.object({ when: z.any().transform(() => new Map()) });
  await assert.rejects(fake.client().requiresApproval(() => {}, { toolName: "pay", parameters: unseen })({}), {
    kind: "InvalidArguments",
    path: "when",
  });
});

test("a schema that changes what it is given changes nothing that is shown", async () => {
  const validate = (value: unknown) => {
    (value as Record<string, unknown>).to = "mallory";
    return { value: value as object };
  };
  const parameters: StandardSchema<object> = { "~standard": { version: 1, vendor: "test", validate } };
  assert.deepEqual(await refused({ to: "a" }, { to: "b" }, { parameters }), ["to", "is changed by the schema"]);
});

test("a schema that fails refuses what it was given, with the cause", async () => {
  const broken = new Error("The directory cannot be reached.");
  const parameters = z.object({ to: z.string() }).refine(({ to }) => {
    if (to === "mallory") throw broken;
    return true;
  });
  const problem = ["", "does not fit: The directory cannot be reached"];
  assert.deepEqual(await refused({ to: "a" }, { to: "mallory" }, { parameters }), problem);
  await using fake = await approving();
  const wrapped = fake.client().requiresApproval(() => assert.fail("called"), { toolName: "pay", parameters });
  await assert.rejects(wrapped({ to: "mallory" }), { kind: "InvalidArguments", cause: broken });
  assert.equal(fake.asked.length, 0);
});

test("a schema may take its time", async () => {
  const parameters = z.object({ to: z.string().refine(async (to) => to !== "mallory") });
  assert.deepEqual(await edited({ to: "a" }, { to: "b" }, { parameters }), { to: "b" });
  assert.equal((await refused({ to: "a" }, { to: "mallory" }, { parameters }))[0], "to");
});

test("what the function gets is rebuilt from canonical JSON, edited or not", async () => {
  const asked = { b: -0, a: { d: [-0], c: 1 } };
  await using fake = await approving();
  const got: object[] = [];
  const wrapped = fake.client().requiresApproval((args: object) => void got.push(args), { toolName: "pay" });
  await wrapped(asked);
  await fake.client().run({ toolName: "pay", arguments: asked }, (run) => void got.push(run.arguments));
  got.push(await edited({ a: { c: 1 }, b: 1 }, { b: -0, a: { d: [-0], c: 1 } }));
  for (const args of got as { a: { d: number[] }; b: number }[]) {
    assert.equal(JSON.stringify(args), '{"a":{"c":1,"d":[0]},"b":0}');
    assert(Object.is(args.b, 0) && Object.is(args.a.d[0], 0));
  }
});

test("an edit brings no prototype", async () => {
  const hidden = JSON.parse('{"to": "b", "__proto__": {"admin": true}}');
  // A server that lies about the digest: what it hides is not in what is digested here.
  const digest = await digestOf("pay", { to: "b" });
  await using fake = await Fake.start({
    async *requestApproval() {
      yield await update(ApprovalStatus.APPROVED, { arguments: hidden, digest });
    },
    claimExecution: () => granted({ digest }),
  });
  const got: object[] = [];
  const end = await fake
    .client()
    .requiresApproval((args: object) => void got.push(args), { toolName: "pay" })({ to: "a" })
    .catch((error: Error) => error.name);
  assert(got.length === 0 || Object.getPrototypeOf(got[0]) === Object.prototype, String(end));
  assert.equal("admin" in (got[0] ?? {}), false);
});

test("a getter of the arguments is read once", async () => {
  await using fake = await approving();
  let reads = 0;
  const mail = {
    get to() {
      reads += 1;
      return reads === 1 ? "alice" : "mallory";
    },
  };
  const options = ({ to }: { to: string }) => ({ toolName: "pay", reason: `mail to ${to}` });
  assert.deepEqual(await fake.client().requiresApproval((args: { to: string }) => ({ ...args }), options)(mail), {
    to: "alice",
  });
  assert.deepEqual([fake.asked[0]?.arguments, fake.asked[0]?.reason, reads], [{ to: "alice" }, "mail to alice", 1]);
});

test("a function may change its arguments, and so may the one that makes the options", async () => {
  await using fake = await approving();
  const options = (args: { to: string }) => {
    args.to = "mallory";
    return { toolName: "pay" };
  };
  const wrapped = fake.client().requiresApproval((args: { to: string }) => {
    args.to += "!";
    return args.to;
  }, options);
  assert.equal(await wrapped({ to: "alice" }), "alice!");
  assert.deepEqual(fake.asked[0]?.arguments, { to: "alice" });
});

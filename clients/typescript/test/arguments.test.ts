import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { copyArguments } from "../src/arguments.js";
import { InvalidArguments } from "../src/index.js";

class Mail {
  to = "a";
}

/** Promises more than a point in time. */
class Zoned extends Date {
  zone = "Europe/Berlin";
}

const cycle: Record<string, unknown> = {};
cycle.again = cycle;

const refused: [string, unknown, string, RegExp][] = [
  ["undefined in a list", { a: [1, undefined] }, "a[1]", /undefined/],
  ["a function", { a: () => 1 }, "a", /function/],
  ["a symbol", { a: Symbol("s") }, "a", /symbol/],
  ["a symbol as a name", { a: { [Symbol("s")]: 1 } }, "a", /symbol/],
  ["a date that is none", { a: new Date(Number.NaN) }, "a", /not a valid date/],
  ["a date that RFC 3339 cannot tell", { a: new Date(8.64e15) }, "a", /years 0 to 9999/],
  ["a date before that", { a: new Date("-000001-12-31T23:59:59Z") }, "a", /years 0 to 9999/],
  ["a class made of Date", { a: new Zoned() }, "a", /class/],
  ["what only looks like a date", { a: { __proto__: Date.prototype } }, "a", /class/],
  ["a map", { a: [new Map()] }, "a[0]", /class/],
  ["bytes", { a: new Uint8Array(1) }, "a", /class/],
  ["an instance of a class", { a: new Mail() }, "a", /class/],
  ["a boxed number", { a: Object(1) }, "a", /class/],
  ["NaN", { a: Number.NaN }, "a", /finite/],
  ["infinity", { a: Number.NEGATIVE_INFINITY }, "a", /finite/],
  // biome-ignore lint/suspicious/noSparseArray: that is the point.
  ["a list with a hole", { a: [1, , 2] }, "a", /holes/],
  ["a list with a name", { a: Object.assign([1], { b: 2 }) }, "a", /names/],
  ["a name that sets prototypes", JSON.parse('{"a": {"__proto__": {"b": 1}}}'), "a", /__proto__/],
  ["half of a surrogate pair inside", { a: "x\udc00y" }, "a", /Unicode/],
  ["a cycle", cycle, `again${".again".repeat(31)}`, /deeper/],
  ["an instance of a class as the arguments", new Mail(), "", /not a JSON object/],
  ["null as the arguments", null, "", /not a JSON object/],
  ["undefined as the arguments", undefined, "", /not a JSON object/],
];

for (const [name, value, path, problem] of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => copyArguments("t", value),
      (error) => {
        assert(error instanceof InvalidArguments);
        assert.equal(error.path, path);
        assert.match(error.problem, problem);
        return true;
      },
    );
  });
}

test("objects without a prototype and of other realms are taken", () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  assert.deepEqual(copyArguments("t", { bare, other: runInNewContext("({ b: [2] })") }), {
    bare: { a: 1 },
    other: { b: [2] },
  });
});

test("toJSON is a name like others, and not called", () => {
  assert.throws(() => copyArguments("t", { toJSON: () => ({}) }), InvalidArguments);
  assert.deepEqual(copyArguments("t", { toJSON: "text" }), { toJSON: "text" });
});

test("what is changed later does not change the copy", () => {
  const given = { list: [{ a: 1 }] };
  const copy = copyArguments("t", given);
  given.list.push({ a: 2 });
  assert.deepEqual(copy, { list: [{ a: 1 }] });
});

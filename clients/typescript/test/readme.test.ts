import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { GATE_CHECKS, RUN_CHECKS } from "../src/options.js";
import { conformance } from "./conformance.js";

const readme = readFileSync("README.md", "utf8");

/** The names in the first column of the table with this heading. */
function named(heading: RegExp): string[] {
  const lines = readme.split("\n");
  const first = lines.findIndex((line) => heading.test(line));
  assert.notEqual(first, -1);
  const rows = lines.slice(first + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows
    .slice(0, end)
    .flatMap((row) => Array.from(row.split("|")[1]?.matchAll(/`(\w+)`/g) ?? [], ([, name]) => name ?? ""));
}

test("README has every option of a call, and no other", () => {
  const options = new Set([...Object.keys(RUN_CHECKS), ...Object.keys(GATE_CHECKS)]);
  assert.deepEqual(named(/^\| option of a call /).sort(), [...options].sort());
});

test("README has every option of connect, and no other", () => {
  const source = readFileSync("src/node/options.ts", "utf8");
  const [, checks] = /const CHECKS: Checks<ConnectOptions> = \{(.*?)\};/s.exec(source) ?? [];
  const options = Array.from(checks?.matchAll(/^ {2}(\w+):/gm) ?? [], ([, name]) => name);
  assert.deepEqual(named(/^\| option {2}.*\| environment/).sort(), options.sort());
});

test("README has every refusal, and no other", () => {
  const kinds = new Set(conformance("refusals.json").refusals.map(({ kind }) => kind));
  assert.deepEqual(named(/^\| `kind` /).sort(), [...kinds].sort());
});

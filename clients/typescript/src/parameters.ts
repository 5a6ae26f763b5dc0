import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { copyJson, isPlainObject, Misfit, pathTo } from "./arguments.js";

/**
 * A schema of [Standard Schema](https://standardschema.dev), such as those of Zod, Valibot and ArkType.
 *
 * @typeParam A - what it makes of a value, which is what the function takes.
 */
export interface StandardSchema<A = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<A> | Promise<SchemaResult<A>>;
  };
}

/** What a schema makes of a value, or what is wrong with the value. */
export type SchemaResult<A> =
  | { readonly value: A; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** A call's arguments: as they are shown, digested and approved, and as the function takes them. */
export interface Fitted<A = unknown> {
  readonly shown: JsonObject;
  readonly taken: A;
}

/**
 * The arguments to ask with. A schema's defaults and changes are in what is shown, so that the function gets nothing
 * that reviewers do not see; what it makes of JSON that is not JSON, such as a Date, is shown as the JSON.
 *
 * @param given - a copy, which no other code can reach.
 * @throws Misfit for what the schema refuses, or drops.
 */
export async function fitAsked(schema: StandardSchema | undefined, given: JsonObject): Promise<Fitted> {
  if (schema === undefined) return { shown: given, taken: copyJson(given) };
  const taken = await validate(schema, given);
  const dropped = isPlainObject(taken) && Object.keys(given).find((name) => !Object.hasOwn(taken, name));
  if (typeof dropped === "string") throw new Misfit(dropped, "is not a parameter of the function");
  const shown = copyJson(shownOf(taken, given, ""));
  return { shown, taken };
}

/**
 * The arguments that a reviewer made of those asked for.
 *
 * @throws Misfit for what the schema refuses, or would change: the function would get arguments that were not approved.
 */
export async function fitEdited(schema: StandardSchema, edited: JsonObject): Promise<Fitted> {
  const taken = await validate(schema, edited);
  refuseChange(edited, copyJson(shownOf(taken, edited, "")), "");
  return { shown: edited, taken };
}

/** What a function takes, as far as that is known without a schema of Standard Schema. */
export interface Shape {
  /** Each known parameter, with the JSON types that it may have; undefined: any. */
  readonly types: ReadonlyMap<string, readonly string[] | undefined>;
  readonly required: readonly string[];
  /** Whether there may be other parameters. */
  readonly open: boolean;
}

/**
 * The parameters that the call and its JSON Schema declare. Without a schema these are the names and the JSON types of
 * the arguments asked for. JavaScript declares no others: a function silently ignores names that it does not know, and
 * computes with a value of the wrong type.
 */
export function shapeOf(asked: JsonObject, schema: JsonObject | undefined): Shape {
  const types = new Map<string, readonly string[] | undefined>();
  for (const [name, value] of Object.entries(asked)) types.set(name, [typeOf(value)]);
  const properties = schema?.properties;
  if (!isPlainObject(properties)) return { types, required: Object.keys(asked), open: false };
  for (const [name, property] of Object.entries(properties)) types.set(name, typesIn(property));
  const required = Array.isArray(schema?.required) ? schema.required.filter((name) => typeof name === "string") : [];
  const others = schema?.additionalProperties;
  const open = others === true || isPlainObject(others) || isPlainObject(schema?.patternProperties);
  return { types, required, open };
}

/** @throws Misfit for edited arguments that have not this shape. */
export function refuseMisshapen(edited: JsonObject, { types, required, open }: Shape): void {
  for (const name of required) {
    if (!Object.hasOwn(edited, name)) throw new Misfit("", `is missing \`${name}\``);
  }
  for (const [name, value] of Object.entries(edited)) {
    if (!types.has(name) && !open) throw new Misfit(name, "is not a parameter of the function");
    const allowed = types.get(name);
    if (allowed && !allowed.some((type) => isOfType(value, type))) throw new Misfit(name, problemOf(allowed));
  }
}

async function validate(schema: StandardSchema, given: JsonObject): Promise<unknown> {
  // A copy: what it does to it must not change what is shown.
  const result = await schema["~standard"].validate(copyJson(given));
  const issue = result.issues?.[0];
  if (issue) throw new Misfit(pathOf(issue.path ?? []), `does not fit: ${issue.message.replace(/\.$/, "")}`);
  return "value" in result ? result.value : undefined;
}

function pathOf(keys: readonly (PropertyKey | { readonly key: PropertyKey })[]): string {
  return keys.reduce<string>((path, step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "number" ? `${path}[${key}]` : pathTo(path, String(key));
  }, "");
}

/**
 * What the schema made of a value, where that is JSON, and the value itself where it is not.
 *
 * @throws Misfit for what is not JSON, and was made of nothing.
 */
function shownOf(made: unknown, given: JsonValue | undefined, path: string): unknown {
  if (Array.isArray(made)) {
    const list = Array.isArray(given) ? given : [];
    return made.map((item, index) => shownOf(item, list[index], `${path}[${index}]`));
  }
  if (isPlainObject(made)) {
    const object = isPlainObject(given) ? (given as JsonObject) : {};
    const entries = Object.entries(made).filter(([name, value]) => value !== undefined || Object.hasOwn(object, name));
    return Object.fromEntries(entries.map(([name, value]) => [name, shownOf(value, object[name], pathTo(path, name))]));
  }
  if (isJsonLeaf(made)) return made;
  if (given === undefined) throw new Misfit(path, "is filled in by the schema with what reviewers cannot see");
  return given;
}

function isJsonLeaf(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/** @throws Misfit for the first difference between arguments and what a schema makes of them. */
function refuseChange(before: JsonValue, after: JsonValue | undefined, path: string): void {
  if (isPlainObject(before) && isPlainObject(after)) {
    const [from, to] = [before as JsonObject, after as JsonObject];
    for (const name of Object.keys(to)) {
      if (!Object.hasOwn(from, name)) throw new Misfit(path, `is missing \`${name}\``);
    }
    for (const [name, value] of Object.entries(from)) {
      if (!Object.hasOwn(to, name)) throw new Misfit(pathTo(path, name), "is not a parameter of the function");
      refuseChange(value, to[name], pathTo(path, name));
    }
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    before.forEach((item, index) => {
      refuseChange(item, after[index], `${path}[${index}]`);
    });
  } else if (before !== after) {
    throw new Misfit(path, "is not as the function takes it");
  }
}

/** The JSON type of a value, by the names of JSON Schema. */
function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function typesIn(property: unknown): readonly string[] | undefined {
  if (!isPlainObject(property)) return undefined;
  const types = Array.isArray(property.type) ? property.type : [property.type];
  return types.every((type) => typeof type === "string") ? types : undefined;
}

function isOfType(value: JsonValue, type: string): boolean {
  return type === "integer" ? Number.isInteger(value) : typeOf(value) === type;
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ["array", "a list"],
  ["boolean", "a boolean"],
  ["integer", "an integer"],
  ["null", "null"],
  ["number", "a number"],
  ["object", "an object"],
  ["string", "a string"],
]);

function problemOf(allowed: readonly string[]): string {
  return `is not ${allowed.map((type) => NAMES.get(type) ?? type).join(" or ")}`;
}

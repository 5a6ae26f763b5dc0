import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { copyJson, copyValues, isPlainObject, pathTo } from "./arguments.js";
import { Misfit } from "./misfit.js";
import { textOf } from "./report.js";
import { type Reads, typedBy } from "./typed.js";
import { isDate, jsonOf, type Values } from "./values.js";

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
    /** What libraries have that make a JSON Schema of it, by Standard JSON Schema. */
    readonly jsonSchema?: { readonly input: (options: JsonSchemaOptions) => Record<string, unknown> } | undefined;
  };
}

/** How a library is asked for a JSON Schema. */
export interface JsonSchemaOptions {
  readonly target: "draft-2020-12";
  readonly libraryOptions?: Record<string, unknown> | undefined;
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

/** A schema, and what is known of the JSON that it takes. */
export interface Parameters<A = unknown> {
  readonly schema: StandardSchema<A>;
  /** Which texts it takes as dates and bigints. */
  readonly reads: Reads | undefined;
  /** The names that it declares; undefined where it takes others, or where that is not known. */
  readonly names: ReadonlySet<string> | undefined;
}

/**
 * The arguments to ask with. What a schema fills in is in what is shown, so that the function gets nothing that reviewers
 * do not see, and so is what it changes within a type of JSON, such as a text that it trims. What it makes another type
 * of, such as a Date, is shown as it was passed in.
 *
 * @param given - a copy, which no other code can reach.
 * @throws Misfit for what the schema refuses, or drops.
 */
export async function fitAsked(parameters: Parameters | undefined, given: Values): Promise<Fitted> {
  const asked = jsonOf(given);
  if (parameters === undefined) return { shown: asked, taken: copyValues(given) };
  const taken = await validate(parameters, asked, given);
  const dropped = isPlainObject(taken) && Object.keys(given).find((name) => !Object.hasOwn(taken, name));
  if (typeof dropped === "string") throw new Misfit(dropped, "is not a parameter of the function");
  return { shown: copyJson(shownOf(taken, asked, "")), taken };
}

/**
 * The arguments that were approved, in the types that the function takes.
 *
 * @param given - the values that were asked with, where they are known.
 * @throws Misfit for what the schema refuses, or would change: the function would get arguments that were not approved.
 */
export async function fitApproved(parameters: Parameters, approved: JsonObject, given?: Values): Promise<Fitted> {
  const taken = await validate(parameters, approved, given);
  refuseChange(approved, copyJson(shownOf(taken, approved, "")), "");
  return { shown: approved, taken };
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

async function validate({ schema, reads, names }: Parameters, json: JsonObject, like?: Values): Promise<unknown> {
  const unknown = Object.keys(json).find((name) => names && !names.has(name));
  if (unknown !== undefined) throw new Misfit(unknown, "is not a parameter of the function");
  const result = await validated(schema, typedBy(reads, json, like));
  const issue = result.issues?.[0];
  if (issue) throw new Misfit(pathOf(issue.path ?? []), `does not fit: ${issue.message.replace(/\.$/, "")}`);
  return "value" in result ? detached(result.value) : undefined;
}

/**
 * A copy of what a schema made, that no other code has: libraries fill in the same default each time, and a call that
 * waits must not see what another one does to it. Instances of classes but Date are as they are.
 */
function detached(made: unknown): unknown {
  if (Array.isArray(made)) return made.map(detached);
  if (isDate(made)) return new Date(made.getTime());
  if (!isPlainObject(made)) return made;
  return Object.fromEntries(Object.entries(made).map(([name, value]) => [name, detached(value)]));
}

/** @param copy - what the schema does to it must not change what is shown. */
async function validated(schema: StandardSchema, copy: Values): Promise<SchemaResult<unknown>> {
  try {
    return await schema["~standard"].validate(copy);
  } catch (cause) {
    throw new Misfit("", `does not fit: ${textOf(cause).replace(/\.$/, "")}`, { cause });
  }
}

function pathOf(keys: readonly (PropertyKey | { readonly key: PropertyKey })[]): string {
  return keys.reduce<string>((path, step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "number" ? `${path}[${key}]` : pathTo(path, String(key));
  }, "");
}

/**
 * What the schema made of a value, where that is JSON of the same type, and the value itself where it is not.
 *
 * @throws Misfit for what has no JSON form, and was made of nothing.
 */
function shownOf(made: unknown, given: JsonValue | undefined, path: string): unknown {
  if (given !== undefined && jsonTypeOf(made) !== typeOf(given)) return given;
  if (Array.isArray(made)) {
    const list = Array.isArray(given) ? given : [];
    return made.map((item, index) => shownOf(item, list[index], `${path}[${index}]`));
  }
  if (isPlainObject(made)) {
    const object = isPlainObject(given) ? (given as JsonObject) : {};
    const entries = Object.entries(made).filter(([name, value]) => value !== undefined || Object.hasOwn(object, name));
    return Object.fromEntries(entries.map(([name, value]) => [name, shownOf(value, object[name], pathTo(path, name))]));
  }
  if (jsonTypeOf(made) !== undefined) return made;
  if (typeof made === "bigint" || isDate(made)) return jsonOf(copyValues({ made })).made;
  throw new Misfit(path, "is filled in by the schema with what reviewers cannot see");
}

/** As {@link typeOf}; undefined for what is not JSON. */
function jsonTypeOf(value: unknown): string | undefined {
  if (value === null || Array.isArray(value) || isPlainObject(value)) return typeOf(value as JsonValue);
  return ["string", "number", "boolean"].includes(typeof value) ? typeof value : undefined;
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
    throw new Misfit(path, "is changed by the schema");
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

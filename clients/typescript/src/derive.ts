import type { JsonObject } from "@bufbuild/protobuf";
import { isPlainObject, pathTo } from "./arguments.js";
import type { Parameters, StandardSchema } from "./parameters.js";
import { textOf } from "./report.js";
import { FILLED_IN, Inexpressible, rewritten, TEXT_OF } from "./schema.js";

/** What a schema of a library says of the arguments. */
export interface Derived extends Parameters {
  /** JSON Schema for the server; undefined when there is none. */
  readonly jsonSchema: JsonObject | undefined;
  /** Why there is none. */
  readonly problem: string | undefined;
}

const known = new WeakMap<StandardSchema, Derived>();

/**
 * What is derived of a schema, by [Standard JSON Schema](https://standardschema.dev/json-schema). Once for each schema.
 *
 * @throws TypeError for a schema that takes what has no JSON form, such as a Map: no call could be approved.
 */
export function derived(schema: StandardSchema): Derived {
  const found = known.get(schema) ?? derive(schema);
  known.set(schema, found);
  return found;
}

function derive(schema: StandardSchema): Derived {
  const none = { schema, reads: undefined, names: undefined, jsonSchema: undefined };
  const { jsonSchema: converter, vendor } = schema["~standard"];
  if (typeof converter?.input !== "function") return { ...none, problem: "its library has no JSON Schema for it" };
  const isZod = vendor === "zod";
  let given: unknown;
  try {
    given = converter.input({ target: "draft-2020-12", ...(isZod && { libraryOptions: ZOD_OPTIONS }) });
  } catch (error) {
    if (error instanceof NoForm) throw new TypeError(error.message);
    return { ...none, problem: textOf(error).replace(/\.$/, "") };
  }
  if (!isPlainObject(given)) return { ...none, problem: "its library has no JSON Schema for it" };
  try {
    const { schema: jsonSchema, reads } = rewritten(given as JsonObject, isZod);
    const { properties, additionalProperties: others } = jsonSchema;
    const names = others === false ? new Set(Object.keys(isPlainObject(properties) ? properties : {})) : undefined;
    return { schema, reads, names, jsonSchema, problem: undefined };
  } catch (error) {
    if (!(error instanceof Inexpressible)) throw error;
    return { ...none, problem: error.message };
  }
}

/** A type that no JSON can be read as. */
class NoForm extends Error {}

/** The names of Zod's types whose values cannot be arguments. */
const FORMLESS: ReadonlyMap<string, string> = new Map([
  ["file", "a File"],
  ["function", "a function"],
  ["map", "a Map"],
  ["nan", "NaN"],
  ["promise", "a promise"],
  ["set", "a Set"],
  ["symbol", "a symbol"],
]);

/** Of Zod's types: what they take is seen only when they are called, or has no JSON Schema. */
const ANYTHING: ReadonlySet<string> = new Set(["catch", "custom", "success", "transform"]);

/** What Zod knows of a type, or of a check. */
interface ZodDef {
  readonly type?: string;
  readonly check?: string;
  readonly coerce?: boolean;
  readonly in?: ZodPart;
  readonly values?: readonly unknown[];
  readonly pattern?: RegExp;
  readonly checks?: readonly ZodPart[];
}

/** The parts of Zod's schemas and checks that are looked at. */
interface ZodPart {
  readonly _zod: { readonly def: ZodDef; readonly bag?: { readonly patterns?: Iterable<RegExp> } };
}

/** How Zod is to write what has no JSON Schema, or another one than it writes. */
const ZOD_OPTIONS = {
  unrepresentable: "any",
  override({ zodSchema, jsonSchema, path }: { zodSchema: ZodPart; jsonSchema: JsonObject; path: (string | number)[] }) {
    const { def, bag } = zodSchema._zod;
    const { type = "" } = def;
    const formless = FORMLESS.get(type);
    if (formless) throw new NoForm(`parameters of a call has ${formless}${placeOf(path)}, which has no JSON form`);
    const isUnseen = def.type === "pipe" && def.in?._zod.def.type === "transform";
    const isBeyondJson = def.type === "literal" && def.values?.some((value) => !isScalar(value));
    if (ANYTHING.has(type) || def.coerce || isUnseen || isBeyondJson) replace(jsonSchema, {});
    else if (def.type === "undefined" || def.type === "void") replace(jsonSchema, { not: {} });
    else if (type === "date" || type === "bigint") replace(jsonSchema, { [TEXT_OF]: type });
    else if (def.type === "default" || def.type === "prefault") jsonSchema[FILLED_IN] = true;
    const checks = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
    // Checks are made of what a trim or the like leaves.
    const isChanged = checks.some(({ check }) => check === "overwrite");
    if (isChanged && typeof jsonSchema.type === "string") replace(jsonSchema, { type: jsonSchema.type });
    // Flags are not part of what is written.
    const patterns = [...checks.map(({ pattern }) => pattern), ...(bag?.patterns ?? [])];
    if (patterns.some((pattern) => pattern && /[imsv]/.test(pattern.flags))) {
      delete jsonSchema.pattern;
      delete jsonSchema.allOf;
    }
  },
};

function isScalar(value: unknown): boolean {
  return value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value);
}

function replace(schema: JsonObject, by: JsonObject): void {
  for (const name of Object.keys(schema)) delete schema[name];
  Object.assign(schema, by);
}

/** Where in the arguments a part of their JSON Schema is. */
function placeOf(path: readonly (string | number)[]): string {
  const names = path.filter((step, index) => typeof step === "string" && path[index - 1] === "properties");
  return names.length === 0 ? "" : ` at ${names.reduce<string>((at, name) => pathTo(at, String(name)), "")}`;
}

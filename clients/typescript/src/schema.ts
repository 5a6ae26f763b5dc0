import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import canonicalize from "canonicalize";
import { isPlainObject } from "./arguments.js";
import { isPortable } from "./patterns.js";
import type { Branch, Reads } from "./typed.js";
import { TEXT_SCHEMAS, type TextType } from "./values.js";

/** Keyword of a place whose texts are values that JSON does not have. Never sent. */
export const TEXT_OF = "x-signoff-text";
/** Keyword of a place that the library fills in when it is missing. Never sent. */
export const FILLED_IN = "x-signoff-filled-in";

/** As much as the server takes of a schema: its library for protobuf decodes few more levels. */
const BYTES = 16 * 1024;
const NODES = 2_000;
const LEVELS = 32;
/** Fewer than the server compiles: it also bounds patterns times the bytes of texts, which may have 48 KiB. */
const PATTERNS = 40;

/** Why there is no schema for the server, as the end of a sentence. */
export class Inexpressible extends Error {}

/** A schema of a library, as the server and the reader of values take it. */
export interface Rewritten {
  readonly schema: JsonObject;
  readonly reads: Reads | undefined;
}

/**
 * A library's JSON Schema, rewritten so that it accepts all that the library does, as shown to reviewers.
 *
 * Servers and libraries differ in what formats and patterns mean and in how long a text is. What could refuse a call that
 * the library takes is left out, and so is every keyword that is not known here: the library decides in the end. What a
 * function cannot get, names that are not declared, is refused by closing objects.
 *
 * @param closesAll - whether the library drops names that an object does not declare, at every depth.
 * @throws Inexpressible
 */
export function rewritten(given: JsonObject, closesAll: boolean): Rewritten {
  const full = new Rewriter(given, closesAll, true).root();
  const result = count(full.schema, 1).patterns > PATTERNS ? new Rewriter(given, closesAll, false).root() : full;
  const problem = overLimit(result.schema);
  if (problem) throw new Inexpressible(problem);
  return result;
}

/** The limit that a schema is over, as the end of a sentence; undefined if it can be sent. */
export function overLimit(schema: JsonObject): string | undefined {
  const { patterns, nodes, levels } = count(schema, 1);
  const bytes = new TextEncoder().encode(canonicalize(schema)).length;
  const limits = [
    ["bytes", bytes, BYTES],
    ["patterns", patterns, PATTERNS],
    ["objects and booleans", nodes, NODES],
    ["levels", levels, LEVELS],
  ] as const;
  const over = limits.find(([, has, can]) => has > can);
  return over && `it has ${over[1]} ${over[0]}; the maximum is ${over[2]}`;
}

class Rewriter {
  readonly #document: JsonObject;
  #closesAll: boolean;
  readonly #keepsPatterns: boolean;
  /** The references that lead to the place that is being rewritten. */
  readonly #followed = new Set<string>();
  #nodes = 0;

  constructor(document: JsonObject, closesAll: boolean, keepsPatterns: boolean) {
    this.#document = document;
    this.#closesAll = closesAll;
    this.#keepsPatterns = keepsPatterns;
  }

  root(): Rewritten {
    this.#followed.add("#");
    const { schema, reads } = this.#rewrite(this.#document, true);
    const types = Array.isArray(schema.anyOf) ? schema.anyOf : [schema];
    const areObjects = types.every((type) => isPlainObject(type) && type.type === "object");
    if (!areObjects) throw new Inexpressible("it is not the schema of an object");
    return { schema, reads };
  }

  #rewrite(given: JsonValue | undefined, isRoot = false): Rewritten {
    this.#nodes += 1;
    // References are followed, and may multiply.
    if (this.#nodes > NODES) throw new Inexpressible("it is larger than the server takes");
    if (given === false) return { schema: { not: {} }, reads: undefined };
    if (!isPlainObject(given)) return { schema: {}, reads: undefined };
    const node = given as JsonObject;
    if (typeof node.$ref === "string") return this.#follow(node.$ref, node);
    const told = pick(node, ["title", "description"]);
    const type = node[TEXT_OF] as TextType | undefined;
    if (type !== undefined) return { schema: { ...TEXT_SCHEMAS[type], ...told }, reads: type };
    const schema = { ...told, ...pick(node, ["type", "enum", "const", "minItems", "maxItems", "uniqueItems"]) };
    if (isEmpty(node.not)) schema.not = {};
    Object.assign(schema, boundsOf(node), this.#textOf(node));
    const object = this.#object(node, schema, isRoot);
    const list = this.#list(node, schema);
    const branches = this.#branches(node, schema);
    return { schema, reads: object ?? list ?? branches };
  }

  #follow(target: string, node: JsonObject): Rewritten {
    if (this.#followed.has(target)) throw new Inexpressible("a type contains itself");
    const { $ref: _, ...beside } = node;
    this.#followed.add(target);
    try {
      const found = at(this.#document, target);
      return this.#rewrite({ ...found, ...beside });
    } finally {
      this.#followed.delete(target);
    }
  }

  #textOf({ minLength, maxLength, pattern }: JsonObject): JsonObject {
    const text: JsonObject = {};
    // JSON Schema counts characters, many libraries halves of surrogate pairs too: a text has at least half as many.
    if (typeof minLength === "number" && minLength > 0) text.minLength = Math.ceil(minLength / 2);
    if (typeof maxLength === "number") text.maxLength = maxLength;
    if (this.#keepsPatterns && typeof pattern === "string" && isPortable(pattern)) text.pattern = pattern;
    return text;
  }

  #object(node: JsonObject, schema: JsonObject, isRoot: boolean): Reads | undefined {
    if (!isPlainObject(node.properties) && node.additionalProperties === undefined) {
      if (node.type === "object" && Array.isArray(node.required)) schema.required = node.required;
      return undefined;
    }
    const properties = new Map<string, Reads>();
    const required = new Set(Array.isArray(node.required) ? node.required : []);
    const declared = isPlainObject(node.properties) ? (node.properties as JsonObject) : undefined;
    const rewrittenProperties: JsonObject = {};
    for (const [name, property] of Object.entries(declared ?? {})) {
      const { schema: rewrittenProperty, reads } = this.#rewrite(property);
      rewrittenProperties[name] = rewrittenProperty;
      if (reads) properties.set(name, reads);
      // What is filled in is shown, and an edit must keep it.
      if (isPlainObject(property) && property[FILLED_IN] === true) required.add(name);
    }
    if (declared) schema.properties = rewrittenProperties;
    if (required.size > 0) schema.required = [...required];
    const keys = this.#names(node.propertyNames);
    if (keys) schema.propertyNames = keys;
    const others = this.#others(node, isRoot);
    if (others) schema.additionalProperties = isEmpty(others.schema.not) ? false : others.schema;
    if (properties.size === 0 && !others?.reads) return undefined;
    return { properties, others: others?.reads };
  }

  /** What names an object may have besides those declared; undefined when that is left open. */
  #others({ additionalProperties, patternProperties }: JsonObject, isRoot: boolean): Rewritten | undefined {
    // Values of names with a pattern would be taken for others.
    if (patternProperties !== undefined) return undefined;
    if (additionalProperties !== undefined) return this.#rewrite(additionalProperties);
    return isRoot || this.#closesAll ? this.#rewrite(false) : undefined;
  }

  #names(given: JsonValue | undefined): JsonObject | undefined {
    if (!isPlainObject(given)) return undefined;
    const { schema } = this.#rewrite(given as JsonObject);
    // All names are texts.
    return Object.keys(schema).length === 1 && schema.type === "string" ? undefined : schema;
  }

  #list(node: JsonObject, schema: JsonObject): Reads | undefined {
    const items = node.items === undefined ? undefined : this.#rewrite(node.items);
    const prefix = Array.isArray(node.prefixItems) ? node.prefixItems.map((item) => this.#rewrite(item)) : [];
    if (items) schema.items = isEmpty(items.schema.not) ? false : items.schema;
    if (prefix.length > 0) schema.prefixItems = prefix.map((item) => item.schema);
    if (!items?.reads && prefix.every(({ reads }) => !reads)) return undefined;
    return { prefix: prefix.map(({ reads }) => reads), items: items?.reads };
  }

  #branches(node: JsonObject, schema: JsonObject): Reads | undefined {
    if (Array.isArray(node.allOf)) {
      // Each would refuse the names of the others, if it was closed.
      const closesAll = this.#closesAll;
      this.#closesAll = false;
      const parts = node.allOf.map((part) => this.#rewrite(part)).filter((part) => !isEmpty(part.schema));
      this.#closesAll = closesAll;
      if (parts.length > 0) schema.allOf = parts.map((part) => part.schema);
      if (parts.some(({ reads }) => reads)) throw new Inexpressible("an intersection has dates or bigints");
      return undefined;
    }
    const given = node.anyOf ?? node.oneOf;
    if (!Array.isArray(given)) return undefined;
    const parts = given.map((part) => this.#rewrite(part));
    // What is left out of one may let it take what another takes: oneOf would refuse that.
    schema.anyOf = parts.map((part) => part.schema);
    if (parts.every(({ reads }) => !reads)) return undefined;
    return {
      branches: parts.map(({ schema: part, reads }): Branch => ({ takes: (value) => takes(part, value), reads })),
    };
  }
}

/** Bounds of numbers. A step that is not whole is rounded in ways that differ. */
function boundsOf(node: JsonObject): JsonObject {
  const bounds = pick(node, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
  if (Number.isInteger(node.multipleOf)) bounds.multipleOf = node.multipleOf as number;
  if (node.type !== "integer") return bounds;
  if (!("minimum" in bounds || "exclusiveMinimum" in bounds)) bounds.minimum = Number.MIN_SAFE_INTEGER;
  if (!("maximum" in bounds || "exclusiveMaximum" in bounds)) bounds.maximum = Number.MAX_SAFE_INTEGER;
  return bounds;
}

/** Whether a value may be of a type, without looking deeper than the constants of an object. */
function takes(schema: JsonObject, value: JsonValue): boolean {
  const { type, enum: values, const: only, properties, required } = schema;
  if (only !== undefined && only !== value) return false;
  if (Array.isArray(values) && !values.includes(value)) return false;
  const types = Array.isArray(type) ? type : [type];
  const own = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const isOfType = (name: unknown) => name === undefined || name === own || (name === "integer" && own === "number");
  if (!types.some(isOfType)) return false;
  if (!isPlainObject(value)) return true;
  const object = value as JsonObject;
  if (Array.isArray(required) && !required.every((name) => Object.hasOwn(object, String(name)))) return false;
  return Object.entries(isPlainObject(properties) ? (properties as JsonObject) : {}).every(([name, property]) => {
    const part = object[name];
    return part === undefined || !isPlainObject(property) || takes(property as JsonObject, part);
  });
}

function pick(node: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (node[name] === undefined ? [] : [[name, node[name]]])));
}

function isEmpty(value: unknown): boolean {
  return isPlainObject(value) && Object.keys(value).length === 0;
}

/** What a reference within a document leads to. */
function at(document: JsonObject, target: string): JsonObject {
  const [start, ...steps] = target.split("/");
  let found: unknown = start === "#" ? document : undefined;
  for (const step of steps) {
    const name = decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~");
    found = isPlainObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  if (!isPlainObject(found)) throw new Inexpressible(`it refers to ${target}`);
  return found as JsonObject;
}

/** Counts as the server does. */
function count(value: JsonValue, level: number): { nodes: number; levels: number; patterns: number } {
  const sums = { nodes: typeof value === "boolean" ? 1 : 0, levels: level - 1, patterns: 0 };
  if (typeof value !== "object" || value === null) return sums;
  sums.levels = level;
  if (!Array.isArray(value)) {
    sums.nodes += 1;
    if (typeof value.pattern === "string") sums.patterns += 1;
  }
  for (const part of Object.values(value)) {
    const { nodes, levels, patterns } = count(part as JsonValue, level + 1);
    sums.nodes += nodes;
    sums.levels = Math.max(sums.levels, levels);
    sums.patterns += patterns;
  }
  return sums;
}

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isPlainObject, pathTo } from "./arguments.js";
import { Misfit } from "./misfit.js";
import { readText, type TextType, type Value, type Values } from "./values.js";

/** Which texts a schema takes as values that JSON does not have, by place; undefined: none there. */
export type Reads =
  | TextType
  | { readonly properties: ReadonlyMap<string, Reads>; readonly others: Reads | undefined }
  | { readonly prefix: readonly (Reads | undefined)[]; readonly items: Reads | undefined }
  | { readonly branches: readonly Branch[] };

/** One of several types that a value may have. */
export interface Branch {
  /** Whether a value may be of this type, as far as is seen without looking deeper. */
  readonly takes: (value: JsonValue) => boolean;
  readonly reads: Reads | undefined;
}

const PROBLEMS: Readonly<Record<TextType, string>> = {
  date: "is not a point in time, such as 2026-11-29T20:00:00Z",
  bigint: "is not an integer as a text of digits",
};

/**
 * Reads what a reviewer made of arguments back into the types that they had: where there was a date or a bigint, there is
 * one again, in a list whose elements all were of one type in each element.
 *
 * @throws Misfit where the JSON is of none.
 */
export function typedLike(json: JsonObject, like: Values): Values {
  return typed(json, like, undefined, "", true) as Values;
}

/**
 * Reads JSON as a schema says, and as the values were that it was made of. A text that does not fit stays one: the schema
 * decides about it.
 */
export function typedBy(reads: Reads | undefined, json: JsonObject, like: Values | undefined): Values {
  return typed(json, like, reads, "", false) as Values;
}

function typed(
  json: JsonValue,
  like: Value | undefined,
  reads: Reads | undefined,
  path: string,
  strict: boolean,
): Value {
  const read = chosen(reads, json);
  const type = typeof read === "string" ? read : textTypeOf(like);
  if (type !== undefined) {
    const value = typeof json === "string" ? readText(json, type) : undefined;
    if (value === undefined && strict) throw new Misfit(path, PROBLEMS[type]);
    return value ?? json;
  }
  if (strict) refuseOtherKind(json, like, path);
  const rule = typeof read === "object" ? read : undefined;
  if (Array.isArray(json)) {
    const likeAt = elementsOf(like, json.length, path, strict);
    const readAt = (index: number) =>
      rule && "items" in rule ? (index < rule.prefix.length ? rule.prefix[index] : rule.items) : undefined;
    return json.map((item, index) => typed(item, likeAt(index), readAt(index), `${path}[${index}]`, strict));
  }
  if (isPlainObject(json)) {
    const object = isPlainObject(like) ? (like as Values) : {};
    const readOf = (name: string) =>
      rule && "properties" in rule ? (rule.properties.get(name) ?? rule.others) : undefined;
    const likeOf = (name: string) => (Object.hasOwn(object, name) ? object[name] : undefined);
    const entries = Object.entries(json as JsonObject).map(
      ([name, part]) => [name, typed(part, likeOf(name), readOf(name), pathTo(path, name), strict)] as const,
    );
    return Object.fromEntries(entries);
  }
  return json;
}

function textTypeOf(value: Value | undefined): TextType | undefined {
  if (typeof value === "bigint") return "bigint";
  return value instanceof Date ? "date" : undefined;
}

/** What a schema says of a value, once it is known of which of several types that is; undefined when it may be two. */
function chosen(reads: Reads | undefined, json: JsonValue): Reads | undefined {
  if (typeof reads !== "object" || !("branches" in reads)) return reads;
  const [first, ...others] = reads.branches
    .filter(({ takes }) => takes(json))
    .map((branch) => chosen(branch.reads, json));
  return others.every((other) => other === first) ? first : undefined;
}

function refuseOtherKind(json: JsonValue, like: Value | undefined, path: string): void {
  if (like === undefined || signatureOf(like) === "") return;
  if (Array.isArray(like) && !Array.isArray(json)) throw new Misfit(path, "is not a list");
  if (!Array.isArray(like) && !isPlainObject(json)) throw new Misfit(path, "is not an object");
}

/** What each element of a list is like. */
function elementsOf(
  like: Value | undefined,
  length: number,
  path: string,
  strict: boolean,
): (index: number) => Value | undefined {
  if (!Array.isArray(like) || signatureOf(like) === "") return () => undefined;
  if (isUniform(like)) return () => like[0];
  if (like.length === length) return (index) => like[index];
  if (strict) throw new Misfit(path, "has values of several types, so that its length cannot be changed");
  return () => undefined;
}

/** Where in a value there are dates and bigints: equal for values whose types are. Empty when there are none. */
export function signatureOf(value: Value): string {
  const type = textTypeOf(value);
  if (type !== undefined || typeof value !== "object" || value === null) return type ?? "";
  if (Array.isArray(value)) {
    const parts = value.map(signatureOf);
    if (parts.every((part) => part === "")) return "";
    return isUniform(value) ? `[${parts[0]}]` : JSON.stringify(parts);
  }
  const parts = Object.entries(value as Values).map(([name, part]) => [name, signatureOf(part)]);
  const typedParts = parts.filter(([, part]) => part !== "");
  return typedParts.length === 0 ? "" : JSON.stringify(typedParts);
}

function isUniform(list: readonly Value[]): boolean {
  const first = signatureOf(list[0] ?? null);
  return list.every((item) => signatureOf(item) === first);
}

import type { JsonObject } from "@bufbuild/protobuf";
import { Misfit } from "./misfit.js";
import { InvalidArguments } from "./refusals.js";
import { copyDate, isDate, type Values } from "./values.js";

/** As deep as objects and lists may be nested, the outermost object included. */
const DEPTH = 32;

/**
 * A copy of a call's arguments, which no other code can change during the wait.
 *
 * @throws InvalidArguments for values without a JSON form, or with one that the server cannot take.
 */
export function copyArguments(toolName: string, value: unknown): Values {
  try {
    return copyValues(value);
  } catch (error) {
    throw refusedBy(error, toolName);
  }
}

/** The refusal of arguments that do not fit; any other error unchanged. */
export function refusedBy(error: unknown, toolName: string): unknown {
  if (!(error instanceof Misfit)) return error;
  return new InvalidArguments({ toolName }, error.path, error.problem, causeOf(error));
}

/** The cause of an error, for another; nothing when there is none, which would be shown as undefined. */
export function causeOf({ cause }: Error): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause };
}

/**
 * The same JSON object, rebuilt as its canonical JSON reads: with names in order, and 0 for -0. It shares nothing with
 * the given one, and has no prototype but that of every object.
 *
 * @throws Misfit for a value that is not a JSON object within the server's limits; nothing is converted.
 */
export function copyJson(value: unknown): JsonObject {
  return copied(value, notJson) as JsonObject;
}

/**
 * As {@link copyJson}, with dates and bigints too. Undefined properties are omitted.
 *
 * @throws Misfit for values without a JSON form, or with one that the server cannot take.
 */
export function copyValues(value: unknown): Values {
  return copied(value, copyBeyondJson) as Values;
}

/** Copies what is not JSON, or throws. */
type Beyond = (value: unknown, path: string) => unknown;

function copied(value: unknown, beyond: Beyond): object {
  if (!isPlainObject(value)) throw new Misfit("", "is not a JSON object");
  return copyObject(value, "", 1, beyond);
}

function copyValue(value: unknown, path: string, depth: number, beyond: Beyond): unknown {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      if (!value.isWellFormed()) throw new Misfit(path, "is a text that is not valid Unicode");
      return value;
    case "number":
      return copyNumber(value, path);
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return copyList(value, path, depth + 1, beyond);
      if (isPlainObject(value)) return copyObject(value, path, depth + 1, beyond);
      return beyond(value, path);
    default:
      return beyond(value, path);
  }
}

const notJson: Beyond = (value, path) => {
  if (typeof value === "object") throw new Misfit(path, "is an instance of a class, which is not JSON");
  throw new Misfit(
    path,
    value === undefined ? "is undefined, which is not JSON" : `is a ${typeof value}, which is not JSON`,
  );
};

const copyBeyondJson: Beyond = (value, path) => {
  if (typeof value === "bigint") return value;
  return isDate(value) ? copyDate(value, path) : notJson(value, path);
};

function copyNumber(value: number, path: string): number {
  if (!Number.isFinite(value)) throw new Misfit(path, "is not a finite number");
  // From 2^53 on every double is whole, and the value before rounding is unknown.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw new Misfit(path, "is an integer that a double cannot hold exactly");
  }
  // Of -0 it makes 0, as canonical JSON does.
  return value + 0;
}

function copyList(list: unknown[], path: string, depth: number, beyond: Beyond): unknown[] {
  refuseDeep(path, depth);
  if (Object.keys(list).length !== list.length) {
    throw new Misfit(path, "is a list with holes or names, which is not JSON");
  }
  // Not list.map, which makes a list of the realm and class of this one.
  return Array.from(list, (item, index) => copyValue(item, `${path}[${index}]`, depth, beyond));
}

function copyObject(object: object, path: string, depth: number, beyond: Beyond): object {
  refuseDeep(path, depth);
  if (Object.getOwnPropertySymbols(object).length > 0) {
    throw new Misfit(path, "has a symbol as a name, which is not JSON");
  }
  const copy: Record<string, unknown> = {};
  // By code units, as RFC 8785 orders names. Each value is read once, so that a getter cannot return two values.
  for (const name of Object.keys(object).sort()) {
    if (!name.isWellFormed()) throw new Misfit(path, "has a name that is not valid Unicode");
    // Assigning to it sets the prototype, here and where messages are encoded: the value would be lost.
    if (name === "__proto__") throw new Misfit(path, "has the name __proto__, which cannot be sent");
    const value = (object as Record<string, unknown>)[name];
    // As JSON.stringify has it; where only JSON is allowed, it is refused.
    if (value === undefined && beyond !== notJson) continue;
    copy[name] = copyValue(value, pathTo(path, name), depth, beyond);
  }
  return copy;
}

/** The path of what has this name in the object at a path. */
export function pathTo(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function refuseDeep(path: string, depth: number): void {
  if (depth > DEPTH) throw new Misfit(path, `is nested deeper than ${DEPTH} objects and lists`);
}

/** Whether something is an object of no class, of whichever realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

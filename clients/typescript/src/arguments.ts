import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { InvalidArguments } from "./refusals.js";

/** As deep as objects and lists may be nested, the outermost object included. */
const DEPTH = 32;

/**
 * A copy of a call's arguments, which nobody else can change while the call waits.
 *
 * @throws InvalidArguments for what is not a JSON object that the server can take as it is; nothing is converted.
 */
export function copyArguments(toolName: string, value: unknown): JsonObject {
  const refuse: Refuse = (path, problem) => {
    throw new InvalidArguments({ toolName }, path, problem);
  };
  if (!isPlainObject(value)) return refuse("", "is not a JSON object");
  return copyObject(value, "", 1, refuse);
}

type Refuse = (path: string, problem: string) => never;

function copyValue(value: unknown, path: string, depth: number, refuse: Refuse): JsonValue {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value.isWellFormed() ? value : refuse(path, "is a text that is not valid Unicode");
    case "number":
      return copyNumber(value, path, refuse);
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return copyList(value, path, depth + 1, refuse);
      if (isPlainObject(value)) return copyObject(value, path, depth + 1, refuse);
      return refuse(path, "is an instance of a class, which is not JSON");
    case "undefined":
      return refuse(path, "is undefined, which is not JSON");
    default:
      return refuse(path, `is a ${typeof value}, which is not JSON`);
  }
}

function copyNumber(value: number, path: string, refuse: Refuse): number {
  if (!Number.isFinite(value)) return refuse(path, "is not a finite number");
  // From 2^53 on every double is whole, and nobody can tell what it was before it was rounded.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    return refuse(path, "is an integer that a double cannot hold exactly");
  }
  return value;
}

function copyList(list: unknown[], path: string, depth: number, refuse: Refuse): JsonValue[] {
  refuseDeep(path, depth, refuse);
  if (Object.keys(list).length !== list.length) return refuse(path, "is a list with holes or names, which is not JSON");
  // Not list.map, which makes a list of the realm and class of this one.
  return Array.from(list, (item, index) => copyValue(item, `${path}[${index}]`, depth, refuse));
}

function copyObject(object: object, path: string, depth: number, refuse: Refuse): JsonObject {
  refuseDeep(path, depth, refuse);
  if (Object.getOwnPropertySymbols(object).length > 0) return refuse(path, "has a symbol as a name, which is not JSON");
  const copy: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    if (!name.isWellFormed()) return refuse(path, "has a name that is not valid Unicode");
    // Assigning to it sets the prototype, here and where messages are encoded: the value would be lost.
    if (name === "__proto__") return refuse(path, "has the name __proto__, which cannot be sent");
    copy[name] = copyValue(value, path === "" ? name : `${path}.${name}`, depth, refuse);
  }
  return copy;
}

function refuseDeep(path: string, depth: number, refuse: Refuse): void {
  if (depth > DEPTH) refuse(path, `is nested deeper than ${DEPTH} objects and lists`);
}

/** Whether something is an object of no class, of whichever realm. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

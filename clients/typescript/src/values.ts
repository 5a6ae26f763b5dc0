import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Misfit } from "./misfit.js";

/** A value that has a JSON form: `docs/values.md` of the project says which. */
export type Value = JsonValue | Date | bigint | Value[] | { [name: string]: Value };

/** Arguments with values that JSON does not have. */
export type Values = Record<string, Value>;

/** The types that JSON does not have, and is given as text. */
export type TextType = "date" | "bigint";

/** The forms of both, as JSON Schema: the same in every language. */
export const TEXT_SCHEMAS: Readonly<Record<TextType, JsonObject>> = {
  date: {
    type: "string",
    format: "date-time",
    pattern:
      "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]" +
      "(\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
  },
  bigint: { type: "string", pattern: "^-?(0|[1-9][0-9]*)$" },
};

const POINT_IN_TIME = new RegExp(TEXT_SCHEMAS.date.pattern as string);
const BIG_INTEGER = new RegExp(TEXT_SCHEMAS.bigint.pattern as string);

/** Of more a Date could not keep. */
const FRACTION_DIGITS = 3;

/** Whether it is a Date, of whichever realm, and of no class made of it, which may promise more. */
export function isDate(value: unknown): value is Date {
  if (typeof value !== "object" || value === null) return false;
  try {
    Date.prototype.getTime.call(value);
  } catch {
    return false;
  }
  const above: unknown = Object.getPrototypeOf(Object.getPrototypeOf(value));
  return above !== null && Object.getPrototypeOf(above) === null;
}

/** @throws Misfit for a date that RFC 3339 cannot tell. */
export function copyDate(date: Date, path: string): Date {
  const time = Date.prototype.getTime.call(date);
  if (Number.isNaN(time)) throw new Misfit(path, "is not a valid date");
  const copy = new Date(time);
  if (copy.getUTCFullYear() < 0 || copy.getUTCFullYear() > 9999)
    throw new Misfit(path, "is not in the years 0 to 9999");
  return copy;
}

/** The JSON form of values that were copied. */
export function jsonOf(values: Values): JsonObject {
  return formOf(values) as JsonObject;
}

function formOf(value: Value): JsonValue {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return textOf(value);
  if (Array.isArray(value)) return value.map(formOf);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, formOf(part)]));
}

/** RFC 3339 without zeros at the end of a fraction. */
function textOf(date: Date): string {
  return date.toISOString().replace(/\.?0*Z$/, "Z");
}

/** The value that a text is the form of; undefined for a text that is none. */
export function readText(text: string, type: TextType): Date | bigint | undefined {
  return type === "date" ? readDate(text) : BIG_INTEGER.test(text) ? BigInt(text) : undefined;
}

function readDate(text: string): Date | undefined {
  const match = POINT_IN_TIME.exec(text);
  if (!match || (match[4]?.length ?? 0) > FRACTION_DIGITS + 1) return undefined;
  // A day that the month does not have would be one of the next month.
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0);
  const date = new Date(text);
  const isWritable = date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999;
  return day <= last.getUTCDate() && isWritable ? date : undefined;
}

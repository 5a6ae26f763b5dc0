import type { JsonObject } from "@bufbuild/protobuf";
import { toJsonSchema, Validator } from "@langchain/core/utils/json_schema";
import { copyValues } from "../arguments.js";
import { type Derived, derived } from "../derive.js";
import { type Fitted, fitApproved, fitAsked, type SchemaResult, type StandardSchema } from "../parameters.js";
import type { LangChainTool } from "./langchain-tool.js";

/**
 * The arguments that a tool takes from a model: read by the schema that LangChain reads them by, and once. What a tool
 * gets besides them, its runtime, is not among them.
 */
export class ToolArguments {
  readonly #parameters: Derived;
  /** Whether the tool reads by itself what it is called with, so that it must read that as the same. */
  readonly #readsAgain: boolean;

  /** @throws TypeError for a schema that takes what has no JSON form. */
  constructor(tool: LangChainTool) {
    this.#parameters = derived(standardOf(tool.schema));
    this.#readsAgain = typeof tool._call !== "function";
  }

  /** JSON Schema for the server, if there is one. */
  get jsonSchema(): JsonObject | undefined {
    return this.#parameters.jsonSchema;
  }

  /**
   * What reviewers see of a model's arguments, and what the tool gets.
   *
   * @throws Misfit for what the tool does not take.
   */
  async asked(given: unknown): Promise<Fitted> {
    const fitted = await fitAsked(this.#parameters, copyValues(given));
    if (this.#readsAgain) await fitApproved(this.#parameters, fitted.shown);
    return fitted;
  }

  /**
   * What the tool gets of arguments that a reviewer edited.
   *
   * @throws Misfit for what the tool does not take as it is.
   */
  async edited(approved: JsonObject): Promise<unknown> {
    return (await fitApproved(this.#parameters, approved)).taken;
  }
}

const standards = new WeakMap<object, StandardSchema>();

/** A tool's schema, of Zod 3 or 4 or a JSON Schema, in the form that the gate takes: always the same for the same. */
function standardOf(schema: unknown): StandardSchema {
  if (typeof schema !== "object" || schema === null) throw new TypeError("a tool has no schema: give it one");
  const found = standards.get(schema) ?? makeStandard(schema);
  standards.set(schema, found);
  return found;
}

/** Of schemas that check values: Standard Schema, and what older versions of Zod 3 have. */
interface Checking {
  readonly "~standard"?: StandardSchema["~standard"];
  readonly safeParseAsync?: (value: unknown) => Promise<SafeParsed>;
}

type SafeParsed =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: { readonly issues: Issues } };

type Issues = NonNullable<Extract<SchemaResult<unknown>, { issues: unknown }>["issues"]>;

function makeStandard(schema: object & Checking): StandardSchema {
  const { "~standard": standard, safeParseAsync } = schema;
  if (standard?.jsonSchema) return schema as StandardSchema;
  if (standard) return zodOf(schema, (value) => standard.validate(value));
  if (safeParseAsync) return zodOf(schema, async (value) => resultOf(await safeParseAsync.call(schema, value)));
  return jsonSchemaOf(schema);
}

function resultOf(parsed: SafeParsed): SchemaResult<unknown> {
  return parsed.success ? { value: parsed.data } : { issues: parsed.error.issues };
}

/** A schema of Zod that makes no JSON Schema by itself: LangChain does, also for the model. */
function zodOf(schema: object, validate: StandardSchema["~standard"]["validate"]): StandardSchema {
  return { "~standard": { version: 1, vendor: "zod", validate, jsonSchema: { input: () => toJsonSchema(schema) } } };
}

/** A JSON Schema, with the checks that LangChain makes by it before a tool runs. */
function jsonSchemaOf(schema: object): StandardSchema {
  const validator = new Validator(schema);
  const validate = (value: unknown): SchemaResult<unknown> => {
    const { valid, errors } = validator.validate(value);
    if (valid) return { value };
    // Each error is followed by those that it is made of.
    const { instanceLocation = "#", error: message = "is refused by the schema" } = errors.at(-1) ?? {};
    return { issues: [{ message, path: instanceLocation.split("/").slice(1) }] };
  };
  const input = () => structuredClone(schema) as Record<string, unknown>;
  return { "~standard": { version: 1, vendor: "json-schema", validate, jsonSchema: { input } } };
}

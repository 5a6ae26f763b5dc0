import type { JsonObject } from "@bufbuild/protobuf";
import canonicalize from "canonicalize";
import { copyValues, isPlainObject } from "../arguments.js";
import { derived } from "../derive.js";
import { Misfit } from "../misfit.js";
import { refuseMisshapen, type SchemaResult, type StandardSchema, shapeOf } from "../parameters.js";
import { textOf } from "../report.js";
import { signatureOf } from "../typed.js";
import { jsonOf } from "../values.js";

/** A schema of the AI SDK's own, such as `jsonSchema(…)` and `zodSchema(…)` make. */
interface SdkSchema {
  readonly jsonSchema: unknown;
  readonly validate?: ((value: unknown) => Validation | PromiseLike<Validation>) | undefined;
}

type Validation =
  | { readonly success: true; readonly value: unknown }
  | { readonly success: false; readonly error: unknown };

/** What a tool without a schema takes, as the AI SDK has it. */
const NOTHING: SdkSchema = { jsonSchema: { type: "object", properties: {}, additionalProperties: false } };

/** How a call's input is checked, as options of the gate: one or the other. */
export interface InputCheck {
  readonly parameters?: StandardSchema<object>;
  readonly parseEdited?: (edited: JsonObject) => never;
}

/** A tool's inputSchema, as the gate takes schemas. */
export class InputSchema {
  readonly #schema: () => Promise<StandardSchema>;

  /** @throws TypeError for a schema that takes what has no JSON form, where that can be seen now. */
  constructor(toolName: string, inputSchema: unknown) {
    if (isStandard(inputSchema)) derived(inputSchema);
    else if (inputSchema !== undefined && typeof inputSchema !== "function" && !isSdkSchema(inputSchema)) {
      throw new TypeError(`inputSchema of ${toolName} must be a schema that the AI SDK takes`);
    }
    let standard: Promise<StandardSchema> | undefined;
    this.#schema = () => {
      standard ??= standardOf(inputSchema);
      return standard;
    };
  }

  /**
   * How to check the input of a call and what a reviewer makes of it.
   *
   * The AI SDK hands over what the schema made of the model's input. Most schemas take their own output and leave it as it
   * is: these check edits too. Others, such as one that adds to a text, would change it a second time.
   */
  async checkOf(input: unknown): Promise<InputCheck> {
    const parameters = await this.#schema();
    if (!(await keeps(parameters, input))) return { parseEdited: refuseEdit };
    return { parameters: parameters as StandardSchema<object> };
  }
}

/** Whether it is the same after it was stored as JSON, in the types that it has. */
export function isJson(value: unknown): boolean {
  const form = formOf(value);
  return form !== undefined && form === formOf(JSON.parse(JSON.stringify(value)));
}

function refuseEdit(): never {
  throw new Error("the tool's schema does not take its own output, so that no edit can be checked");
}

/** Whether a schema takes an input as it is. What has no JSON form is for the gate to refuse. */
async function keeps(schema: StandardSchema, input: unknown): Promise<boolean> {
  const before = formOf(input);
  if (before === undefined) return true;
  // Of a JSON Schema alone: nobody has checked the input before.
  if (schema["~standard"].vendor === UNCHECKED) return true;
  const result = await schema["~standard"].validate(copyValues(input));
  return "value" in result && formOf(result.value) === before;
}

/** A text that is the same for equal values of the same types; undefined for what has no JSON form. */
function formOf(value: unknown): string | undefined {
  try {
    const copy = copyValues(value);
    return `${signatureOf(copy)} ${canonicalize(jsonOf(copy))}`;
  } catch (error) {
    if (error instanceof Misfit) return undefined;
    throw error;
  }
}

/**
 * A tool's context as the AI SDK passes it to the tool: what its `contextSchema` makes of what the run was given.
 *
 * @throws TypeError for one that does not fit, without its values.
 */
export async function contextOf(toolName: string, contextSchema: unknown, given: unknown): Promise<unknown> {
  if (contextSchema === undefined || contextSchema === null) return given;
  const { vendor, validate } = (await standardOf(contextSchema))["~standard"];
  if (vendor === UNCHECKED) return given;
  const result = await validate(given);
  if ("value" in result) return result.value;
  // Where no option is made of it, it need not be given.
  if (given === undefined) return undefined;
  throw new TypeError(`toolsContext of decisions does not fit contextSchema of ${toolName}`);
}

function isStandard(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as Partial<StandardSchema>)["~standard"]?.validate === "function";
}

function isSdkSchema(value: unknown): value is SdkSchema {
  return typeof value === "object" && value !== null && "jsonSchema" in value;
}

async function standardOf(inputSchema: unknown): Promise<StandardSchema> {
  if (isStandard(inputSchema)) return inputSchema;
  // A schema that is made when it is first needed.
  const schema = typeof inputSchema === "function" ? inputSchema() : (inputSchema ?? NOTHING);
  if (isStandard(schema)) return schema;
  if (!isSdkSchema(schema)) throw new TypeError("inputSchema of a tool must be a schema that the AI SDK takes");
  const json = await schema.jsonSchema;
  if (!isPlainObject(json)) throw new TypeError("inputSchema of a tool has no JSON Schema");
  const { validate } = schema;
  return {
    "~standard": {
      version: 1,
      vendor: validate ? "ai-sdk" : UNCHECKED,
      validate: validate
        ? async (value) => resultOf(await validate.call(schema, value))
        : (value) => shaped(value as JsonObject, json as JsonObject),
      jsonSchema: { input: () => structuredClone(json) },
    },
  };
}

/** Vendor of schemas that the AI SDK does not check inputs by. */
const UNCHECKED = "json-schema";

function resultOf(validation: Validation): SchemaResult<unknown> {
  return validation.success ? { value: validation.value } : { issues: issuesOf(validation.error) };
}

type Issues = NonNullable<Extract<SchemaResult<unknown>, { issues: unknown }>["issues"]>;

/** Those of the library below, where it tells them: the error's own text repeats the whole input. */
function issuesOf(error: unknown): Issues {
  const { issues, cause } = (error ?? {}) as { issues?: unknown; cause?: unknown };
  for (const found of [issues, (cause as { issues?: unknown } | undefined)?.issues, cause]) {
    if (Array.isArray(found) && typeof found[0]?.message === "string") return found;
  }
  return [{ message: textOf(error) }];
}

/** What a JSON Schema says of the names and types of arguments; the server checks the rest. */
function shaped(value: JsonObject, schema: JsonObject): SchemaResult<unknown> {
  if (!isPlainObject(schema.properties)) return { value };
  try {
    refuseMisshapen(value, shapeOf({}, schema));
    return { value };
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return { issues: [{ message: error.problem, ...(error.path !== "" && { path: [error.path] }) }] };
  }
}

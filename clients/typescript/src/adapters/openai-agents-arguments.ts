import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isPlainObject } from "../arguments.js";
import { Misfit } from "../misfit.js";
import { refuseMisshapen, type SchemaResult, type StandardSchema, shapeOf } from "../parameters.js";

/**
 * The arguments that a tool takes from a model. Of a tool its JSON Schema is known, and not what else it does with them: the
 * gate refuses names and types that the schema does not have, and the server the rest.
 */
export class ToolArguments {
  /** For the gate. */
  readonly parameters: StandardSchema;
  readonly #schema: JsonObject;

  /** @throws TypeError for a tool without a JSON Schema. */
  constructor(toolName: string, schema: unknown) {
    if (!isPlainObject(schema)) throw new TypeError(`${toolName} has no JSON Schema of its parameters`);
    const json = schema as JsonObject;
    this.#schema = json;
    this.parameters = {
      "~standard": {
        version: 1,
        vendor: "openai-agents",
        validate: (value) => shaped(value as JsonObject, json),
        jsonSchema: { input: () => structuredClone(json) },
      },
    };
  }

  /**
   * What the model gave, with what the schema says of arguments that it left out: else the tool would fill them in after
   * the approval.
   *
   * @throws Misfit for what is not an object.
   */
  read(input: string): JsonObject {
    let given: unknown;
    try {
      given = input === "" ? {} : JSON.parse(input);
    } catch {
      throw new Misfit("", "is not JSON");
    }
    if (!isPlainObject(given)) throw new Misfit("", "is not a JSON object");
    return filled(given as JsonObject, this.#schema);
  }
}

/** A value with what its schema says of what is left out of its objects, but within `anyOf`, `$ref` and the like. */
function filled<V extends JsonValue>(value: V, schema: unknown): V {
  if (!isPlainObject(schema) || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => filled(item, schema.items)) as JsonValue[] as V;
  const properties = isPlainObject(schema.properties) ? Object.entries(schema.properties) : [];
  const entries = properties.flatMap(([name, property]) => {
    const found = Object.hasOwn(value, name)
      ? (value as JsonObject)[name]
      : structuredClone((property as JsonObject | null)?.default);
    return found === undefined ? [] : [[name, filled(found, property)] as const];
  });
  return { ...value, ...Object.fromEntries(entries) };
}

/** What differs from the value would be filled in after an edit: the gate refuses that. */
function shaped(given: JsonObject, schema: JsonObject): SchemaResult<unknown> {
  if (!isPlainObject(schema.properties)) return { value: given };
  try {
    refuseMisshapen(given, shapeOf({}, schema));
    return { value: filled(given, schema) };
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return { issues: [{ message: error.problem, ...(error.path !== "" && { path: [error.path] }) }] };
  }
}

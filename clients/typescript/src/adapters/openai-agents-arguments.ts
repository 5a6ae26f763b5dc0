import type { JsonObject } from "@bufbuild/protobuf";
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
    return { ...this.#defaults(given as JsonObject), ...(given as JsonObject) };
  }

  #defaults(given: JsonObject): JsonObject {
    const properties = isPlainObject(this.#schema.properties) ? Object.entries(this.#schema.properties) : [];
    const entries = properties.flatMap(([name, property]) =>
      !Object.hasOwn(given, name) && isPlainObject(property) && property.default !== undefined
        ? [[name, property.default] as const]
        : [],
    );
    return structuredClone(Object.fromEntries(entries)) as JsonObject;
  }
}

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

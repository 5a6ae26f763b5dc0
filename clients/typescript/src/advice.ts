import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import type { Derived } from "./derive.js";

/** Of as many tools a warning is remembered; of more there is none. */
const TOOLS = 1_000;

/** Warns once of what a function's calls lack. */
export class Advice {
  readonly #connection: Connection;
  #isGiven = false;
  readonly #untold = new Set<string>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Of calls that are asked for anew when they are tried again. */
  onIds({ toolName, requestId, runId, callId, signal, stopWaiting }: CallOptions): void {
    const isStable = requestId !== undefined || (runId !== undefined && callId !== undefined);
    if (this.#isGiven || isStable || signal !== undefined || stopWaiting !== undefined) return;
    this.#isGiven = true;
    this.#connection.logger.warn(
      `signoff: a call to ${toolName} has neither requestId, nor runId and callId, nor signal: ` +
        "trying it again asks for a second approval",
    );
  }

  /** Of a schema that the server is not told. */
  onSchema(toolName: string, { problem }: Derived): void {
    if (this.#untold.has(toolName) || this.#untold.size >= TOOLS) return;
    this.#untold.add(toolName);
    this.#connection.logger.warn(
      `signoff: no JSON Schema is derived from the parameters of ${toolName}: ${problem}. The server cannot refuse an edit ` +
        "that does not fit; set argumentsSchema, or deriveSchema: false",
    );
  }
}

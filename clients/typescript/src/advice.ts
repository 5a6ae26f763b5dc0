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
      `signoff: the call to ${toolName} has no requestId, no runId with callId, and no signal: ` +
        "a retry asks for a second approval",
    );
  }

  /** Of a schema that the server is not told. */
  onSchema(toolName: string, { problem }: Derived): void {
    if (this.#untold.has(toolName) || this.#untold.size >= TOOLS) return;
    this.#untold.add(toolName);
    this.#connection.logger.warn(
      `signoff: no schema is sent with calls to ${toolName}: ${problem}. An edit that does not fit is rejected only ` +
        "after the approval. Set argumentsSchema, or deriveSchema: false.",
    );
  }
}

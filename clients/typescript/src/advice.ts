import type { CallOptions } from "./call.js";
import type { Connection } from "./connection.js";
import type { Derived } from "./derive.js";

/** The maximum number of tools with a warning. */
const TOOLS = 1_000;

/** Warns once about missing options of a function's calls. */
export class Advice {
  readonly #connection: Connection;
  #isGiven = false;
  readonly #untold = new Set<string>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Warns of calls whose retry is a second request. */
  onIds({ toolName, requestId, runId, callId, signal, stopWaiting }: CallOptions): void {
    const isStable = requestId !== undefined || (runId !== undefined && callId !== undefined);
    if (this.#isGiven || isStable || signal !== undefined || stopWaiting !== undefined) return;
    this.#isGiven = true;
    this.#connection.logger.warn(
      `signoff: the call to ${toolName} has no requestId, no runId with callId, and no signal: ` +
        "a retry asks for a second approval",
    );
  }

  /** Warns of a schema that is not sent. */
  onSchema(toolName: string, { problem }: Derived): void {
    if (this.#untold.has(toolName) || this.#untold.size >= TOOLS) return;
    this.#untold.add(toolName);
    this.#connection.logger.warn(
      `signoff: no schema is sent with calls to ${toolName}: ${problem}. An edit that does not fit is rejected only ` +
        "after the approval. Set argumentsSchema, or deriveSchema: false.",
    );
  }
}

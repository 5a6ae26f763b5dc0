import { ConnectError } from "@connectrpc/connect";
import type { Connection } from "./connection.js";
import { unreachable } from "./refusals.js";

const hopeless = new WeakMap<ConnectError, string>();

/**
 * A failure that no retry can fix: another server answers at the address, or the connection is misconfigured.
 *
 * @param problem - one of those that `docs/clients.md` of the project lists.
 */
export function hopelessFailure(problem: string, cause: ConnectError): ConnectError {
  const failure = new ConnectError(problem, cause.code, undefined, undefined, cause.cause ?? cause);
  hopeless.set(failure, problem);
  return failure;
}

/** Whether no retry can fix it. */
export function isHopeless(failure: ConnectError): boolean {
  return hopeless.has(failure);
}

/** The texts for Node.js's codes of failed connections. */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["EPIPE", "connection reset"],
  ["ETIMEDOUT", "no answer in time"],
  ["ENOTFOUND", "the host is not known"],
  ["EAI_AGAIN", "the host cannot be looked up"],
  ["EHOSTUNREACH", "no route to the host"],
  ["ENETUNREACH", "no route to the host"],
]);

/** Why the server is unreachable. */
export function problemOf(failure: ConnectError): string {
  for (const code of codesOf(failure)) {
    const problem = PROBLEMS.get(code);
    if (problem) return problem;
  }
  const text = OPENSSL.exec(failure.rawMessage)?.[1] ?? failure.rawMessage;
  return text.trim().replace(/\.$/, "") || "the connection failed";
}

/** What OpenSSL says between its numbers, files and lines. */
const OPENSSL = /^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/;

/** The codes of an error and what caused it, as Node.js names them. */
export function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  // Bounded, as causes may go round.
  for (let next = error, depth = 0; next instanceof Error && depth < 10; next = next.cause, depth += 1) {
    const { code } = next as { code?: unknown };
    if (typeof code === "string") codes.push(code);
  }
  return codes;
}

/** Warns once of each call that the server cannot be reached. */
export class FirstFailure {
  readonly #connection: Pick<Connection, "address" | "logger">;
  #isTold = false;

  constructor(connection: Pick<Connection, "address" | "logger">) {
    this.#connection = connection;
  }

  /** @param remainingMs - the time left for retries; undefined if there are none. */
  tell(failure: ConnectError, remainingMs: number | undefined): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const seconds = remainingMs === undefined ? undefined : Math.ceil(remainingMs / 1000);
    const tries = seconds === undefined ? "" : seconds > 0 ? ` Trying for ${seconds} s.` : " Trying once more.";
    this.#connection.logger.warn(`signoff: ${unreachable(this.#connection.address, problemOf(failure))}${tries}`);
  }
}

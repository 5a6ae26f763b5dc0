import { createClient, type Client as Stubs, type Transport } from "@connectrpc/connect";
import type { Call, GateOptions, Run } from "./call.js";
import type { Connection, Logger } from "./connection.js";
import { gate, requireFunction } from "./gate.js";
import { AccessService } from "./gen/signoff/v1/access_service_pb.js";
import { ApprovalService } from "./gen/signoff/v1/approval_service_pb.js";
import { PolicyService } from "./gen/signoff/v1/policy_service_pb.js";

const DEADLINE_MS = 30_000;

/** The longest time that gRPC can tell in milliseconds, in eight digits: 27 hours. Timers can wait for as long. */
const GREATEST_MS = 99_999_999;

/** What a client is made of. In Node.js, `connect` of `@signoff/client/node` makes it. */
export interface ClientOptions {
  /** How the server is reached, credentials included. */
  readonly transport: Transport;
  /**
   * Deadline of unary calls that have no `timeoutMs` of their own, in milliseconds; 30 s unless set, and 27 h at most.
   */
  readonly deadlineMs?: number | undefined;
  /** Where warnings go; `console` unless set. */
  readonly logger?: Logger | undefined;
  /** Lets go of the transport, when the client is closed. */
  readonly close?: (() => void) | undefined;
}

/**
 * A connection to an approvals server: the gate, and the stubs of its services. Errors of the stubs are ConnectErrors.
 */
export class Client {
  /** Ask, wait, decide, claim, report. */
  readonly approvals: Stubs<typeof ApprovalService>;
  /** Read, set and try the policy. */
  readonly policies: Stubs<typeof PolicyService>;
  /** Make, list and take back tokens. An answer of `createToken` holds a secret: do not log it. */
  readonly access: Stubs<typeof AccessService>;
  readonly #connection: Connection;
  readonly #close: (() => void) | undefined;
  readonly #closed = new AbortController();

  /** @throws TypeError for a deadline that is not one. */
  constructor({ transport, deadlineMs = DEADLINE_MS, logger = console, close }: ClientOptions) {
    if (!(deadlineMs > 0)) throw new TypeError("deadlineMs must be a number of milliseconds, above 0");
    const limited = withDeadline(transport, deadlineMs);
    this.approvals = createClient(ApprovalService, limited);
    this.policies = createClient(PolicyService, limited);
    this.access = createClient(AccessService, limited);
    this.#connection = { approvals: this.approvals, deadlineMs, closed: this.#closed.signal, logger: quiet(logger) };
    this.#close = close;
  }

  /**
   * Wraps a function so that it runs only with an approval of its arguments, and with exactly these.
   *
   * @param fn - takes one object, the arguments of the call. It gets a copy of what its caller gave, or what a reviewer
   *   made of it. What else its caller passes is not approved, and so is not passed on.
   * @param options - of each call; or a function that makes them of the call's arguments, such as for a `callId`.
   * @returns a function of the same argument, with a promise of what `fn` returns. It rejects with a Refusal when `fn`
   *   was not run.
   * @throws TypeError for what is not a function.
   */
  requiresApproval<A extends object, R>(
    fn: (args: A) => R,
    options: GateOptions<A> | ((args: A) => GateOptions<A>),
  ): (args: A) => Promise<Awaited<R>> {
    requireFunction(fn, "what needs approval");
    return async (args): Promise<Awaited<R>> => {
      const { parseEdited, ...call } = typeof options === "function" ? options(args) : options;
      if (parseEdited !== undefined) requireFunction(parseEdited, "parseEdited");
      return gate<A, R>(
        this.#connection,
        { ...call, arguments: args },
        { takeEdited: (edited) => (parseEdited ? parseEdited(edited) : (edited as A)), run: (taken) => fn(taken) },
      );
    };
  }

  /**
   * Runs a function once a call is approved.
   *
   * @param fn - must use the arguments of the run that it gets, which a reviewer may have edited.
   * @returns what `fn` returns.
   * @throws Refusal when `fn` was not run; what `fn` throws; the reason of `call.signal`, when the caller gives up;
   *   TypeError for options that make no sense.
   */
  async run<R>(call: Call, fn: (run: Run) => R): Promise<Awaited<R>> {
    requireFunction(fn, "what is to be run");
    // A copy, as its caller may use it for another call.
    return gate<JsonArguments, R>(
      this.#connection,
      { ...call },
      { takeEdited: (edited) => edited, run: (_, run) => fn(run) },
    );
  }

  /** Closes the connection. What is under way fails, gated calls with Unavailable, and so does every later call. */
  close(): void {
    this.#closed.abort();
    this.#close?.();
  }
}

type JsonArguments = Run["arguments"];

/** Unary calls end by then. Streams are as long as what they wait for. */
function withDeadline(transport: Transport, deadlineMs: number): Transport {
  return {
    unary: (method, signal, timeoutMs = deadlineMs, ...call) =>
      transport.unary(method, signal, clamp(timeoutMs), ...call),
    stream: (method, signal, timeoutMs, ...call) =>
      transport.stream(method, signal, timeoutMs && clamp(timeoutMs), ...call),
  };
}

/** A time that gRPC can tell, which is whole. */
function clamp(ms: number): number {
  return Math.ceil(Math.min(ms, GREATEST_MS));
}

/** A logger whose own failures go nowhere. */
function quiet(logger: Logger): Logger {
  const warn = async (line: string) => logger.warn(line);
  return { warn: (line) => void warn(line).catch(() => {}) };
}

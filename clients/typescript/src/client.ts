import { createClient, type Client as Stubs, type Transport } from "@connectrpc/connect";
import { Advice } from "./advice.js";
import type {
  Call,
  CallOptions,
  GateOptions,
  OnRefusal,
  RefusalOptions,
  RequirableOption,
  ResumeOptions,
  Run,
} from "./call.js";
import type { Connection, Logger } from "./connection.js";
import { AccessService } from "./gen/signoff/v1/access_service_pb.js";
import { AdminService } from "./gen/signoff/v1/admin_service_pb.js";
import { ApprovalService } from "./gen/signoff/v1/approval_service_pb.js";
import { PolicyService } from "./gen/signoff/v1/policy_service_pb.js";
import type { Handle } from "./handle.js";
import {
  areOptionNames,
  type Checks,
  checkOptions,
  isCallable,
  isDuration,
  isLogger,
  isOnRefusal,
  isText,
} from "./options.js";
import type { Values } from "./values.js";
import { askFor, type GatedFunction, resumeApproved, runApproved, waitFor, wrap } from "./wrap.js";

const DEADLINE_MS = 30_000;

/** gRPC's maximum deadline in milliseconds, of eight digits: 27 hours. Timers can wait for as long. */
const GREATEST_MS = 99_999_999;

/** Options of a client. In Node.js, `connect` of `@signoff/client/node` makes a client. */
export interface ClientOptions {
  /** The transport to the server, credentials included. */
  readonly transport: Transport;
  /**
   * Deadline of unary calls without their own `timeoutMs`, in milliseconds; 30 s unless set, 27 h at most.
   */
  readonly deadlineMs?: number | undefined;
  /** Gets the warnings; `console` unless set. */
  readonly logger?: Logger | undefined;
  /** Closes the transport, when the client is closed. */
  readonly close?: (() => void) | undefined;
  /** The transport's address, for warnings and errors; never with credentials. */
  readonly address?: string | undefined;
  /** Required options: a call of this client without them is a TypeError, before anybody is asked. */
  readonly requiredOptions?: readonly RequirableOption[] | undefined;
  /**
   * How wrapped functions without their own setting handle a refusal: it is thrown unless set, or its text for the
   * model is the function's result.
   */
  readonly onRefusal?: OnRefusal | undefined;
  /** Options that surround a call, such as those of an AsyncLocalStorage; read once for each call. */
  readonly carriedOptions?: (() => Partial<CallOptions>) | undefined;
  /**
   * Runs a gated function, or a step of it, without the ids of its own call, so that its inner calls do not get them;
   * runs it directly unless set.
   */
  readonly withoutCallIds?: (<R>(fn: () => R) => R) | undefined;
}

/** @throws TypeError, in the constructor, for options that would fail only at a call. */
const CHECKS: Checks<ClientOptions> = {
  transport: (value) => {
    const { unary, stream } = (value ?? {}) as Partial<Transport>;
    return typeof unary === "function" && typeof stream === "function" ? undefined : "a transport of Connect";
  },
  deadlineMs: isDuration,
  logger: isLogger,
  close: isCallable,
  address: isText,
  requiredOptions: areOptionNames,
  onRefusal: isOnRefusal,
  carriedOptions: isCallable,
  withoutCallIds: isCallable,
};

/**
 * A connection to an approvals server: the gate, and the stubs of its services. Errors of the stubs are ConnectErrors.
 */
export class Client {
  /** Ask, wait, decide, claim, report. */
  readonly approvals: Stubs<typeof ApprovalService>;
  /** Read, set and test the policy. */
  readonly policies: Stubs<typeof PolicyService>;
  /** Create, list and revoke tokens. An answer of `createToken` contains a secret: do not log it. */
  readonly access: Stubs<typeof AccessService>;
  /** Freeze and thaw calls, and read the server's status. For operators. */
  readonly admin: Stubs<typeof AdminService>;
  readonly #connection: Connection;
  readonly #close: (() => void) | undefined;
  readonly #closed = new AbortController();
  readonly #advice: Advice;

  /** @throws TypeError for invalid options. */
  constructor(options: ClientOptions) {
    checkOptions(options, CHECKS, "a client");
    const { transport, deadlineMs = DEADLINE_MS, logger = console, close, address = "" } = options;
    const { requiredOptions = [], carriedOptions: carried = () => ({}) } = options;
    const { withoutCallIds = (fn) => fn(), onRefusal = "throw" } = options;
    if (transport === undefined) throw new TypeError("transport of a client is required");
    const limited = withDeadline(transport, deadlineMs);
    this.approvals = createClient(ApprovalService, limited);
    this.policies = createClient(PolicyService, limited);
    this.access = createClient(AccessService, limited);
    this.admin = createClient(AdminService, limited);
    const { approvals } = this;
    const closed = this.#closed.signal;
    this.#connection = {
      approvals,
      address,
      deadlineMs,
      closed,
      logger: quiet(logger),
      requiredOptions: [...requiredOptions],
      onRefusal,
      carried,
      withoutCallIds,
    };
    this.#close = close;
    this.#advice = new Advice(this.#connection);
  }

  /**
   * Wraps a function so that it runs only with an approval of its arguments, and with exactly these.
   *
   * Values after the first argument are contexts, such as those that agent frameworks pass to a tool. They are passed
   * on to the function, and never shown, hashed or stored. The signal and the tool call's id of known contexts are
   * used. Other values are rejected before anybody is asked, unless `passContext` is set. `this` is passed on too.
   *
   * @param fn - its first argument is an object, the arguments of the call. It gets the caller's arguments, or those of
   *   a reviewer's edit, rebuilt from canonical JSON. A generator function runs while it is read, within the approval.
   * @param options - of each call; or a function of the call's arguments that returns them, such as for a `callId`.
   * @returns a function of the same arguments, with a promise of the result of `fn`, or an async generator. It rejects
   *   with a Refusal when `fn` did not run. Its `ask` and `resume` do the same in two steps.
   * @throws TypeError for a value that is not a function, and for invalid options.
   */
  requiresApproval<A extends object, C extends unknown[], R>(
    fn: (args: A, ...contexts: C) => R,
    options: (GateOptions<A> & RefusalOptions<R>) | ((args: A, ...contexts: C) => GateOptions<A> & RefusalOptions<R>),
  ): GatedFunction<A, C, R> {
    return wrap(this.#connection, fn, options) as GatedFunction<A, C, R>;
  }

  /**
   * Runs a function once a call is approved.
   *
   * @param fn - must use the arguments of the run that it gets, which a reviewer may have edited.
   * @returns the result of `fn`.
   * @throws Refusal when `fn` did not run; the errors of `fn`; the reason of `call.signal`, when the caller stops
   *   waiting; TypeError for invalid options, and for a result that is unfinished work.
   */
  async run<R, A = Values>(call: Call<A>, fn: (run: Run<A>) => R): Promise<Awaited<R>> {
    return runApproved(this.#connection, call, fn, this.#advice);
  }

  /**
   * Asks for approval of a call, without waiting for the decision.
   *
   * @returns a handle, as soon as the server has recorded the request, with any status.
   * @throws Refusal when it has not; the reason of `call.signal`; TypeError for invalid options.
   */
  async ask<A = Values>(call: Call<A>): Promise<Handle> {
    return askFor(this.#connection, call, this.#advice);
  }

  /**
   * Waits until an asked call is approved, and claims nothing.
   *
   * @throws Refusal when it is not; the reason of `options.signal`, when the caller stops waiting.
   */
  async wait(handle: Handle, options: Omit<ResumeOptions, "parameters"> = {}): Promise<void> {
    return waitFor(this.#connection, handle, options);
  }

  /**
   * Runs a function once an asked call is approved, as {@link run} does. If several processes resume one handle, one
   * runs.
   *
   * @param fn - gets the arguments from the server. Dates and bigints are texts in them, unless a schema has their
   *   types.
   * @throws as {@link run}, and Refusal for answers that differ from the handle.
   */
  async resume<R, A = Values>(
    handle: Handle,
    fn: (run: Run<A>) => R,
    options: ResumeOptions<A> = {},
  ): Promise<Awaited<R>> {
    return resumeApproved(this.#connection, handle, fn, options);
  }

  /** Closes the connection. Calls under way fail, gated calls with Unavailable, and so does every later call. */
  close(): void {
    this.#closed.abort();
    this.#close?.();
  }
}

/** Sets the deadline of unary calls. Streams have none. */
function withDeadline(transport: Transport, deadlineMs: number): Transport {
  return {
    unary: (method, signal, timeoutMs = deadlineMs, ...call) =>
      transport.unary(method, signal, clamp(timeoutMs), ...call),
    stream: (method, signal, timeoutMs, ...call) =>
      transport.stream(method, signal, timeoutMs && clamp(timeoutMs), ...call),
  };
}

/** A deadline that gRPC accepts: whole milliseconds. */
function clamp(ms: number): number {
  return Math.ceil(Math.min(ms, GREATEST_MS));
}

/** A logger whose own failures are ignored. */
function quiet(logger: Logger): Logger {
  const warn = async (line: string) => logger.warn(line);
  return { warn: (line) => void warn(line).catch(() => {}) };
}

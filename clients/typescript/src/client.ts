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
  /** Where the transport goes, for people to read in warnings and errors; never with credentials. */
  readonly address?: string | undefined;
  /** Options without which a call of this client is refused before anybody is asked, with a TypeError. */
  readonly requiredOptions?: readonly RequirableOption[] | undefined;
  /**
   * What becomes of a refusal of a wrapped function that does not say: it is thrown unless set, or its text for the model is
   * the function's result.
   */
  readonly onRefusal?: OnRefusal | undefined;
  /** Options that surround a call, such as those that an AsyncLocalStorage has; asked for once for each call. */
  readonly carriedOptions?: (() => Partial<CallOptions>) | undefined;
  /**
   * Runs a gated function, or a step of it, so that the calls which it makes are not surrounded by the ids of its own call;
   * runs it as it is unless set.
   */
  readonly withoutCallIds?: (<R>(fn: () => R) => R) | undefined;
}

/** @throws TypeError, in the constructor, for what would fail only when a call is made. */
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
  /** Read, set and try the policy. */
  readonly policies: Stubs<typeof PolicyService>;
  /** Make, list and take back tokens. An answer of `createToken` holds a secret: do not log it. */
  readonly access: Stubs<typeof AccessService>;
  /** Freeze and thaw calls, and see how the server is. For operators. */
  readonly admin: Stubs<typeof AdminService>;
  readonly #connection: Connection;
  readonly #close: (() => void) | undefined;
  readonly #closed = new AbortController();
  readonly #advice: Advice;

  /** @throws TypeError for options that make no sense. */
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
   * What comes after the first argument are contexts, such as those that agent frameworks pass to a tool. They are
   * handed on to the function, never shown, digested or stored; the signal and the tool call's id of those that are known
   * are used. What is not known as a context is refused before anybody is asked, unless `passContext` is set. `this` is
   * handed on too.
   *
   * @param fn - its first argument is an object, the arguments of the call. It gets what its caller gave, or what a
   *   reviewer made of it, rebuilt from canonical JSON. A generator function runs while it is read, within the approval.
   * @param options - of each call; or a function that makes them of what the call is made with, such as for a `callId`.
   * @returns a function of the same arguments, with a promise of what `fn` returns, or an async generator. It rejects
   *   with a Refusal when `fn` was not run. Its `ask` and `resume` do the same in two steps.
   * @throws TypeError for what is not a function, and options that make no sense.
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
   * @returns what `fn` returns.
   * @throws Refusal when `fn` was not run; what `fn` throws; the reason of `call.signal`, when the caller gives up;
   *   TypeError for options that make no sense, and for what returns work that has not begun.
   */
  async run<R, A = Values>(call: Call<A>, fn: (run: Run<A>) => R): Promise<Awaited<R>> {
    return runApproved(this.#connection, call, fn, this.#advice);
  }

  /**
   * Asks for approval of a call, and does not wait for the decision.
   *
   * @returns a handle, as soon as the server has recorded the request, whatever its status is.
   * @throws Refusal when it has not; the reason of `call.signal`; TypeError for options that make no sense.
   */
  async ask<A = Values>(call: Call<A>): Promise<Handle> {
    return askFor(this.#connection, call, this.#advice);
  }

  /**
   * Waits until a call that was asked for is approved, and claims nothing.
   *
   * @throws Refusal when it is not; the reason of `options.signal`, when the caller gives up.
   */
  async wait(handle: Handle, options: Omit<ResumeOptions, "parameters"> = {}): Promise<void> {
    return waitFor(this.#connection, handle, options);
  }

  /**
   * Runs a function once a call that was asked for is approved, as {@link run} does. Of several that resume one handle,
   * one gets to run.
   *
   * @param fn - gets the arguments from the server. Dates and bigints are texts in it, unless a schema says their types.
   * @throws as {@link run}, and Refusal for answers that are not about the handle.
   */
  async resume<R, A = Values>(
    handle: Handle,
    fn: (run: Run<A>) => R,
    options: ResumeOptions<A> = {},
  ): Promise<Awaited<R>> {
    return resumeApproved(this.#connection, handle, fn, options);
  }

  /** Closes the connection. What is under way fails, gated calls with Unavailable, and so does every later call. */
  close(): void {
    this.#closed.abort();
    this.#close?.();
  }
}

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

import type { JsonObject } from "@bufbuild/protobuf";
import type { StandardSchema } from "./parameters.js";
import type { Values } from "./values.js";

/** The progress of a call that waits for a decision. */
export interface Progress {
  /** The approval's id. */
  readonly approvalId: string;
  /** One sentence to show to a user, such as `Waiting for approval from a reviewer, 4 min left`. */
  readonly message: string;
  /** Milliseconds left until the deadline. */
  readonly remainingMs: number;
  /** Approving votes so far. */
  readonly approvals: number;
  /** Approving votes needed. */
  readonly quorum: number;
  /** The reviewers who were asked, as `group:NAME` or `user:ISSUER/SUBJECT`; empty: any reviewer. */
  readonly reviewers: readonly string[];
}

/** The options of a call, besides its arguments. The limits are the server's, unless it says otherwise. */
export interface CallOptions {
  /** Name of the tool; at most 128 of `A-Z a-z 0-9 _ . : / -`. */
  readonly toolName: string;
  /** The agent that makes the call; at most 128 characters. */
  readonly agentName?: string | undefined;
  /** The run (conversation, job) that the call belongs to; 1 to 128 characters. */
  readonly runId?: string | undefined;
  /** The agents that handed the task on, in order; at most 16. */
  readonly chain?: readonly string[] | undefined;
  /** Why, shown to reviewers; at most 4 KiB. */
  readonly reason?: string | undefined;
  /** At most 32 labels, for the policy's rules and to find the approval again. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How long to wait for a decision, in milliseconds: 1 s to 7 days; the server's default is 5 min. */
  readonly timeoutMs?: number | undefined;
  /**
   * JSON Schema that the arguments, and any edit of them, must satisfy at the server; at most 16 KiB. Derived from
   * `parameters` unless set.
   */
  readonly argumentsSchema?: JsonObject | undefined;
  /** Whether to send the schema derived from `parameters`; default `true`. */
  readonly deriveSchema?: boolean | undefined;
  /** The person on whose behalf the call is made; needs a token that may assert it. */
  readonly onBehalfOf?: OnBehalfOf | undefined;
  /**
   * Names the request: asking again with the same id finds the same approval. Unless set, derived from `runId` and
   * `callId`, or else random. 1 to 128 characters.
   */
  readonly requestId?: string | undefined;
  /** The call's id within its run, such as that of the model's tool call. Needs `runId`. */
  readonly callId?: string | undefined;
  /**
   * How long an unreachable server is retried, in milliseconds; 30 s unless set. One last try follows, of 5 s at most.
   */
  readonly patienceMs?: number | undefined;
  /** Gets each progress while the call waits. Its exceptions are ignored. */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined;
  /** Withdraw the request when `signal` is aborted before the decision; it stays open unless set. */
  readonly cancelOnAbandon?: boolean | undefined;
  /** Ends the wait when aborted: its reason is thrown, unless the function has started. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Ends the wait when aborted, with StillWaiting, which a model can read, or with Cancelled if `cancelOnAbandon` is
   * set and there is no decision yet. It has no effect after the function has started.
   */
  readonly stopWaiting?: AbortSignal | undefined;
  /** Required options: a call without them is a TypeError, before anybody is asked. */
  readonly requiredOptions?: readonly RequirableOption[] | undefined;
}

/** The names that `requiredOptions` accepts. */
export type RequirableOption = Exclude<keyof CallOptions, "toolName" | "requiredOptions">;

/** A human being, as known to an authority. */
export interface OnBehalfOf {
  /** The authority; unless set, `local`, that of the server's own tokens. */
  readonly issuer?: string | undefined;
  /** The person's name there. */
  readonly subject: string;
}

/**
 * A call to be approved.
 *
 * @typeParam A - the output of `parameters`.
 */
export interface Call<A = Values> extends CallOptions {
  /**
   * Arguments of the call, an object of values with a JSON form: at most 48 KiB and 32 levels deep. Dates and bigints
   * are shown as texts, and the function gets them back.
   */
  readonly arguments: object;
  /**
   * Schema of the arguments, such as one of Zod: it checks them before anybody is asked, and an edit before the claim.
   * Reviewers see the values that it fills in.
   */
  readonly parameters?: StandardSchema<A> | undefined;
}

/** An approved call, to run once. */
export interface Run<A = Values> {
  /** The approval's id. */
  readonly approvalId: string;
  /**
   * The only arguments to run with: the asked or the edited ones, rebuilt from canonical JSON. With a schema, its
   * output.
   */
  readonly arguments: A;
  /** Whether a reviewer edited the arguments. */
  readonly edited: boolean;
}

/** How to wait for an asked call, and run it. */
export interface ResumeOptions<A = Values>
  extends Pick<CallOptions, "patienceMs" | "onProgress" | "cancelOnAbandon" | "signal" | "stopWaiting"> {
  /** As of the call: the approved arguments are checked before the claim, and read in the types of the schema. */
  readonly parameters?: StandardSchema<A> | undefined;
}

/**
 * How a function is gated.
 *
 * @typeParam A - the function's argument.
 */
export interface GateOptions<A> extends CallOptions {
  /**
   * Schema of the function's argument, such as one of Zod: it checks the arguments before anybody is asked, and an edit
   * before the claim. Reviewers see the values that it fills in.
   */
  readonly parameters?: StandardSchema<A> | undefined;
  /**
   * Reads edited arguments, such as a schema's `parse`, in place of `parameters`. Its exception rejects the edit, with
   * InvalidEdit.
   */
  readonly parseEdited?: ((edited: JsonObject) => A | Promise<A>) | undefined;
  /**
   * Every value after the function's first argument is a context: passed on, and never shown, hashed or stored. The
   * contexts of some frameworks are recognized without it; other values are rejected unless it is set.
   */
  readonly passContext?: boolean | undefined;
}

/** Whether a refusal is thrown, or its text for the model is the function's result. */
export type OnRefusal = "throw" | "return";

/**
 * How a wrapped function handles a refusal.
 *
 * @typeParam R - the function's result.
 */
export interface RefusalOptions<R> {
  /** The client's unless set. Only a function whose result can be any text may return it. */
  readonly onRefusal?: (string extends Awaited<R> ? OnRefusal : "throw") | undefined;
}

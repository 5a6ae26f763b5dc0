import type { JsonObject } from "@bufbuild/protobuf";
import type { StandardSchema } from "./parameters.js";
import type { Values } from "./values.js";

/** How things stand while a call waits for a decision. */
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
  /** Who was asked, as `group:NAME` or `user:ISSUER/SUBJECT`; empty: any reviewer. */
  readonly reviewers: readonly string[];
}

/** What is known of a call besides its arguments. Limits are the server's unless said otherwise. */
export interface CallOptions {
  /** Name of the tool; at most 128 of `A-Z a-z 0-9 _ . : / -`. */
  readonly toolName: string;
  /** The agent that makes the call; at most 128 characters. */
  readonly agentName?: string | undefined;
  /** The run (conversation, job) that the call belongs to; 1 to 128 characters. */
  readonly runId?: string | undefined;
  /** The agents that handed the task on, the first one first; at most 16. */
  readonly chain?: readonly string[] | undefined;
  /** Why, shown to reviewers; at most 4 KiB. */
  readonly reason?: string | undefined;
  /** At most 32 labels, for the policy's rules and for finding the approval again. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How long to wait for a decision, in milliseconds: 1 s to 7 days; the server's default is 5 min. */
  readonly timeoutMs?: number | undefined;
  /**
   * JSON Schema that the arguments, and any edit of them, must satisfy at the server; at most 16 KiB. What is derived of
   * `parameters` unless given.
   */
  readonly argumentsSchema?: JsonObject | undefined;
  /** Whether the server is sent what is derived of `parameters`; it is unless this is false. */
  readonly deriveSchema?: boolean | undefined;
  /** The person on whose behalf the call is made; needs a token that may assert it. */
  readonly onBehalfOf?: OnBehalfOf | undefined;
  /**
   * Names the request: asking again with the same one finds the same approval. Made of `runId` and `callId` unless
   * given, else random. 1 to 128 characters.
   */
  readonly requestId?: string | undefined;
  /** The call's id within its run, such as that of the model's tool call. Needs `runId`. */
  readonly callId?: string | undefined;
  /**
   * How long an unreachable server is tried, in milliseconds; 30 s unless set. One more try follows, of 5 s at most.
   */
  readonly patienceMs?: number | undefined;
  /** Gets each progress while the call waits. What it throws is ignored. */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined;
  /** Withdraw the request when `signal` is aborted before there is a decision; it stays open unless set. */
  readonly cancelOnAbandon?: boolean | undefined;
  /** Gives up when aborted: its reason is thrown, unless the function has been started. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Ends the wait when aborted, with StillWaiting, which a model can read; with Cancelled if `cancelOnAbandon` is set and
   * there is no decision yet. Changes nothing once the function has been started.
   */
  readonly stopWaiting?: AbortSignal | undefined;
  /** Options without which a call is refused before anybody is asked, with a TypeError. */
  readonly requiredOptions?: readonly RequirableOption[] | undefined;
}

/** What `requiredOptions` can name. */
export type RequirableOption = Exclude<keyof CallOptions, "toolName" | "requiredOptions">;

/** A human being, as an authority knows them. */
export interface OnBehalfOf {
  /** The authority; `local`, that of the server's own tokens, unless given. */
  readonly issuer?: string | undefined;
  /** The person's name there. */
  readonly subject: string;
}

/**
 * A call to be approved.
 *
 * @typeParam A - what `parameters` makes of the arguments.
 */
export interface Call<A = Values> extends CallOptions {
  /**
   * Arguments of the call, an object of what has a JSON form: at most 48 KiB and 32 levels deep. Dates and bigints are shown
   * as texts, and the function gets them back.
   */
  readonly arguments: object;
  /**
   * Schema of the arguments in this program, such as one of Zod: they are checked before anybody is asked, and an edit
   * of them before it is claimed. What the schema fills in is shown to reviewers.
   */
  readonly parameters?: StandardSchema<A> | undefined;
}

/** A call that may be run, this once. */
export interface Run<A = Values> {
  /** The approval's id. */
  readonly approvalId: string;
  /**
   * What to run it with, and nothing else: what was asked for, or what a reviewer made of it, rebuilt from its canonical
   * JSON. With a schema, what that makes of it.
   */
  readonly arguments: A;
  /** Whether a reviewer edited the arguments. */
  readonly edited: boolean;
}

/** How a call that was asked for is waited for, and run. */
export interface ResumeOptions<A = Values>
  extends Pick<CallOptions, "patienceMs" | "onProgress" | "cancelOnAbandon" | "signal" | "stopWaiting"> {
  /** As of the call: what was approved is checked before it is claimed, and read in the types of the schema. */
  readonly parameters?: StandardSchema<A> | undefined;
}

/**
 * How a function is gated.
 *
 * @typeParam A - what the function takes.
 */
export interface GateOptions<A> extends CallOptions {
  /**
   * What the function takes, as a schema such as one of Zod: the arguments are checked before anybody is asked, and an
   * edit of them before it is claimed. What the schema fills in is shown to reviewers.
   */
  readonly parameters?: StandardSchema<A> | undefined;
  /**
   * Takes arguments that a reviewer edited, such as a schema's `parse`, in place of `parameters`. What it throws refuses
   * them, with InvalidEdit.
   */
  readonly parseEdited?: ((edited: JsonObject) => A | Promise<A>) | undefined;
  /**
   * Everything after the function's first argument is a context: passed on, and never shown, digested or stored. The
   * contexts of some frameworks are known without it; anything else is refused unless it is set.
   */
  readonly passContext?: boolean | undefined;
}

/** What becomes of a refusal: it is thrown, or its text for the model is the function's result. */
export type OnRefusal = "throw" | "return";

/**
 * What becomes of a refusal of a wrapped function.
 *
 * @typeParam R - what the function returns.
 */
export interface RefusalOptions<R> {
  /** That of the client unless set. Only a function whose result can be any text may return it. */
  readonly onRefusal?: (string extends Awaited<R> ? OnRefusal : "throw") | undefined;
}

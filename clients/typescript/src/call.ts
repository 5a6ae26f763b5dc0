import type { JsonObject } from "@bufbuild/protobuf";
import type { StandardSchema } from "./parameters.js";

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
  /** JSON Schema that the arguments, and any edit of them, must satisfy at the server; at most 16 KiB. */
  readonly argumentsSchema?: JsonObject | undefined;
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

/** A call to be approved. */
export interface Call extends CallOptions {
  /** Arguments of the call, a JSON object: at most 48 KiB and 32 levels deep. */
  readonly arguments: object;
  /**
   * Schema of the arguments in this program, such as one of Zod: they are checked before anybody is asked, and an edit
   * of them before it is claimed. What the schema fills in or changes is shown to reviewers.
   */
  readonly parameters?: StandardSchema | undefined;
}

/** A call that may be run, this once. */
export interface Run {
  /** The approval's id. */
  readonly approvalId: string;
  /**
   * What to run it with, and nothing else: what was asked for, or what a reviewer made of it, rebuilt from its canonical
   * JSON.
   */
  readonly arguments: JsonObject;
  /** Whether a reviewer edited the arguments. */
  readonly edited: boolean;
}

/** How a function is gated. */
export interface GateOptions<A> extends CallOptions {
  /**
   * What the function takes, as a schema such as one of Zod: the arguments are checked before anybody is asked, and an
   * edit of them before it is claimed. What the schema fills in or changes is shown to reviewers.
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

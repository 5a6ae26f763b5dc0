import type { Client } from "@connectrpc/connect";
import type { CallOptions, OnRefusal } from "./call.js";
import type { ApprovalService } from "./gen/signoff/v1/approval_service_pb.js";

/** Gets the warnings, such as `console`. */
export interface Logger {
  /** Takes one line about a problem that does not stop the call. */
  warn(message: string): void;
}

/** What the gate needs to reach the server. */
export interface Connection {
  readonly approvals: Client<typeof ApprovalService>;
  /** The server's address, for people; empty when the transport does not have it. */
  readonly address: string;
  /** Deadline of unary calls, in milliseconds. */
  readonly deadlineMs: number;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
  /** Never throws. */
  readonly logger: Logger;
  /** Required options of every call. */
  readonly requiredOptions: readonly string[];
  /** How functions without their own setting handle a refusal. */
  readonly onRefusal: OnRefusal;
  /** The options that the call's surroundings carry; an id among them is for one call. @throws TypeError for a second */
  carried(): Partial<CallOptions>;
  /** Runs what belongs to a call without the ids that its surroundings carry. */
  withoutCallIds<R>(fn: () => R): R;
}

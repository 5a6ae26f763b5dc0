import type { Client } from "@connectrpc/connect";
import type { CallOptions, OnRefusal } from "./call.js";
import type { ApprovalService } from "./gen/signoff/v1/approval_service_pb.js";

/** Where warnings go; `console` is one. */
export interface Logger {
  /** Takes a line about something that went wrong and keeps nothing from going on. */
  warn(message: string): void;
}

/** What the gate needs to reach the server. */
export interface Connection {
  readonly approvals: Client<typeof ApprovalService>;
  /** Where the server is, for people to read; empty when the transport does not say. */
  readonly address: string;
  /** Deadline of unary calls, in milliseconds. */
  readonly deadlineMs: number;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
  /** Never throws. */
  readonly logger: Logger;
  /** Options without which no call is asked for. */
  readonly requiredOptions: readonly string[];
  /** What becomes of a refusal, of functions that do not say. */
  readonly onRefusal: OnRefusal;
  /** The options that the call's surroundings carry; an id among them is for one call. @throws TypeError for a second */
  carried(): Partial<CallOptions>;
  /** Runs what belongs to a call without the ids that its surroundings carry. */
  withoutCallIds<R>(fn: () => R): R;
}

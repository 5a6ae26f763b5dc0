import type { Client } from "@connectrpc/connect";
import type { ApprovalService } from "./gen/signoff/v1/approval_service_pb.js";

/** Where warnings go; `console` is one. */
export interface Logger {
  /** Takes a line about something that went wrong and keeps nothing from going on. */
  warn(message: string): void;
}

/** What the gate needs to reach the server. */
export interface Connection {
  readonly approvals: Client<typeof ApprovalService>;
  /** Deadline of unary calls, in milliseconds. */
  readonly deadlineMs: number;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
  /** Never throws. */
  readonly logger: Logger;
}

import type { Connection } from "./connection.js";
import type { RequestApprovalRequest, RequestApprovalResponse } from "./gen/signoff/v1/approval_service_pb.js";
import type { Handle } from "./handle.js";

/** What a call waits for: an approval that it asks for, or one that a handle names. */
export interface Source {
  readonly toolName: string;
  /** The approval's id; undefined while only an answer of the server can tell it. */
  readonly approvalId: string | undefined;
  /** Opens a stream of what becomes of it after a revision. */
  open(afterRevision: bigint, signal: AbortSignal): AsyncIterable<Pick<RequestApprovalResponse, "message">>;
}

/** Asks, again and again with the same request. */
export function asking({ approvals }: Connection, request: RequestApprovalRequest): Source {
  const open: Source["open"] = (afterRevision, signal) =>
    approvals.requestApproval({ ...request, afterRevision }, { signal });
  return { toolName: request.toolName, approvalId: undefined, open };
}

/** Watches what was asked for before. */
export function watching({ approvals }: Connection, { toolName, approvalId }: Handle): Source {
  const open: Source["open"] = (afterRevision, signal) =>
    approvals.watchApproval({ approvalId, afterRevision }, { signal });
  return { toolName, approvalId, open };
}

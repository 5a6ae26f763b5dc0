import type { Connection } from "./connection.js";
import type { RequestApprovalRequest, RequestApprovalResponse } from "./gen/signoff/v1/approval_service_pb.js";
import type { Handle } from "./handle.js";

/** The approval that a call waits for: asked now, or named by a handle. */
export interface Source {
  readonly toolName: string;
  /** The approval's id; undefined before the server's answer. */
  readonly approvalId: string | undefined;
  /** Opens a stream of its changes after a revision. */
  open(afterRevision: bigint, signal: AbortSignal): AsyncIterable<Pick<RequestApprovalResponse, "message">>;
}

/** Asks, each time with the same request. */
export function asking({ approvals }: Connection, request: RequestApprovalRequest): Source {
  const open: Source["open"] = (afterRevision, signal) =>
    approvals.requestApproval({ ...request, afterRevision }, { signal });
  return { toolName: request.toolName, approvalId: undefined, open };
}

/** Watches an approval that was asked before. */
export function watching({ approvals }: Connection, { toolName, approvalId }: Handle): Source {
  const open: Source["open"] = (afterRevision, signal) =>
    approvals.watchApproval({ approvalId, afterRevision }, { signal });
  return { toolName, approvalId, open };
}

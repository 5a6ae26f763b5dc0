import { type Approval, ApprovalStatus } from "./gen/signoff/v1/approval_pb.js";
import { AutoRejected, Cancelled, type Refusal, Rejected, TimedOut, UnknownStatus } from "./refusals.js";

/** What a status means: `unknown` is not approved, and may yet become something else. */
export type Meaning = "pending" | "approved" | "refused" | "unknown";

/** What this client makes of a status. */
export function meaningOf(status: ApprovalStatus): Meaning {
  switch (status) {
    case ApprovalStatus.PENDING:
      return "pending";
    case ApprovalStatus.APPROVED:
    case ApprovalStatus.AUTO_APPROVED:
      return "approved";
    case ApprovalStatus.REJECTED:
    case ApprovalStatus.TIMED_OUT:
    case ApprovalStatus.CANCELLED:
    case ApprovalStatus.AUTO_REJECTED:
      return "refused";
    default:
      return "unknown";
  }
}

/** Why an approval does not allow to run the call; undefined only when it does. */
export function refusalOf(toolName: string, approval: Approval): Refusal | undefined {
  const call = { toolName, approvalId: approval.id };
  switch (approval.status) {
    case ApprovalStatus.APPROVED:
    case ApprovalStatus.AUTO_APPROVED:
      return undefined;
    case ApprovalStatus.REJECTED: {
      const by = approval.decision?.decidedBy;
      return new Rejected(call, approval.decision?.comment ?? "", by ? `${by.issuer}/${by.subject}` : "");
    }
    case ApprovalStatus.AUTO_REJECTED:
      return new AutoRejected(call, approval.policy?.rule ?? "", approval.policy?.message ?? "");
    case ApprovalStatus.TIMED_OUT:
      return new TimedOut(call);
    case ApprovalStatus.CANCELLED:
      return new Cancelled(call);
    default:
      return new UnknownStatus(call);
  }
}

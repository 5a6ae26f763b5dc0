import { type Actor, type Approval, ApprovalStatus } from "./gen/signoff/v1/approval_pb.js";
import {
  AutoRejected,
  Cancelled,
  Frozen,
  type Refusal,
  Rejected,
  Revoked,
  TimedOut,
  UnknownStatus,
} from "./refusals.js";

/** The rule that rejects what an operator has frozen. */
const FREEZE = "_freeze";

/** The meaning of a status: `unknown` is not approved, and not final. */
export type Meaning = "pending" | "approved" | "refused" | "unknown";

/** The meaning of a status for this client. */
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

/** Why an approval does not allow the call to run; undefined only if it does. */
export function refusalOf(toolName: string, approval: Approval): Refusal | undefined {
  const call = { toolName, approvalId: approval.id };
  switch (approval.status) {
    case ApprovalStatus.APPROVED:
    case ApprovalStatus.AUTO_APPROVED:
      return approval.revocation && new Revoked(call, approval.revocation.reason);
    case ApprovalStatus.REJECTED:
      return new Rejected(call, approval.decision?.comment ?? "", nameOf(approval.decision?.decidedBy));
    case ApprovalStatus.AUTO_REJECTED:
      return ofPolicy(call, approval);
    case ApprovalStatus.TIMED_OUT:
      return new TimedOut(call);
    case ApprovalStatus.CANCELLED:
      return new Cancelled(call);
    default:
      return new UnknownStatus(call, approval.status);
  }
}

/** A rejection by the policy: by a rule, or because of an earlier act of a person. */
function ofPolicy(call: { toolName: string; approvalId: string }, { policy, decision }: Approval): Refusal {
  const remembered = decision?.rememberedRejection;
  if (remembered) return new Rejected(call, remembered.comment, nameOf(remembered.decidedBy));
  const { rule = "", message = "" } = policy ?? {};
  // The operator's own words; the rule's message is the same for every freeze.
  if (rule === FREEZE) return new Frozen(call, decision?.comment ?? "");
  return new AutoRejected(call, rule, message);
}

function nameOf(actor: Actor | undefined): string {
  return actor ? `${actor.issuer}/${actor.subject}` : "";
}

package dev.signoff.client;

import dev.signoff.v1.ApprovalStatus;

/**
 * What the statuses of an approval mean. One that is not known here is neither pending, nor
 * terminal, nor approved.
 */
final class Statuses {
  private Statuses() {}

  static boolean isTerminal(ApprovalStatus status) {
    return switch (status) {
      case APPROVAL_STATUS_APPROVED,
          APPROVAL_STATUS_REJECTED,
          APPROVAL_STATUS_TIMED_OUT,
          APPROVAL_STATUS_CANCELLED,
          APPROVAL_STATUS_AUTO_APPROVED,
          APPROVAL_STATUS_AUTO_REJECTED ->
          true;
      default -> false;
    };
  }

  static boolean isApproved(ApprovalStatus status) {
    return status == ApprovalStatus.APPROVAL_STATUS_APPROVED
        || status == ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED;
  }

  static boolean isKnown(ApprovalStatus status) {
    return isTerminal(status) || status == ApprovalStatus.APPROVAL_STATUS_PENDING;
  }
}

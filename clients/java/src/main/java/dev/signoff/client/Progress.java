package dev.signoff.client;

import java.time.Duration;

/**
 * The progress of a call that waits for a decision.
 *
 * @param approvalId the approval
 * @param message one sentence to show to a user
 * @param remaining the time left until the deadline, by the server's clock
 * @param approvals approving votes so far
 * @param quorum approving votes needed
 */
public record Progress(
    String approvalId, String message, Duration remaining, int approvals, int quorum) {
  static Progress of(String approvalId, dev.signoff.v1.Progress progress) {
    return new Progress(
        approvalId,
        progress.getMessage(),
        Times.duration(progress.getRemaining()),
        progress.getApprovals(),
        progress.getQuorum());
  }
}

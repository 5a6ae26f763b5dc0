package dev.signoff.client;

import dev.signoff.v1.Actor;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.ClaimExecutionResponse;
import dev.signoff.v1.Decision;
import dev.signoff.v1.Event;
import dev.signoff.v1.ReportExecutionRequest;
import dev.signoff.v1.ReportExecutionResponse;
import java.text.Normalizer;
import java.text.Normalizer.Form;
import java.util.List;

/**
 * The checks of an answer: {@code docs/clients.md} of the project has the list.
 *
 * <p>A lying server, or a proxy that mixes answers up, must not make a tool run. So each answer is
 * compared with the request, with the earlier answers, and with itself.
 */
final class Answers {
  private final String address;
  private final Awaited awaited;

  /** Whether the server has shown what was asked for. */
  private boolean requestShown;

  /** As it was last seen, and found to be as it must be; the default instance before that. */
  private volatile Approval newest = Approval.getDefaultInstance();

  Answers(Connection connection, Awaited awaited) {
    this.address = connection.address();
    this.awaited = awaited;
    // The digest of a call that is asked for here was made here.
    this.requestShown = awaited instanceof Awaited.Requested;
  }

  Approval newest() {
    return newest;
  }

  /** The approval's id; empty while it is not known. */
  String approvalId() {
    return newest.getId().isEmpty() ? awaited.approvalId() : newest.getId();
  }

  /** Takes an update of the stream. */
  void take(ApprovalUpdate update) throws Refusal.InvalidAnswer {
    check(update.hasApproval(), update.getApproval());
    requestShown |= update.getEventsList().stream().anyMatch(Event::hasRequested);
    refuse(
        new Problem(
            recordsOtherArguments(update.getEventsList()),
            "the request was recorded with other arguments"),
        new Problem(!requestShown, "the approval does not show the request"),
        new Problem(!leadTo(newest, update.getEventsList()), "the events contradict the approval"));
  }

  /**
   * Whether a reviewer edited what was approved.
   *
   * @throws Refusal.DigestMismatch if it is not what is shown, or was not for anybody to edit
   */
  boolean isEdited(Approval approval) throws Refusal.DigestMismatch {
    boolean edited = !approval.getDigest().equals(awaited.digest());
    // The policy approves what was asked for; only people edit.
    boolean byPolicy = approval.getStatus() == ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED;
    if (!isDecidedFor(approval) || (edited && byPolicy)) {
      throw mismatch();
    }
    return edited;
  }

  /** Checks the answer to the claim of what was approved. */
  void check(ClaimExecutionResponse answer, Approval approved) throws Refusal {
    refuse(new Problem(answer.getClaimId().isEmpty(), "the answer has no claim id"));
    Approval approval = answer.getApproval();
    check(answer.hasApproval(), approval);
    refuse(
        new Problem(
            approval.getStatusValue() != approved.getStatusValue(),
            "the approval's status changed"));
    if (approval.hasRevocation()) {
      String reason = approval.getRevocation().getReason();
      throw new Refusal.Revoked(awaited.toolName(), approvalId(), reason, null);
    }
    if (!approval.getDigest().equals(approved.getDigest()) || !isDecidedFor(approval)) {
      throw mismatch();
    }
    dev.signoff.v1.Claim claim = approval.getClaim();
    refuse(
        new Problem(!approval.hasClaim(), "the approval has no claim"),
        new Problem(!claim.getId().equals(answer.getClaimId()), "the claim has another id"),
        new Problem(
            !isSame(claim.getClaimedBy(), approval.getCaller()), "the claim is another caller's"),
        new Problem(claim.hasOutcome(), "the claim has an outcome already"));
  }

  /** Whether the answer is about the claim and the outcome that were reported. */
  static boolean isReported(ReportExecutionRequest report, ReportExecutionResponse answer) {
    Approval approval = answer.getApproval();
    return approval.getId().equals(report.getApprovalId())
        && approval.getClaim().getId().equals(report.getClaimId())
        && approval.getClaim().getOutcome().getResultValue() == report.getResultValue();
  }

  /** Checks any approval against the request, the approval before it, and itself. */
  private void check(boolean isThere, Approval now) throws Refusal.InvalidAnswer {
    refuse(new Problem(!isThere, "the answer has no approval"));
    Approval before = newest.getId().isEmpty() ? now : newest;
    String expectedId = approvalId().isEmpty() ? now.getId() : approvalId();
    ApprovalStatus status = now.getStatus();
    boolean terminal = Statuses.isTerminal(status);
    Decision decision = now.getDecision();
    boolean consistent =
        !now.hasDecision() || (terminal && decision.getStatusValue() == now.getStatusValue());
    boolean changed =
        now.getStatusValue() != before.getStatusValue()
            || !now.getDigest().equals(before.getDigest());
    // Revisions are unsigned.
    int order = Long.compareUnsigned(now.getRevision(), before.getRevision());
    Actor caller = now.getCaller();
    refuse(
        new Problem(now.getId().isEmpty(), "the approval has no id"),
        new Problem(!now.getId().equals(expectedId), "the approval's id changed"),
        new Problem(
            !now.getRequestId().equals(awaited.requestId()), "the approval is for another request"),
        new Problem(
            !now.getToolName().equals(awaited.toolName()), "the approval is for another tool"),
        new Problem(
            caller.getIssuer().isEmpty() || caller.getSubject().isEmpty(),
            "the approval has no caller"),
        new Problem(!isSame(caller, before.getCaller()), "the approval's caller changed"),
        new Problem(now.getRevision() == 0, "the approval has no revision"),
        new Problem(order < 0, "the approval's revision went back"),
        new Problem(order == 0 && changed, "the approval changed without a new revision"),
        new Problem(terminal && !now.hasDecision(), "the approval has no decision"),
        new Problem(
            Statuses.isKnown(status) && !consistent, "the decision contradicts the status"));
    newest = now;
  }

  private boolean recordsOtherArguments(List<Event> events) {
    return events.stream()
        .anyMatch(
            event ->
                event.hasRequested() && !event.getRequested().getDigest().equals(awaited.digest()));
  }

  /** Whether the decision is about the approval's digest, and that is the one calculated here. */
  private boolean isDecidedFor(Approval approval) {
    try {
      String own = Canonical.digest(awaited.toolName(), approval.getArguments());
      return own.equals(approval.getDigest()) && own.equals(approval.getDecision().getDigest());
    } catch (IllegalArgumentException e) {
      // What has no canonical form cannot have been approved.
      return false;
    }
  }

  /** Whether the events go up to the approval's revision, one by one, and to its status. */
  private static boolean leadTo(Approval approval, List<Event> events) {
    // A request that waits has another status than the approval only if a decision follows.
    boolean decided = events.stream().anyMatch(Event::hasDecided);
    long revision = approval.getRevision() - events.size();
    for (Event event : events) {
      revision++;
      if (event.getRevision() != revision
          || statusAfter(event, approval, decided) != approval.getStatusValue()) {
        return false;
      }
    }
    return true;
  }

  /** The status that the event brings and the approval keeps; its own, if it brings none. */
  private static int statusAfter(Event event, Approval approval, boolean decided) {
    if (event.hasDecided()) {
      return event.getDecided().getStatusValue();
    }
    boolean waits = event.getRequested().getStatus() == ApprovalStatus.APPROVAL_STATUS_PENDING;
    boolean keeps = event.hasRequested() && !(waits && decided);
    return keeps ? event.getRequested().getStatusValue() : approval.getStatusValue();
  }

  /** The same caller, as the server tells callers apart. */
  private static boolean isSame(Actor one, Actor other) {
    return isSameName(one.getIssuer(), other.getIssuer())
        && isSameName(one.getSubject(), other.getSubject());
  }

  /**
   * Compares names by their composed form (NFC): the server keeps old ones as they were recorded.
   */
  private static boolean isSameName(String one, String other) {
    return Normalizer.normalize(one, Form.NFC).equals(Normalizer.normalize(other, Form.NFC));
  }

  private Refusal.DigestMismatch mismatch() {
    return new Refusal.DigestMismatch(awaited.toolName(), approvalId(), null);
  }

  /** Something that may be wrong with an answer. */
  private record Problem(boolean isThere, String text) {}

  /** Throws the first problem that there is. A table, so that all clients check in one order. */
  private void refuse(Problem... problems) throws Refusal.InvalidAnswer {
    for (Problem problem : problems) {
      if (problem.isThere()) {
        throw new Refusal.InvalidAnswer(awaited.toolName(), approvalId(), address, problem.text());
      }
    }
  }
}

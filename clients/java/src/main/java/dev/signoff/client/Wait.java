package dev.signoff.client;

import dev.signoff.v1.Actor;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.CancelApprovalRequest;
import dev.signoff.v1.Decision;
import dev.signoff.v1.PolicyEvaluation;
import dev.signoff.v1.RememberedRejection;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** Asks for an approval, and waits for its decision through whatever breaks meanwhile. */
final class Wait {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  /** The rule by which the server rejects what an operator has frozen. */
  private static final String FREEZE = "_freeze";

  private final Connection connection;
  private final CallSettings settings;
  private final Outage outage;
  private final RequestApprovalRequest request;
  private final Answers answers;
  private final Tries tries;
  private boolean asked;

  /** Set by the thread that withdraws. */
  private volatile boolean withdrawn;

  /** Whether the tries end with the approval, and not with the caller's patience. */
  private boolean endsWithApproval;

  Wait(
      Connection connection, CallSettings settings, Outage outage, RequestApprovalRequest request) {
    this.connection = connection;
    this.settings = settings;
    this.outage = outage;
    this.request = request;
    this.answers = new Answers(connection, request);
    this.tries = new Tries(connection, outage, settings.patience);
  }

  /** What the server has answered so far. */
  Answers answers() {
    return answers;
  }

  Approval untilApproved() throws Refusal, InterruptedException {
    try {
      follow();
    } catch (InterruptedException e) {
      if (settings.cancelOnAbandon && asked) {
        GivingUp.finish("withdrawing " + settings.toolName, this::withdraw);
      }
      throw e;
    } catch (StatusRuntimeException e) {
      throw Failures.refusal(connection.address(), settings.toolName, latest().getId(), e);
    } catch (Tries.OutOfPatience e) {
      throw e.refusal(connection, settings.toolName, latest().getId(), false);
    }
    if (mayBeClaimed()) {
      return latest();
    }
    throw refusal();
  }

  private boolean mayBeClaimed() {
    return Statuses.isApproved(latest().getStatus()) && !latest().hasRevocation();
  }

  /** Why a call was not run whose caller stopped waiting by the cancel handle. */
  Refusal stopped() {
    if (withdrawn) {
      return new Refusal.Cancelled(settings.toolName, latest().getId());
    }
    boolean over = Statuses.isTerminal(latest().getStatus()) && !mayBeClaimed();
    return over
        ? refusal()
        : new Refusal.StillWaiting(settings.toolName, latest().getId(), mayBeClaimed());
  }

  private Refusal refusal() {
    String tool = settings.toolName;
    String id = latest().getId();
    return switch (latest().getStatus()) {
      case APPROVAL_STATUS_APPROVED, APPROVAL_STATUS_AUTO_APPROVED ->
          new Refusal.Revoked(tool, id, latest().getRevocation().getReason(), null);
      case APPROVAL_STATUS_REJECTED -> {
        Decision decision = latest().getDecision();
        yield new Refusal.Rejected(tool, id, decision.getComment(), name(decision.getDecidedBy()));
      }
      case APPROVAL_STATUS_AUTO_REJECTED -> autoRejected(tool, id);
      case APPROVAL_STATUS_TIMED_OUT -> new Refusal.TimedOut(tool, id);
      case APPROVAL_STATUS_CANCELLED -> new Refusal.Cancelled(tool, id);
      default -> new Refusal.UnknownStatus(tool, id, latest().getStatusValue());
    };
  }

  private Refusal autoRejected(String tool, String id) {
    Decision decision = latest().getDecision();
    PolicyEvaluation policy = latest().getPolicy();
    if (decision.hasRememberedRejection()) {
      RememberedRejection first = decision.getRememberedRejection();
      return new Refusal.Rejected(tool, id, first.getComment(), name(first.getDecidedBy()));
    }
    return policy.getRule().equals(FREEZE)
        ? new Refusal.Frozen(tool, id, decision.getComment(), null)
        : new Refusal.AutoRejected(tool, id, policy.getRule(), policy.getMessage());
  }

  private static String name(Actor actor) {
    return actor.getIssuer() + "/" + actor.getSubject();
  }

  /** Reads streams until one has come to an end that counts. */
  private void follow() throws Refusal, InterruptedException, Tries.OutOfPatience {
    while (true) {
      GivingUp.check();
      asked = true;
      tries.begin();
      try (UpdateStream stream = open()) {
        read(stream);
        return;
      } catch (StatusRuntimeException e) {
        GivingUp.check();
        tries.after(e);
      }
    }
  }

  private UpdateStream open() {
    return new UpdateStream(
        connection.calls(), request.toBuilder().setAfterRevision(latest().getRevision()).build());
  }

  private void read(UpdateStream stream) throws Refusal, InterruptedException {
    Deadline limit = firstMessageLimit();
    while (!Statuses.isTerminal(latest().getStatus())) {
      Optional<RequestApprovalResponse> message = stream.next(limit);
      if (message.isEmpty()) {
        if (isSeen() && !Statuses.isKnown(latest().getStatus())) {
          return;
        }
        throw Status.UNAVAILABLE
            .withDescription("the stream ended without a decision")
            .asRuntimeException();
      }
      tries.answered();
      take(message.get());
      limit = Deadlines.later(tries.bound(), connection.deadline());
    }
  }

  private Deadline firstMessageLimit() {
    if (!isSeen()) {
      return tries.streamLimit();
    }
    // A server that is well says at once how things stand.
    return Deadlines.after(connection.deadline());
  }

  /** As it was last heard of; the default instance before that. */
  private Approval latest() {
    return answers.newest();
  }

  private boolean isSeen() {
    return !latest().getId().isEmpty();
  }

  private void take(RequestApprovalResponse message) throws Refusal {
    switch (message.getMessageCase()) {
      case UPDATE -> take(message.getUpdate());
      case PROGRESS -> take(message.getProgress());
      // Something new, which a client that does not know it can do without.
      case MESSAGE_NOT_SET -> {}
    }
  }

  private void take(ApprovalUpdate update) throws Refusal {
    Approval before = latest();
    answers.take(update);
    Approval approval = latest();
    if (approval.hasDeadline() && approval.hasUpdateTime()) {
      waitAtMost(Times.between(approval.getUpdateTime(), approval.getDeadline()));
    }
    if (approval.getRevision() > before.getRevision()) {
      tries.progressed();
    }
  }

  private void take(dev.signoff.v1.Progress progress) {
    tries.progressed();
    if (progress.hasRemaining()) {
      waitAtMost(Times.duration(progress.getRemaining()));
    }
    try {
      settings.onProgress.accept(Progress.of(latest().getId(), progress));
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.DEBUG, "onProgress threw, which changes nothing", e);
    }
  }

  // An update that is repeated after a break counts from an older time than now: only less time is
  // news.
  private void waitAtMost(Duration left) {
    Deadline end = Deadlines.after(left);
    tries.endAt(endsWithApproval ? tries.bound().minimum(end) : end);
    endsWithApproval = true;
  }

  /** Withdraws what the caller no longer waits for. */
  private void withdraw() throws InterruptedException {
    Tries few = new Tries(connection, outage, GivingUp.LIMIT);
    try {
      Approval found = isSeen() ? latest() : find(few);
      if (Statuses.isTerminal(found.getStatus())) {
        return;
      }
      CancelApprovalRequest cancel =
          CancelApprovalRequest.newBuilder()
              .setApprovalId(found.getId())
              .setRequestId(UUID.randomUUID().toString())
              .setReason("the caller gave up")
              .build();
      new UnaryCall<>(connection, ApprovalServiceGrpc.getCancelApprovalMethod(), cancel).make(few);
      withdrawn = true;
    } catch (StatusRuntimeException e) {
      // Decided meanwhile: there is nothing to withdraw.
      if (!Failures.ownReason(e).equals(Optional.of("ALREADY_DECIDED"))) {
        warnOfOpen(e);
      }
    } catch (Refusal | Tries.OutOfPatience e) {
      warnOfOpen(e);
    }
  }

  private void warnOfOpen(Exception failure) {
    LOG.log(
        System.Logger.Level.WARNING,
        "the request to call " + settings.toolName + " stays open",
        failure);
  }

  /** Asks once more, to learn the approval's id. */
  private Approval find(Tries few) throws Refusal, InterruptedException, Tries.OutOfPatience {
    while (true) {
      few.begin();
      try (UpdateStream stream = open()) {
        Optional<RequestApprovalResponse> first = stream.next(few.streamLimit());
        if (first.isPresent() && first.get().hasUpdate()) {
          answers.take(first.get().getUpdate());
          return latest();
        }
        throw Status.UNAVAILABLE
            .withDescription("the stream did not begin with the approval")
            .asRuntimeException();
      } catch (StatusRuntimeException e) {
        few.after(e);
      }
    }
  }
}

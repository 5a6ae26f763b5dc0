package dev.signoff.client;

import dev.signoff.v1.Actor;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.CancelApprovalRequest;
import dev.signoff.v1.Decision;
import dev.signoff.v1.PolicyEvaluation;
import dev.signoff.v1.RememberedRejection;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/** Follows an approval until it is recorded or decided, through broken connections and restarts. */
final class Wait {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  /** The rule by which the server rejects what an operator has frozen. */
  private static final String FREEZE = "_freeze";

  private final Connection connection;
  private final CallSettings settings;
  private final Outage outage;
  private final Awaited awaited;
  private final Answers answers;
  private final Tries tries;

  /** Whether there may be an approval. */
  private boolean asked;

  /** Set by the thread that withdraws. */
  private volatile boolean withdrawn;

  /** Whether the tries end with the approval, and not with the caller's patience. */
  private boolean endsWithApproval;

  Wait(Connection connection, CallSettings settings, Outage outage, Awaited awaited) {
    this.connection = connection;
    this.settings = settings;
    this.outage = outage;
    this.awaited = awaited;
    this.answers = new Answers(connection, awaited);
    this.asked = !awaited.approvalId().isEmpty();
    this.tries = new Tries(connection, outage, settings.patience);
  }

  /** What the server has answered so far. */
  Answers answers() {
    return answers;
  }

  /** Returns when the server has recorded the request, with any status. */
  Approval untilRecorded() throws Refusal, InterruptedException {
    until(this::isSeen);
    return latest();
  }

  Approval untilApproved() throws Refusal, InterruptedException {
    until(() -> Statuses.isTerminal(latest().getStatus()));
    if (mayBeClaimed()) {
      return latest();
    }
    throw refusal();
  }

  private void until(BooleanSupplier reached) throws Refusal, InterruptedException {
    try {
      follow(reached);
    } catch (InterruptedException e) {
      if (settings.cancelOnAbandon && asked) {
        GivingUp.finish("withdrawing " + settings.toolName, this::withdraw);
      }
      throw e;
    } catch (StatusRuntimeException e) {
      throw Failures.refusal(connection.address(), settings.toolName, answers.approvalId(), e);
    } catch (Tries.OutOfPatience e) {
      throw e.refusal(connection, settings.toolName, answers.approvalId(), false);
    }
  }

  private boolean mayBeClaimed() {
    return Statuses.isApproved(latest().getStatus()) && !latest().hasRevocation();
  }

  /** Why a call was not run whose caller stopped waiting by the cancel handle. */
  Refusal stopped() {
    if (withdrawn) {
      return new Refusal.Cancelled(settings.toolName, answers.approvalId());
    }
    boolean over = Statuses.isTerminal(latest().getStatus()) && !mayBeClaimed();
    return over
        ? refusal()
        : new Refusal.StillWaiting(settings.toolName, answers.approvalId(), mayBeClaimed());
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
  private void follow(BooleanSupplier reached)
      throws Refusal, InterruptedException, Tries.OutOfPatience {
    while (true) {
      GivingUp.check();
      asked = true;
      tries.begin();
      try (UpdateStream stream = open()) {
        read(stream, reached);
        return;
      } catch (StatusRuntimeException e) {
        GivingUp.check();
        tries.after(e);
      }
    }
  }

  private UpdateStream open() {
    return awaited.open(connection.calls(), latest().getRevision());
  }

  private void read(UpdateStream stream, BooleanSupplier reached)
      throws Refusal, InterruptedException {
    Deadline limit = firstMessageLimit();
    while (!reached.getAsBoolean()) {
      Optional<UpdateStream.Message> message = stream.next(limit);
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
    // A healthy server immediately sends the current state.
    return Deadlines.after(connection.deadline());
  }

  /** As it was last heard of; the default instance before that. */
  private Approval latest() {
    return answers.newest();
  }

  private boolean isSeen() {
    return !latest().getId().isEmpty();
  }

  private void take(UpdateStream.Message message) throws Refusal {
    if (message.update().isPresent()) {
      take(message.update().get());
    }
    message.progress().ifPresent(this::take);
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
      settings.onProgress.accept(Progress.of(answers.approvalId(), progress));
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

  /** Withdraws the request after the caller stopped waiting. */
  private void withdraw() throws InterruptedException {
    Tries few = new Tries(connection, outage, GivingUp.LIMIT);
    try {
      if (answers.approvalId().isEmpty()) {
        find(few);
      }
      if (Statuses.isTerminal(latest().getStatus())) {
        return;
      }
      CancelApprovalRequest cancel =
          CancelApprovalRequest.newBuilder()
              .setApprovalId(answers.approvalId())
              .setRequestId(UUID.randomUUID().toString())
              .setReason("the caller stopped waiting")
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
        "Cannot withdraw the request to call " + settings.toolName,
        failure);
  }

  /** Asks once more, to learn the approval's id. */
  private void find(Tries few) throws Refusal, InterruptedException, Tries.OutOfPatience {
    while (true) {
      few.begin();
      try (UpdateStream stream = open()) {
        Optional<ApprovalUpdate> first =
            stream.next(few.streamLimit()).flatMap(UpdateStream.Message::update);
        if (first.isPresent()) {
          answers.take(first.get());
          return;
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

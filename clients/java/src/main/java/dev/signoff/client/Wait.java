package dev.signoff.client;

import dev.signoff.v1.Actor;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.CancelApprovalRequest;
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

  private final Connection connection;
  private final CallSettings settings;
  private final RequestApprovalRequest request;
  private final Answers answers;
  private final Tries tries;
  private boolean asked;

  /** Whether the tries end with the approval, and not with the caller's patience. */
  private boolean endsWithApproval;

  Wait(
      Connection connection,
      CallSettings settings,
      RequestApprovalRequest request,
      Answers answers) {
    this.connection = connection;
    this.settings = settings;
    this.request = request;
    this.answers = answers;
    this.tries = new Tries(connection, settings.patience);
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
      throw Failures.refusal(settings.toolName, latest().getId(), e);
    } catch (Tries.OutOfPatience e) {
      throw new Refusal.Unavailable(settings.toolName, latest().getId(), e.getCause());
    }
    if (Statuses.isApproved(latest().getStatus())) {
      return latest();
    }
    throw refusal();
  }

  private Refusal refusal() {
    String tool = settings.toolName;
    String id = latest().getId();
    return switch (latest().getStatus()) {
      case APPROVAL_STATUS_REJECTED -> {
        Actor by = latest().getDecision().getDecidedBy();
        String name = by.getIssuer() + "/" + by.getSubject();
        yield new Refusal.Rejected(tool, id, latest().getDecision().getComment(), name);
      }
      case APPROVAL_STATUS_AUTO_REJECTED ->
          new Refusal.AutoRejected(
              tool, id, latest().getPolicy().getRule(), latest().getPolicy().getMessage());
      case APPROVAL_STATUS_TIMED_OUT -> new Refusal.TimedOut(tool, id);
      case APPROVAL_STATUS_CANCELLED -> new Refusal.Cancelled(tool, id);
      default -> new Refusal.UnknownStatus(tool, id);
    };
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
    Tries few = new Tries(connection, GivingUp.LIMIT);
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

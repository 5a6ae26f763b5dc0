package dev.signoff.testing;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import dev.signoff.client.SignoffClient;
import dev.signoff.v1.Approval;
import dev.signoff.v1.DecideRequest;
import dev.signoff.v1.VoteChoice;
import dev.signoff.v1.WatchPendingRequest;
import dev.signoff.v1.WatchPendingResponse;
import java.util.Iterator;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** Someone who decides. */
public final class Reviewer implements AutoCloseable {
  private final SignoffClient client;

  /**
   * Signs in.
   *
   * @param server where
   */
  public Reviewer(Server server) {
    client = server.client("reviewer");
  }

  /** {@return the reviewer's client} */
  public SignoffClient client() {
    return client;
  }

  /**
   * Waits for a call.
   *
   * @param which the one
   * @return its approval
   */
  public Approval pending(Predicate<Approval> which) {
    Iterator<WatchPendingResponse> changes =
        client
            .approvals()
            .withDeadlineAfter(30, TimeUnit.SECONDS)
            .withWaitForReady()
            .watchPending(WatchPendingRequest.getDefaultInstance());
    while (true) {
      WatchPendingResponse change = changes.next();
      if (change.hasPending() && which.test(change.getPending())) {
        return change.getPending();
      }
    }
  }

  /** {@return the only call that waits, or the first} */
  public Approval pending() {
    return pending(any -> true);
  }

  private void decide(Approval approval, VoteChoice choice, Consumer<DecideRequest.Builder> more) {
    DecideRequest.Builder request =
        DecideRequest.newBuilder()
            .setApprovalId(approval.getId())
            .setRequestId(UUID.randomUUID().toString())
            .setChoice(choice)
            .setRevision(approval.getRevision());
    more.accept(request);
    client.approvals().decide(request.build());
  }

  /**
   * Approves a call.
   *
   * @param approval its approval
   */
  public void approve(Approval approval) {
    decide(approval, VoteChoice.VOTE_CHOICE_APPROVE, request -> {});
  }

  /**
   * Approves a call with other arguments.
   *
   * @param approval its approval
   * @param json the arguments
   */
  public void approve(Approval approval, String json) {
    Struct.Builder edited = Struct.newBuilder();
    try {
      JsonFormat.parser().merge(json, edited);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(e);
    }
    decide(
        approval,
        VoteChoice.VOTE_CHOICE_APPROVE,
        request -> request.setEditedArguments(edited.build()));
  }

  /**
   * Rejects a call.
   *
   * @param approval its approval
   * @param comment why
   */
  public void reject(Approval approval, String comment) {
    decide(approval, VoteChoice.VOTE_CHOICE_REJECT, request -> request.setComment(comment));
  }

  @Override
  public void close() {
    client.close();
  }
}

package dev.signoff.client;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ClaimExecutionRequest;
import dev.signoff.v1.ClaimExecutionResponse;
import dev.signoff.v1.GetApprovalRequest;
import io.grpc.StatusRuntimeException;
import java.util.UUID;
import java.util.concurrent.ExecutionException;

/** Takes the only permission to run an approved call. */
final class Claim {
  private final Connection connection;
  private final CallSettings settings;
  private final Outage outage;
  private final Answers answers;
  private final Approval approval;
  private final UnaryCall<ClaimExecutionRequest, ClaimExecutionResponse> call;

  Claim(
      Connection connection,
      CallSettings settings,
      Outage outage,
      Answers answers,
      Approval approval) {
    this.connection = connection;
    this.settings = settings;
    this.outage = outage;
    this.answers = answers;
    this.approval = approval;
    ClaimExecutionRequest request =
        ClaimExecutionRequest.newBuilder()
            .setApprovalId(approval.getId())
            // Random for each runner, so that only one of two runners gets the claim. The same for
            // each try of this one: after a lost reply the client cannot know whether the server
            // granted the claim. The same id asks for the same claim, and the server answers as
            // the first time, while the claim window is open and no outcome is on record. A new id
            // would get ALREADY_CLAIMED for this runner's own claim, and the call would never run.
            .setRequestId(UUID.randomUUID().toString())
            .setDigest(approval.getDigest())
            .build();
    call = new UnaryCall<>(connection, ApprovalServiceGrpc.getClaimExecutionMethod(), request);
  }

  /** Claims, and returns the id of the claim. */
  String take() throws Refusal, InterruptedException {
    try {
      ClaimExecutionResponse granted = call.make(new Tries(connection, outage, settings.patience));
      requireSame(granted);
      GivingUp.check();
      return granted.getClaimId();
    } catch (InterruptedException e) {
      GivingUp.finish("giving back " + settings.toolName, this::giveBack);
      throw e;
    } catch (StatusRuntimeException e) {
      throw refusal(e);
    } catch (Tries.OutOfPatience e) {
      throw e.refusal(connection, settings.toolName, approval.getId(), true);
    }
  }

  /** Checks that the claim is for this call. A claim for another call is reported as failed. */
  private void requireSame(ClaimExecutionResponse granted) throws Refusal {
    try {
      answers.check(granted, approval);
    } catch (Refusal wrong) {
      if (!granted.getClaimId().isEmpty()) {
        report(granted.getClaimId()).failed(wrong);
      }
      throw wrong;
    }
  }

  private Refusal refusal(StatusRuntimeException failure) {
    String tool = settings.toolName;
    String id = approval.getId();
    return switch (Failures.ownReason(failure).orElse("")) {
      case "ALREADY_CLAIMED" ->
          new Refusal.AlreadyClaimed(tool, id, Failures.earlierClaim(failure), failure);
      case "APPROVAL_REVOKED" ->
          new Refusal.Revoked(tool, id, Failures.ownMetadata(failure, "reason"), failure);
      case "FROZEN" ->
          new Refusal.Frozen(tool, id, Failures.ownMetadata(failure, "reason"), failure);
      case "CLAIM_WINDOW_CLOSED" -> new Refusal.ClaimWindowClosed(tool, id, failure);
      case "DIGEST_MISMATCH" -> new Refusal.DigestMismatch(tool, id, failure);
      default -> Failures.refusal(connection.address(), tool, id, failure);
    };
  }

  /** Reports that nothing ran, for a claim granted after the caller stopped waiting. */
  private void giveBack() throws InterruptedException {
    if (call.newest() == null) {
      return;
    }
    String claimId = "";
    try {
      claimId = call.newest().get().getClaimId();
    } catch (ExecutionException e) {
      claimId = grantedBefore();
    }
    if (!claimId.isEmpty()) {
      report(claimId).notRun("not run: the caller stopped waiting");
    }
  }

  private Report report(String claimId) {
    return new Report(connection, settings, outage, approval.getId(), claimId);
  }

  /**
   * The claim whose reply was lost; empty if there is none. Never takes a claim that was not
   * granted before.
   */
  private String grantedBefore() throws InterruptedException {
    Tries few = new Tries(connection, outage, GivingUp.LIMIT);
    GetApprovalRequest get =
        GetApprovalRequest.newBuilder().setApprovalId(approval.getId()).build();
    try {
      Approval now =
          new UnaryCall<>(connection, ApprovalServiceGrpc.getGetApprovalMethod(), get)
              .make(few)
              .getApproval();
      return now.hasClaim() ? call.make(few).getClaimId() : "";
    } catch (StatusRuntimeException | Tries.OutOfPatience e) {
      return "";
    }
  }
}

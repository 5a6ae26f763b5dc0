package dev.signoff.client;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ClaimExecutionRequest;
import dev.signoff.v1.ClaimExecutionResponse;
import dev.signoff.v1.GetApprovalRequest;
import io.grpc.StatusRuntimeException;
import java.util.UUID;
import java.util.concurrent.ExecutionException;

/** Takes the one permission to run an approved call. */
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
            // Random for each runner, so that of two runners one gets the claim.
            .setRequestId(UUID.randomUUID().toString())
            .setDigest(approval.getDigest())
            .build();
    call = new UnaryCall<>(connection, ApprovalServiceGrpc.getClaimExecutionMethod(), request);
  }

  /** The id of the claim, which is ours. */
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

  /** Only the answer to what was asked is a permission. What another one grants is given back. */
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

  /** Reports a claim that was granted to a caller who gave up meanwhile: nothing was run. */
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
      report(claimId).notRun("not run: the caller gave up");
    }
  }

  private Report report(String claimId) {
    return new Report(connection, settings, outage, approval.getId(), claimId);
  }

  /**
   * The claim that an answer was lost of; empty if there is none. Never takes one that is not taken
   * yet.
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

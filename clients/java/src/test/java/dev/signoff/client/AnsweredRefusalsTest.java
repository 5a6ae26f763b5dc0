package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.ErrorInfo;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Answers by which a call is not run, and what the refusal says of them. */
class AnsweredRefusalsTest {
  private static final Map<String, Object> ARGUMENTS = Map.of("to", "alice@company.com");

  private final AtomicInteger runs = new AtomicInteger();
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    client = server.client();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Runner run(Gate gate) {
    return Runner.of(gate, ARGUMENTS, runs);
  }

  private Gate gate() {
    return client.gate("send_email");
  }

  @Test
  @DisplayName("what is known of an earlier claim is told")
  void knownOutcome() {
    ErrorInfo known =
        FakeServer.reason("ALREADY_CLAIMED").toBuilder()
            .putMetadata("claimed_by", "local/other")
            .putMetadata("claim_time", "2027-01-15T08:00:02Z")
            .putMetadata("result", "FAILED")
            .putMetadata("report_time", "2027-01-15T08:00:09Z")
            .putMetadata("message", "No such list.")
            .build();
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) ->
            answer.onError(FakeServer.failure(Status.Code.FAILED_PRECONDITION, "no", known)));
    Refusal.AlreadyClaimed refusal = run(gate()).failure(Refusal.AlreadyClaimed.class);
    assertEquals("FAILED", refusal.result());
    assertEquals("local/other", refusal.claimedBy());
    assertEquals("2027-01-15T08:00:02Z", refusal.claimTime());
    String text = "failed at 2027-01-15T08:00:09Z: No such list. Do not repeat it.";
    assertTrue(refusal.getMessage().endsWith(text), refusal::getMessage);
    assertEquals(0, runs.get());
  }

  private void refuseClaim(String reason) {
    ErrorInfo info =
        FakeServer.reason(reason).toBuilder().putMetadata("reason", "Wrong customer.").build();
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) ->
            answer.onError(FakeServer.failure(Status.Code.FAILED_PRECONDITION, "no", info)));
  }

  @Test
  @DisplayName("20: revoked between the approval and the claim")
  void revoked() {
    refuseClaim("APPROVAL_REVOKED");
    Refusal.Revoked refusal = run(gate()).failure(Refusal.Revoked.class);
    assertEquals("Wrong customer.", refusal.reason());
    assertEquals(1, server.claimed.size());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("20: revoked before it is seen to be approved")
  void revokedBefore() {
    server.onAsk.then(
        (request, stream) -> {
          Approval.Builder approval =
              server.approval(request, ApprovalStatus.APPROVAL_STATUS_APPROVED);
          approval.getRevocationBuilder().setReason("Wrong customer.");
          stream.onNext(server.update(approval));
          stream.onCompleted();
        });
    Refusal.Revoked refusal = run(gate()).failure(Refusal.Revoked.class);
    assertEquals("Wrong customer.", refusal.reason());
    assertTrue(server.claimed.isEmpty());
  }

  @Test
  @DisplayName("21: frozen between the approval and the claim")
  void frozen() {
    refuseClaim("FROZEN");
    Refusal.Frozen refusal = run(gate()).failure(Refusal.Frozen.class);
    assertEquals("Wrong customer.", refusal.reason());
    assertEquals(0, runs.get());
  }

  private void rejectByPolicy(Consumer<Approval.Builder> change) {
    server.onAsk.then(
        (request, stream) -> {
          Approval.Builder approval =
              server.approval(request, ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED);
          change.accept(approval);
          stream.onNext(server.update(approval));
          stream.onCompleted();
        });
  }

  @Test
  @DisplayName("21: frozen before the request")
  void frozenBefore() {
    rejectByPolicy(
        approval -> {
          approval.getPolicyBuilder().setRule("_freeze").setMessage("Ask again after the thaw.");
          approval.getDecisionBuilder().setComment("Incident 12.");
        });
    assertEquals("Incident 12.", run(gate()).failure(Refusal.Frozen.class).reason());
  }

  @Test
  @DisplayName("24: a rejection that the policy remembers")
  void remembered() {
    rejectByPolicy(
        approval -> {
          approval.getPolicyBuilder().setRule("_remembered_rejection").setMessage("again");
          approval
              .getDecisionBuilder()
              .getRememberedRejectionBuilder()
              .setComment("Use the staging list.")
              .setDecidedBy(FakeServer.CALLER);
        });
    Refusal.Rejected refusal = run(gate()).failure(Refusal.Rejected.class);
    assertEquals("Use the staging list.", refusal.comment());
    assertEquals("local/mail-bot", refusal.decidedBy());
  }
}

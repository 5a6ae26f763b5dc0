package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.signoff.v1.Approval;
import dev.signoff.v1.FreezeRequest;
import dev.signoff.v1.FreezeScope;
import dev.signoff.v1.RevokeApprovalRequest;
import dev.signoff.v1.ThawRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scenarios of docs/clients.md in which people stop calls. */
class StoppedCallsTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com");
  @TempDir static Path dir;
  private static TestServer server;
  private static SignoffClient agent;
  private static SignoffClient operator;
  private static TestServer.Reviewer reviewer;

  private final String label = UUID.randomUUID().toString();
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    server = TestServer.start(dir);
    agent = server.client("agent");
    operator = server.client("operator");
    reviewer = new TestServer.Reviewer(server);
  }

  @AfterAll
  static void stop() {
    agent.close();
    operator.close();
    reviewer.close();
    server.close();
  }

  private Gate gate(String tool) {
    return agent.gate(tool).labels(Map.of("test", label));
  }

  private Approval only() {
    List<Approval> all = TestServer.labelled(agent, label);
    assertEquals(1, all.size());
    return all.get(0);
  }

  /** Has a call approved whose first run is gone. */
  private Gate approvedBeforeClaim(String tool) {
    Gate gate = gate(tool).requestId(label);
    Runner first = Runner.of(gate, MAIL, runs);
    reviewer.pending(label);
    first.interrupt();
    first.failure(InterruptedException.class);
    reviewer.approve(label);
    return gate;
  }

  @Test
  @DisplayName("20: revoked between the approval and the claim")
  void revoked() {
    Gate gate = approvedBeforeClaim("send_email");
    reviewer
        .client
        .approvals()
        .revokeApproval(
            RevokeApprovalRequest.newBuilder()
                .setApprovalId(only().getId())
                .setRequestId(label)
                .setReason("Wrong customer.")
                .build());
    Refusal.Revoked refusal = Runner.of(gate, MAIL, runs).failure(Refusal.Revoked.class);
    assertEquals("Wrong customer.", refusal.reason());
    assertEquals(only().getId(), refusal.approvalId());
    assertFalse(only().hasClaim());
    assertEquals(0, runs.get());
  }

  private String freeze(String tool) {
    FreezeRequest request =
        FreezeRequest.newBuilder()
            .setRequestId(UUID.randomUUID().toString())
            .setScope(FreezeScope.newBuilder().setTool(tool))
            .setReason("Incident 12.")
            .build();
    return operator.admin().freeze(request).getFreeze().getId();
  }

  private void thaw(String freeze) {
    ThawRequest request =
        ThawRequest.newBuilder()
            .setRequestId(UUID.randomUUID().toString())
            .setFreezeId(freeze)
            .build();
    operator.admin().thaw(request);
  }

  private void assertFrozen(Gate gate) {
    Refusal.Frozen refusal = Runner.of(gate, MAIL, runs).failure(Refusal.Frozen.class);
    assertEquals("Incident 12.", refusal.reason());
    assertEquals(only().getId(), refusal.approvalId());
    assertFalse(only().hasClaim());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("21: frozen before the request")
  void frozenBefore() {
    String freeze = freeze("pay_*");
    assertFrozen(gate("pay_before"));
    thaw(freeze);
  }

  @Test
  @DisplayName("21: frozen between the approval and the claim")
  void frozenBetween() throws Exception {
    Gate gate = approvedBeforeClaim("transfer");
    String freeze = freeze("transfer");
    assertFrozen(gate);
    thaw(freeze);
    assertEquals(MAIL, Runner.of(gate, MAIL, runs).result());
  }
}

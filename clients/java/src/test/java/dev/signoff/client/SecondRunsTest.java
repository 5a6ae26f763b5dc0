package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scenarios of docs/clients.md in which a call is made again. */
class SecondRunsTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com");
  private static final String POLICY =
      """
      unlisted_tools:
        require_approval: {remember_rejection: 600s}
      """;

  @TempDir Path dir;

  @Test
  @DisplayName("23: a second run that says it otherwise finds the approval")
  void saidOtherwise() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    try (TestServer server = TestServer.start(dir);
        SignoffClient agent = server.client("agent");
        TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
      Gate first =
          agent
              .gate("send_email")
              .runId("run")
              .callId("1")
              .labels(Map.of("test", "x"))
              .agentName("a")
              .reason("because");
      Runner runner = Runner.of(first, MAIL, runs);
      reviewer.pending("x");
      runner.interrupt();
      runner.failure(InterruptedException.class);
      Gate second =
          first
              .agentName("b")
              .reason("since")
              .labels(Map.of("test", "y"))
              .timeout(Duration.ofMinutes(2))
              .argumentsSchema(Map.of("type", "object"));
      runner = Runner.of(second, MAIL, runs);
      reviewer.approve("x");
      assertEquals(MAIL, runner.result());
      assertEquals(1, runs.get());
      Approval only = TestServer.labelled(agent, "x").get(0);
      assertEquals("because", only.getReason());
      assertEquals("a", only.getAgent().getName());
      assertEquals(List.of(), TestServer.labelled(agent, "y"));
    }
  }

  @Test
  @DisplayName("24: a rejection that the policy remembers")
  void remembered() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    try (TestServer server = TestServer.startWithPolicy(dir, POLICY);
        SignoffClient agent = server.client("agent");
        TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
      Gate gate = agent.gate("send_email").labels(Map.of("test", "x")).runId("run");
      Runner first = Runner.of(gate.callId("1"), MAIL, runs);
      reviewer.reject("x", "Use the staging list.");
      first.failure(Refusal.Rejected.class);
      Refusal.Rejected again =
          Runner.of(gate.callId("2"), MAIL, runs).failure(Refusal.Rejected.class);
      assertEquals("Use the staging list.", again.comment());
      assertEquals("dev/reviewer", again.decidedBy());
      assertEquals(
          ApprovalStatus.APPROVAL_STATUS_AUTO_REJECTED,
          TestServer.get(agent, again.approvalId()).getStatus());
      assertEquals(0, runs.get());
    }
  }
}

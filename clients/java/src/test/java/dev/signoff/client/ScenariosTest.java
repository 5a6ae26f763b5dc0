package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.CancelApprovalRequest;
import dev.signoff.v1.ExecutionResult;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The scenarios of docs/clients.md that one server serves; the others are in {@link OutagesTest}.
 */
class ScenariosTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com", "copies", 2L);

  @TempDir static Path dir;
  private static TestServer server;
  private static SignoffClient agent;
  private static TestServer.Reviewer reviewer;

  private final String label = UUID.randomUUID().toString();
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    server = TestServer.start(dir);
    agent = server.client("agent");
    reviewer = new TestServer.Reviewer(server);
  }

  @AfterAll
  static void stop() {
    agent.close();
    reviewer.close();
    server.close();
  }

  private Gate gate(String tool) {
    return agent.gate(tool).labels(Map.of("test", label)).agentName("billing-bot");
  }

  private Approval only() {
    List<Approval> all = TestServer.labelled(agent, label);
    assertEquals(1, all.size());
    return all.get(0);
  }

  @Test
  @DisplayName("1: approve")
  void approved() throws Exception {
    Runner runner = Runner.of(gate("send_email"), MAIL, runs);
    reviewer.approve(label);
    assertEquals(MAIL, runner.result());
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_SUCCEEDED, only().getClaim().getOutcome().getResult());
  }

  @Test
  @DisplayName("2: reject with a comment")
  void rejected() {
    Runner runner = Runner.of(gate("send_email"), MAIL, runs);
    reviewer.reject(label, "Use the staging list.");
    Refusal.Rejected refusal = runner.failure(Refusal.Rejected.class);
    assertEquals("Use the staging list.", refusal.comment());
    assertEquals("dev/reviewer", refusal.decidedBy());
    assertEquals(only().getId(), refusal.approvalId());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("3: approve with edited arguments")
  void edited() throws Exception {
    Runner runner = Runner.of(() -> gate("send_email").call(MAIL, run -> run));
    reviewer.approveEdited(label, Map.of("to", "bob@company.com", "copies", 3, "share", 0.5));
    Run run = assertInstanceOf(Run.class, runner.result());
    assertEquals(Map.of("to", "bob@company.com", "copies", 3L, "share", 0.5), run.arguments());
    assertTrue(run.edited());
  }

  @Test
  @DisplayName("3: unedited arguments are those that were given")
  void unedited() throws Exception {
    Runner runner = Runner.of(() -> gate("send_email").call(MAIL, run -> run));
    reviewer.approve(label);
    assertEquals(new Run(only().getId(), MAIL, false), runner.result());
  }

  @Test
  @DisplayName("4: timeout")
  void timedOut() {
    Runner runner = Runner.of(gate("send_email").timeout(Duration.ofMillis(50)), MAIL, runs);
    runner.failure(Refusal.TimedOut.class);
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("5: auto-approve")
  void autoApproved() throws Exception {
    assertEquals("found", gate("look_up").call(Map.of("q", "x"), run -> "found"));
  }

  @Test
  @DisplayName("6: auto-reject")
  void autoRejected() {
    Runner runner = Runner.of(gate("drop_tables"), Map.of(), runs);
    Refusal.AutoRejected refusal = runner.failure(Refusal.AutoRejected.class);
    assertEquals("Dropping tables is not allowed.", refusal.ruleMessage());
    assertEquals("forbidden", refusal.rule());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("7: cancelled by another call with the same token")
  void cancelled() {
    Runner runner = Runner.of(gate("send_email"), MAIL, runs);
    String id = reviewer.pending(label).getId();
    agent.approvals().cancelApproval(CancelApprovalRequest.newBuilder().setApprovalId(id).build());
    runner.failure(Refusal.Cancelled.class);
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("11: second run after the first has run")
  void secondRun() throws Exception {
    Gate gate = gate("look_up").runId("run").callId(label);
    gate.call(Map.of(), run -> runs.incrementAndGet());
    Refusal.AlreadyClaimed refusal =
        assertThrows(
            Refusal.AlreadyClaimed.class, () -> gate.call(Map.of(), run -> runs.incrementAndGet()));
    assertEquals("SUCCEEDED", refusal.result());
    assertFalse(refusal.reportTime().isEmpty());
    assertEquals("dev/agent", refusal.claimedBy());
    assertFalse(refusal.claimTime().isEmpty());
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("12: second run after the first gave up waiting")
  void foundAgain() throws Exception {
    Gate gate = gate("send_email").requestId(label);
    Runner first = Runner.of(gate, MAIL, runs);
    reviewer.pending(label);
    first.interrupt();
    first.failure(InterruptedException.class);
    Runner second = Runner.of(gate, MAIL, runs);
    reviewer.approve(label);
    assertEquals(MAIL, second.result());
    assertEquals(1, runs.get());
    only();
  }

  @Test
  @DisplayName("13: two runners of one approval")
  void twoRunners() throws Exception {
    CountDownLatch waiting = new CountDownLatch(2);
    List<Runner> runners = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      CountDownLatch one = new CountDownLatch(1);
      Gate gate =
          gate("send_email")
              .requestId(label)
              .onProgress(
                  progress -> {
                    if (one.getCount() > 0) {
                      one.countDown();
                      waiting.countDown();
                    }
                  });
      runners.add(
          Runner.of(
              () -> {
                try {
                  return gate.call(MAIL, run -> runs.incrementAndGet());
                } catch (Refusal.AlreadyClaimed e) {
                  return "refused";
                }
              }));
    }
    waiting.await();
    reviewer.approve(label);
    List<Object> results = List.of(runners.get(0).result(), runners.get(1).result());
    assertTrue(results.contains(1) && results.contains("refused"), results.toString());
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("15: the function raises")
  void failed() {
    IOException error = new IOException("the mail server is down");
    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                gate("look_up")
                    .<Object, IOException>call(
                        Map.of(),
                        run -> {
                          throw error;
                        }));
    assertSame(error, thrown);
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_FAILED, only().getClaim().getOutcome().getResult());
    assertEquals("the mail server is down", only().getClaim().getOutcome().getMessage());
  }

  @Test
  @DisplayName("16: the caller gives up, and withdraws")
  void abandonedAndWithdrawn() {
    Runner runner = Runner.of(gate("send_email").cancelOnAbandon(true), MAIL, runs);
    reviewer.pending(label);
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(ApprovalStatus.APPROVAL_STATUS_CANCELLED, only().getStatus());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("16: the caller gives up, and leaves it open")
  void abandoned() {
    Runner runner = Runner.of(gate("send_email"), MAIL, runs);
    reviewer.pending(label);
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(ApprovalStatus.APPROVAL_STATUS_PENDING, only().getStatus());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("18: a bad token")
  void badToken() {
    String token = "signoff_not-a-token-of-this-server";
    try (SignoffClient stranger = server.client(options -> options.token(token))) {
      Refusal.RequestFailed refusal =
          Runner.of(stranger.gate("look_up"), Map.of(), runs).failure(Refusal.RequestFailed.class);
      assertEquals("UNAUTHENTICATED", refusal.reason());
      for (Throwable e = refusal; e != null; e = e.getCause()) {
        assertFalse(e.toString().contains(token));
      }
      assertFalse(stranger.toString().contains(token));
      assertEquals(0, runs.get());
    }
  }

  @Test
  @DisplayName("19: arguments that a double cannot hold")
  void invalidArguments() {
    Map<String, Object> arguments = Map.of("ids", List.of(1, (1L << 53) + 1));
    Refusal.InvalidArguments refusal =
        Runner.of(gate("look_up"), arguments, runs).failure(Refusal.InvalidArguments.class);
    assertEquals("ids[1]", refusal.path());
    assertEquals(0, runs.get());
    assertEquals(List.of(), TestServer.labelled(agent, label));
  }

  @Test
  @DisplayName("progress is told, and what its listener throws is ignored")
  void progress() throws Exception {
    CountDownLatch told = new CountDownLatch(2);
    Gate gate =
        gate("send_email")
            .timeout(Duration.ofMinutes(1))
            .onProgress(
                progress -> {
                  if (progress.message().startsWith("Waiting")
                      && progress.remaining().toSeconds() >= 30
                      && progress.quorum() == 1) {
                    told.countDown();
                  }
                  throw new IllegalStateException("of the listener");
                });
    Runner runner = Runner.of(gate, MAIL, runs);
    told.await();
    reviewer.approve(label);
    assertEquals(MAIL, runner.result());
  }

  @Test
  @DisplayName("what is said about a call arrives")
  void everything() throws Exception {
    Gate gate =
        gate("look_up")
            .runId("run-" + label)
            .callId("call")
            .chain(List.of("planner"))
            .reason("because")
            .timeout(Duration.ofSeconds(90))
            .argumentsSchema(Map.of("type", "object"));
    gate.call(Map.of("n", 1), run -> null);
    Approval approval = only();
    assertEquals(Canonical.requestId("run-" + label, "call"), approval.getRequestId());
    assertEquals("billing-bot", approval.getAgent().getName());
    assertEquals("run-" + label, approval.getAgent().getRunId());
    assertEquals(List.of("planner"), approval.getAgent().getChainList());
    assertEquals("because", approval.getReason());
    assertEquals(90, approval.getTimeout().getSeconds());
    assertEquals(1, approval.getArgumentsSchema().getFieldsCount());
    Refusal.RequestFailed refusal =
        assertThrows(
            Refusal.RequestFailed.class,
            () -> gate("look_up").onBehalfOf("dev", "olga").call(Map.of(), run -> null));
    assertEquals("PERMISSION_REQUIRED", refusal.reason());
  }

  @Test
  @DisplayName("arguments may be 32 levels deep")
  void deep() throws Exception {
    Map<String, Object> arguments = Map.of();
    for (int depth = 1; depth < Arguments.MAX_DEPTH; depth++) {
      arguments = Map.of("a", arguments);
    }
    assertEquals(arguments, gate("look_up").call(arguments, Run::arguments));
  }

  /** What the function of a record takes. */
  record Mail(String to, int copies) {
    Mail {
      if (copies < 1) {
        throw new IllegalArgumentException("no copies");
      }
    }
  }

  @Test
  @DisplayName("a function is wrapped")
  void wrapped() throws Exception {
    GatedFunction<Map<String, ?>, Object, RuntimeException> function =
        gate("look_up").wrap(arguments -> arguments.get("n"));
    assertEquals(1L, function.call(Map.of("n", 1)));
  }

  @Test
  @DisplayName("a function of a record is wrapped, and gets edited ones")
  void wrappedRecord() throws Exception {
    Runner runner =
        Runner.of(
            () ->
                gate("send_email")
                    .wrap(Mail.class, mail -> mail)
                    .call(new Mail("alice@company.com", 1)));
    reviewer.approveEdited(label, Map.of("to", "bob@company.com", "copies", 2));
    assertEquals(new Mail("bob@company.com", 2), runner.result());
  }

  @Test
  @DisplayName("22: an edit that does not fit the function")
  void unfitEdit() throws Exception {
    Runner runner =
        Runner.of(
            () ->
                gate("send_email")
                    // The server would refuse the edit.
                    .deriveSchema(false)
                    .wrap(Mail.class, mail -> runs.incrementAndGet())
                    .call(new Mail("a", 1)));
    reviewer.approveEdited(label, Map.of("to", "bob@company.com", "copies", 0.5));
    Refusal.InvalidEdit refusal = runner.failure(Refusal.InvalidEdit.class);
    assertEquals("copies", refusal.path());
    assertEquals("is not an integer", refusal.problem());
    assertEquals(only().getId(), refusal.approvalId());
    assertEquals(0, runs.get());
    assertFalse(only().hasClaim());
  }

  @Test
  @DisplayName("a caller that gives up while the function runs has it reported")
  void interruptedFunction() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    Runner runner =
        Runner.of(
            () ->
                gate("look_up")
                    .<Object, InterruptedException>call(
                        Map.of(),
                        run -> {
                          running.countDown();
                          new CountDownLatch(1).await();
                          return null;
                        }));
    running.await();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_FAILED, only().getClaim().getOutcome().getResult());
  }

  @Test
  @DisplayName("an interrupt that the function leaves is kept, and its result is reported")
  void interruptIsKept() throws Exception {
    Object kept =
        Runner.of(
                () -> {
                  gate("look_up")
                      .call(
                          Map.of(),
                          run -> {
                            Thread.currentThread().interrupt();
                            return null;
                          });
                  return Thread.interrupted();
                })
            .result();
    assertEquals(true, kept);
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_SUCCEEDED, only().getClaim().getOutcome().getResult());
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.signoff.v1.Approval;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A caller's own check sees what would be asked for, and what would be claimed. */
class ArgumentsCheckTest {
  @TempDir Path dir;

  private TestServer server;
  private SignoffClient agent;
  private TestServer.Reviewer reviewer;
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(dir);
    agent = server.client("agent");
    reviewer = new TestServer.Reviewer(server);
  }

  @AfterEach
  void stop() {
    reviewer.close();
    agent.close();
    server.close();
  }

  private Gate gate() {
    return agent
        .gate("pay")
        .labels(Map.of("test", "x"))
        .argumentsCheck(
            arguments -> {
              // Numbers are those that the function gets.
              if ((Long) arguments.get("amount") > 10) {
                throw new IllegalArgumentException("costs too much");
              }
              if ((Long) arguments.get("amount") < 0) {
                throw new IllegalStateException("broken");
              }
            });
  }

  private Runner call(int amount) {
    return Runner.of(gate(), Map.of("amount", amount), runs);
  }

  @Test
  void beforeAnybodyIsAsked() {
    Refusal.InvalidArguments refusal = call(11).failure(Refusal.InvalidArguments.class);
    assertEquals("costs too much", refusal.problem());
    call(-1).failure(IllegalStateException.class);
    assertEquals(List.of(), TestServer.labelled(agent, "x"));
  }

  @Test
  void beforeTheClaim() throws Exception {
    Runner runner = call(1);
    reviewer.approveEdited("x", Map.of("amount", 11));
    Refusal.InvalidEdit refusal = runner.failure(Refusal.InvalidEdit.class);
    assertEquals("", refusal.path());
    Runner broken = call(2);
    reviewer.approveEdited("x", Map.of("amount", -1));
    broken.failure(IllegalStateException.class);
    for (Approval approval : TestServer.labelled(agent, "x")) {
      assertFalse(TestServer.get(agent, approval.getId()).hasClaim());
    }
    assertEquals(0, runs.get());
  }

  @Test
  void beforeAClaimOfAHandle() throws Exception {
    Handle handle = agent.gate("pay").labels(Map.of("test", "x")).ask(Map.of("amount", 11));
    reviewer.approve("x");
    Runner runner = Runner.of(() -> gate().resume(handle, run -> runs.incrementAndGet()));
    runner.failure(Refusal.InvalidArguments.class);
    assertFalse(TestServer.get(agent, handle.approvalId()).hasClaim());
    assertEquals(0, runs.get());
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ClaimExecutionRequest;
import dev.signoff.v1.ExecutionResult;
import dev.signoff.v1.ReportExecutionRequest;
import dev.signoff.v1.RequestApprovalRequest;
import io.grpc.Context;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Claiming and reporting, with answers that are lost or wrong. */
class ClaimTest {
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
  @DisplayName("17: the digest of the approval is wrong")
  void wrongDigestOfApproval() {
    server.digest = "sha256:0";
    server.onAsk.then(server::approve);
    run(gate()).failure(Refusal.DigestMismatch.class);
    assertTrue(server.claimed.isEmpty());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a claim whose answer is lost is repeated as it was")
  void repeated() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then((request, answer) -> answer.onError(Status.INTERNAL.asRuntimeException()));
    server.onClaim.then(server::grant);
    server.onReport.then(
        (request, answer) -> answer.onError(Status.UNAVAILABLE.asRuntimeException()));
    server.onReport.then(FakeServer::accept);
    assertEquals(ARGUMENTS, run(gate()).result());
    assertEquals(server.claimed.take(), server.claimed.take());
    assertEquals(server.reported.take(), server.reported.take());
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("a claim that cannot be had is not run without")
  void unavailable() {
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) -> answer.onError(Status.UNAVAILABLE.asRuntimeException()));
    Refusal.Unavailable refusal =
        run(gate().patience(Duration.ofSeconds(2))).failure(Refusal.Unavailable.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertTrue(refusal.approved());
    assertTrue(server.claimed.size() > 1);
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a claim that outlives the patience is followed by one more")
  void silentClaim() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then((request, answer) -> {});
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    try (SignoffClient hasty = server.client(Duration.ofSeconds(2))) {
      Gate gate = hasty.gate("send_email").patience(Duration.ofMillis(100));
      assertEquals(ARGUMENTS, run(gate).result());
    }
    assertEquals(2, server.claimed.size());
  }

  @Test
  @DisplayName("claims and reports end 5 s after the patience at the latest")
  void bounded() throws Exception {
    BlockingQueue<Duration> allowed = new LinkedBlockingQueue<>();
    Runnable note =
        () ->
            allowed.add(
                Duration.ofNanos(
                    Context.current().getDeadline().timeRemaining(TimeUnit.NANOSECONDS)));
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) -> {
          note.run();
          server.grant(request, answer);
        });
    server.onReport.then(
        (request, answer) -> {
          note.run();
          FakeServer.accept(request, answer);
        });
    run(gate().patience(Duration.ofMillis(100))).result();
    for (int i = 0; i < 2; i++) {
      Duration most = allowed.take();
      assertTrue(most.compareTo(Duration.ofMillis(5_200)) < 0, most::toString);
    }
  }

  @Test
  @DisplayName("two runners of one approval claim under different ids")
  void ownClaims() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    run(gate().requestId("shared")).result();
    try (SignoffClient other = server.client()) {
      run(other.gate("send_email").requestId("shared")).result();
    }
    assertEquals(
        List.of("shared", "shared"),
        server.asked.stream().map(RequestApprovalRequest::getRequestId).toList());
    assertEquals(
        List.of(FakeServer.ID, FakeServer.ID),
        server.claimed.stream().map(ClaimExecutionRequest::getApprovalId).toList());
    List<UUID> ids =
        server.claimed.stream().map(claim -> UUID.fromString(claim.getRequestId())).toList();
    assertNotEquals(ids.get(0), ids.get(1));
    assertEquals(List.of(4, 4), ids.stream().map(UUID::version).toList());
  }

  @Test
  @DisplayName("who gives up while claiming runs nothing, and what was granted is reported")
  void interrupted() throws Exception {
    CountDownLatch gaveUp = new CountDownLatch(1);
    CountDownLatch claiming = new CountDownLatch(1);
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) -> {
          claiming.countDown();
          new Thread(
                  () -> {
                    try {
                      gaveUp.await();
                    } catch (InterruptedException e) {
                      throw new AssertionError(e);
                    }
                    server.grant(request, answer);
                  })
              .start();
        });
    server.onReport.then(FakeServer::accept);
    Runner runner = run(gate());
    claiming.await();
    runner.interrupt();
    gaveUp.countDown();
    runner.failure(InterruptedException.class);
    ReportExecutionRequest report = server.reported.take();
    assertEquals(ExecutionResult.EXECUTION_RESULT_FAILED, report.getResult());
    assertEquals("claim-1", report.getClaimId());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a claim goes on when the caller's context is cancelled, and is given back")
  void contextCancelled() throws Exception {
    CountDownLatch gaveUp = new CountDownLatch(1);
    CountDownLatch claiming = new CountDownLatch(1);
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) -> {
          claiming.countDown();
          CompletableFuture.runAsync(
              () -> {
                try {
                  gaveUp.await();
                } catch (InterruptedException e) {
                  throw new AssertionError(e);
                }
                server.grant(request, answer);
              });
        });
    server.onReport.then(FakeServer::accept);
    Context.CancellableContext context = Context.current().withCancellation();
    Gate gate = gate();
    Runner runner =
        Runner.of(context.wrap(() -> (Object) gate.call(ARGUMENTS, run -> runs.incrementAndGet())));
    claiming.await();
    context.cancel(null);
    gaveUp.countDown();
    runner.failure(InterruptedException.class);
    assertEquals("claim-1", server.reported.take().getClaimId());
    assertEquals(1, server.claimed.size());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("who gives up after the answer was lost has the granted claim found, and reported")
  void interruptedAfterLoss() throws Exception {
    server.onAsk.then(server::approve);
    CountDownLatch claiming = new CountDownLatch(1);
    server.onClaim.then(
        (request, answer) -> {
          answer.onError(
              FakeServer.failure(
                  Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(Duration.ofDays(1))));
          claiming.countDown();
        });
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    Runner runner = run(gate());
    claiming.await();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(ExecutionResult.EXECUTION_RESULT_FAILED, server.reported.take().getResult());
    assertEquals(server.claimed.take(), server.claimed.take());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a report that fails does not change the result")
  void reportFails() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(
        (request, answer) -> answer.onError(Status.PERMISSION_DENIED.asRuntimeException()));
    assertEquals(ARGUMENTS, run(gate()).result());
    assertEquals(1, server.reported.size());
  }

  @Test
  @DisplayName("a long error is reported cut, and thrown whole")
  void longError() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    String text = "€".repeat(2_000);
    Runner runner =
        Runner.of(
            () ->
                gate()
                    .call(
                        ARGUMENTS,
                        run -> {
                          throw new IllegalStateException(text);
                        }));
    assertEquals(text, runner.failure(IllegalStateException.class).getMessage());
    assertEquals("€".repeat(1_365), server.reported.take().getMessage());
  }

  private static final class Mute extends RuntimeException {
    private static final long serialVersionUID = 1;

    @Override
    public String getMessage() {
      throw new IllegalStateException("says nothing");
    }
  }

  @Test
  @DisplayName("an error whose message cannot be had is thrown as it is, and reported by its name")
  void mute() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    Gate gate = gate();
    assertThrows(
        Mute.class,
        () ->
            gate.call(
                ARGUMENTS,
                run -> {
                  throw new Mute();
                }));
    assertEquals(Mute.class.getName(), server.reported.take().getMessage());
  }

  @Test
  @DisplayName("edited arguments that are not what was approved are not run")
  void wrongEdit() {
    server.digest = Canonical.digest("send_email", com.google.protobuf.Struct.getDefaultInstance());
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(
              server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_APPROVED)));
          stream.onCompleted();
        });
    run(gate()).failure(Refusal.DigestMismatch.class);
    assertTrue(server.claimed.isEmpty());
  }
}

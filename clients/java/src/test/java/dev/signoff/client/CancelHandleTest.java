package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ExecutionResult;
import io.grpc.Context;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Callers that are gone: they stop the call from another thread, and nothing is claimed for them.
 */
class CancelHandleTest {
  private static final Map<String, Object> ARGUMENTS = Map.of("to", "alice@company.com");

  private final CancelHandle handle = new CancelHandle();
  private final AtomicInteger runs = new AtomicInteger();
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onReport.then(FakeServer::accept);
    client = server.client();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Gate gate() {
    return client.gate("send_email").cancelHandle(handle);
  }

  private void answerPending() {
    server.onAsk.then(
        (request, stream) ->
            stream.onNext(
                server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_PENDING))));
  }

  /** Starts a call, and returns when the gate has seen that the approval waits. */
  private Runner waiting(Gate gate) throws InterruptedException {
    CountDownLatch told = new CountDownLatch(1);
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(
              server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_PENDING)));
          stream.onNext(
              dev.signoff.v1.RequestApprovalResponse.newBuilder()
                  .setProgress(dev.signoff.v1.Progress.newBuilder().setMessage("Waiting"))
                  .build());
        });
    Runner runner = Runner.of(gate.onProgress(progress -> told.countDown()), ARGUMENTS, runs);
    told.await();
    return runner;
  }

  @Test
  @DisplayName("a call that is stopped is still waiting")
  void stopped() throws Exception {
    Runner runner = waiting(gate());
    handle.cancel();
    Refusal.StillWaiting refusal = runner.failure(Refusal.StillWaiting.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertFalse(refusal.approved());
    assertTrue(server.claimed.isEmpty());
    assertTrue(server.cancelled.isEmpty());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a call that is stopped is withdrawn with cancelOnAbandon")
  void withdrawn() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    Runner runner = waiting(gate().cancelOnAbandon(true));
    handle.cancel();
    assertEquals(FakeServer.ID, runner.failure(Refusal.Cancelled.class).approvalId());
    assertEquals(FakeServer.ID, server.cancelled.take().getApprovalId());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a call that cannot be withdrawn is still waiting")
  void notWithdrawn() throws Exception {
    server.onCancel.then(
        (request, answer) -> answer.onError(Status.PERMISSION_DENIED.asRuntimeException()));
    Runner runner = waiting(gate().cancelOnAbandon(true));
    handle.cancel();
    runner.failure(Refusal.StillWaiting.class);
    assertEquals(1, server.cancelled.size());
  }

  @Test
  @DisplayName("a handle that was cancelled before lets nothing be asked")
  void before() {
    handle.cancel();
    assertTrue(handle.isCancelled());
    answerPending();
    Refusal.StillWaiting refusal =
        Runner.of(gate().cancelOnAbandon(true), ARGUMENTS, runs)
            .failure(Refusal.StillWaiting.class);
    assertEquals("", refusal.approvalId());
    assertTrue(server.asked.isEmpty());
  }

  @Test
  @DisplayName("a delay between two tries ends")
  void duringDelay() throws Exception {
    server.onAsk.then(
        (request, stream) ->
            stream.onError(
                FakeServer.failure(
                    Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(Duration.ofDays(1)))));
    Runner runner = Runner.of(gate().patience(Duration.ofHours(1)), ARGUMENTS, runs);
    runner.untilPaused();
    handle.cancel();
    runner.failure(Refusal.StillWaiting.class);
    assertEquals(1, server.asked.size());
  }

  @Test
  @DisplayName("a claim that was granted meanwhile is given back")
  void whileClaiming() throws Exception {
    CountDownLatch stopped = new CountDownLatch(1);
    CountDownLatch claiming = new CountDownLatch(1);
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) -> {
          claiming.countDown();
          new Thread(
                  () -> {
                    try {
                      stopped.await();
                    } catch (InterruptedException e) {
                      throw new AssertionError(e);
                    }
                    server.grant(request, answer);
                  })
              .start();
        });
    Runner runner = Runner.of(gate(), ARGUMENTS, runs);
    claiming.await();
    handle.cancel();
    stopped.countDown();
    Refusal.StillWaiting refusal = runner.failure(Refusal.StillWaiting.class);
    assertTrue(refusal.approved());
    assertEquals(ExecutionResult.EXECUTION_RESULT_FAILED, server.reported.take().getResult());
    assertEquals(1, server.claimed.size());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a call that is stopped between two tries of its claim was approved")
  void beforeClaim() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(
        (request, answer) ->
            answer.onError(
                FakeServer.failure(
                    Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(Duration.ofDays(1)))));
    Runner runner = Runner.of(gate().patience(Duration.ofHours(1)), ARGUMENTS, runs);
    server.claimed.take();
    runner.untilPaused();
    handle.cancel();
    Refusal.StillWaiting refusal = runner.failure(Refusal.StillWaiting.class);
    assertTrue(refusal.approved());
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a function that runs already is not stopped, and nor are its own calls")
  void whileRunning() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    Runner runner =
        Runner.of(
            () ->
                gate()
                    .call(
                        ARGUMENTS,
                        run -> {
                          handle.cancel();
                          return Context.current().isCancelled();
                        }));
    assertEquals(false, runner.result());
    assertEquals(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, server.reported.take().getResult());
  }

  @Test
  @DisplayName("future.cancel(true) of an executor stops the call, and no claim follows")
  void executor() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    answerPending();
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      Future<?> future =
          executor.submit(
              () -> {
                try {
                  return client.gate("send_email").call(ARGUMENTS, run -> runs.incrementAndGet());
                } finally {
                  ended.countDown();
                }
              });
      server.asked.take();
      future.cancel(true);
      ended.await();
    } finally {
      executor.shutdownNow();
    }
    assertTrue(server.claimed.isEmpty());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a call that cannot be repeated is warned of once for each gate")
  void warning() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    try (Log log = new Log()) {
      String tool = "warned_" + System.nanoTime();
      for (int i = 0; i < 2; i++) {
        client.gate(tool).call(ARGUMENTS, run -> null);
        client.gate(tool).runId("r").call(ARGUMENTS, run -> null);
      }
      assertEquals(1, log.lines(tool).size());
      String line = log.lines(tool).get(0);
      assertTrue(line.endsWith("A retry asks for a second approval."), line);
      String other = "quiet_" + System.nanoTime();
      client.gate(other).requestId("1").call(ARGUMENTS, run -> null);
      client.gate(other).runId("r").callId("1").call(ARGUMENTS, run -> null);
      client.gate(other).cancelHandle(handle).call(ARGUMENTS, run -> null);
      Context.current()
          .withCancellation()
          .call(() -> client.gate(other).call(ARGUMENTS, run -> null));
      assertTrue(log.lines(other).isEmpty());
    }
    assertFalse(handle.isCancelled());
  }

  @Test
  @DisplayName("a call that blocks an event loop is warned of once")
  void eventLoop() throws Exception {
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    try (Log log = new Log()) {
      for (String name : new String[] {"worker-1", "nioEventLoopGroup-2-1", "AWT-EventQueue-0"}) {
        Thread thread = new Thread(() -> assertDoesNotThrow(() -> gate().call(Map.of(), r -> 1)));
        thread.setName(name);
        thread.start();
        thread.join();
      }
      assertEquals(1, log.lines("event loop").size());
      assertTrue(log.lines("event loop").get(0).contains("nioEventLoopGroup-2-1"));
    }
  }
}

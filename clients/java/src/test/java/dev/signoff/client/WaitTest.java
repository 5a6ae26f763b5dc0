package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.Progress;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import io.grpc.Context;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Waiting, with streams that break. */
class WaitTest {
  private static final Map<String, Object> ARGUMENTS = Map.of("to", "alice@company.com");
  private static final ApprovalStatus PENDING = ApprovalStatus.APPROVAL_STATUS_PENDING;

  private final AtomicInteger runs = new AtomicInteger();
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client(Duration.ofMillis(200));
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Gate gate() {
    return client.gate("send_email");
  }

  private Approval.Builder pending(RequestApprovalRequest request, Duration left) {
    Timestamp now = Timestamp.newBuilder().setSeconds(1_000).build();
    long nanos = left.toNanos();
    Timestamp deadline =
        Timestamp.newBuilder()
            .setSeconds(1_000 + nanos / 1_000_000_000)
            .setNanos((int) (nanos % 1_000_000_000))
            .build();
    return server
        .approval(request, PENDING)
        .setCreateTime(now)
        .setUpdateTime(now)
        .setDeadline(deadline);
  }

  static Iterable<Integer> unknownStatuses() {
    return Conformance.unknownStatuses();
  }

  @ParameterizedTest
  @MethodSource("unknownStatuses")
  @DisplayName("14: unknown status")
  void unknownStatus(int number) {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(server.approval(request, PENDING).setStatusValue(number)));
          stream.onCompleted();
        });
    Refusal.UnknownStatus refusal =
        Runner.of(gate(), ARGUMENTS, runs).failure(Refusal.UnknownStatus.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertEquals(0, runs.get());
    assertTrue(server.claimed.isEmpty());
  }

  @Test
  @DisplayName("an unknown status that others follow is only one on the way")
  void unknownOnTheWay() throws Exception {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(server.approval(request, PENDING).setStatusValue(99)));
          server.approve(request, stream);
        });
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {
        "UNAVAILABLE",
        "CANCELLED",
        "UNKNOWN",
        "INTERNAL",
        "ABORTED",
        "OUT_OF_RANGE",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED"
      })
  @DisplayName("what broke on the way is asked again, from where it was")
  void broken(Status.Code code) throws Exception {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(pending(request, Duration.ofMinutes(1)).setRevision(3)));
          stream.onError(code.toStatus().asRuntimeException());
        });
    server.onAsk.then(server::approve);
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
    RequestApprovalRequest first = server.asked.take();
    RequestApprovalRequest second = server.asked.take();
    assertEquals(first.toBuilder().setAfterRevision(3).build(), second);
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("a stream that ends without a decision has broken")
  void endedEarly() throws Exception {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(pending(request, Duration.ofMinutes(1))));
          stream.onCompleted();
        });
    server.onAsk.then((request, stream) -> stream.onCompleted());
    server.onAsk.then(server::approve);
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
    assertEquals(3, server.asked.size());
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {
        "INVALID_ARGUMENT",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "NOT_FOUND",
        "UNIMPLEMENTED",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION"
      })
  @DisplayName("what does not pass ends the wait")
  void refused(Status.Code code) {
    server.onAsk.then((request, stream) -> stream.onError(FakeServer.failure(code, "no.")));
    Refusal.RequestFailed refusal =
        Runner.of(gate(), ARGUMENTS, runs).failure(Refusal.RequestFailed.class);
    assertEquals(code, refusal.code());
    assertEquals(code.name(), refusal.reason());
    assertEquals("no.", refusal.serverMessage());
    assertEquals(1, server.asked.size());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("the server's own failures do not pass")
  void serversOwn() {
    server.onAsk.then(
        (request, stream) ->
            stream.onError(
                FakeServer.failure(
                    Status.Code.INTERNAL, "a defect", FakeServer.reason("INTERNAL"))));
    Refusal.RequestFailed refusal =
        Runner.of(gate(), ARGUMENTS, runs).failure(Refusal.RequestFailed.class);
    assertEquals("INTERNAL", refusal.reason());
    assertEquals(1, server.asked.size());
  }

  @Test
  @DisplayName("a RetryInfo is waited out, and makes any failure a passing one")
  void retryInfo() throws Exception {
    Duration delay = Duration.ofMillis(700);
    server.onAsk.then(
        (request, stream) ->
            stream.onError(
                FakeServer.failure(
                    Status.Code.FAILED_PRECONDITION,
                    "",
                    FakeServer.reason("X"),
                    FakeServer.retryAfter(delay))));
    server.onAsk.then(server::approve);
    long start = System.nanoTime();
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
    assertTrue(System.nanoTime() - start >= delay.toNanos());
  }

  @Test
  @DisplayName("a RetryInfo is not waited out beyond patience, and one more try is made")
  void retryInfoBeyondPatience() throws Exception {
    server.onAsk.then(
        (request, stream) ->
            stream.onError(
                FakeServer.failure(
                    Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(Duration.ofDays(1)))));
    server.onAsk.then(server::approve);
    Gate gate = gate().patience(Duration.ofSeconds(2));
    assertEquals(ARGUMENTS, Runner.of(gate, ARGUMENTS, runs).result());
  }

  @Test
  @DisplayName("a stream that says nothing is cut when patience ends, and followed by one more")
  void silent() throws Exception {
    server.onAsk.then((request, stream) -> {});
    server.onAsk.then(server::approve);
    try (SignoffClient patient = server.client()) {
      Gate gate = patient.gate("send_email").patience(Duration.ofMillis(200));
      assertEquals(ARGUMENTS, Runner.of(gate, ARGUMENTS, runs).result());
    }
  }

  @Test
  @DisplayName("a server that says nothing is not waited for")
  void silentForever() {
    server.onAsk.then((request, stream) -> {});
    Gate gate = gate().patience(Duration.ofMillis(200));
    Runner.of(gate, ARGUMENTS, runs).failure(Refusal.Unavailable.class);
    assertEquals(2, server.asked.size());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a stream that goes silent is cut after the approval's deadline")
  void silentLater() {
    server.onAsk.then(
        (request, stream) ->
            stream.onNext(server.update(pending(request, Duration.ofMillis(100)))));
    Refusal.Unavailable refusal =
        Runner.of(gate(), ARGUMENTS, runs).failure(Refusal.Unavailable.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertEquals(2, server.asked.size());
  }

  @Test
  @DisplayName("a stream that was open across the approval's deadline is followed by one more")
  void acrossTheDeadline() throws Exception {
    server.onAsk.then(
        (request, stream) ->
            stream.onNext(server.update(pending(request, Duration.ofMillis(100)))));
    server.onAsk.then(server::approve);
    try (SignoffClient patient = server.client(Duration.ofSeconds(2))) {
      Gate gate = patient.gate("send_email");
      assertEquals(ARGUMENTS, Runner.of(gate, ARGUMENTS, runs).result());
    }
  }

  @Test
  @DisplayName("times beyond all calendars end nothing")
  void absurdTimes() throws Exception {
    Timestamp never = Timestamp.newBuilder().setSeconds(Long.MAX_VALUE).setNanos(-1).build();
    Progress.Builder progress = Progress.newBuilder();
    progress.getRemainingBuilder().setSeconds(Long.MAX_VALUE).setNanos(Integer.MAX_VALUE);
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(pending(request, Duration.ofMinutes(1)).setDeadline(never)));
          stream.onNext(RequestApprovalResponse.newBuilder().setProgress(progress).build());
          server.approve(request, stream);
        });
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
  }

  @Test
  @DisplayName("a stream that is opened again and says nothing is cut")
  void silentAgain() throws Exception {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(pending(request, Duration.ofMinutes(5))));
          stream.onCompleted();
        });
    server.onAsk.then((request, stream) -> {});
    server.onAsk.then(server::approve);
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
  }

  @Test
  @DisplayName("what Progress says is left counts, and patience no longer does")
  void progressBounds() {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(server.update(pending(request, Duration.ofDays(1))));
          Progress.Builder progress =
              Progress.newBuilder().setRemaining(Times.message(Duration.ofMillis(300)));
          stream.onNext(RequestApprovalResponse.newBuilder().setProgress(progress).build());
          stream.onError(Status.UNAVAILABLE.asRuntimeException());
        });
    server.onAsk.then((request, stream) -> stream.onError(Status.UNAVAILABLE.asRuntimeException()));
    Gate gate = gate().patience(Duration.ZERO);
    Refusal.Unavailable refusal =
        Runner.of(gate, ARGUMENTS, runs).failure(Refusal.Unavailable.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertTrue(server.asked.size() >= 2, () -> server.asked.size() + " tries");
  }

  @Test
  @DisplayName("a message that this client does not know is passed over")
  void unknownMessage() throws Exception {
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(RequestApprovalResponse.getDefaultInstance());
          server.approve(request, stream);
        });
    assertEquals(ARGUMENTS, Runner.of(gate(), ARGUMENTS, runs).result());
  }

  @Test
  @DisplayName("who gives up before the first answer has its approval found, and withdrawn")
  void withdrawnBeforeTheFirstAnswer() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    server.onAsk.then((request, stream) -> {});
    server.onAsk.then(
        (request, stream) -> stream.onNext(server.update(pending(request, Duration.ofMinutes(1)))));
    Runner runner = Runner.of(gate().cancelOnAbandon(true), ARGUMENTS, runs);
    RequestApprovalRequest first = server.asked.take();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(first, server.asked.take());
    assertEquals(FakeServer.ID, server.cancelled.take().getApprovalId());
  }

  @Test
  @DisplayName("who has given up before asks nothing")
  void interruptedBefore() {
    Runner runner =
        Runner.of(
            () -> {
              Thread.currentThread().interrupt();
              return gate().cancelOnAbandon(true).call(ARGUMENTS, run -> runs.incrementAndGet());
            });
    runner.failure(InterruptedException.class);
    assertTrue(server.asked.isEmpty());
  }

  @Test
  @DisplayName("a context that is cancelled is a caller who gives up")
  void context() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    server.onAsk.then(
        (request, stream) -> stream.onNext(server.update(pending(request, Duration.ofMinutes(1)))));
    Context.CancellableContext context = Context.current().withCancellation();
    Gate gate = gate().cancelOnAbandon(true);
    Runner runner =
        Runner.of(context.wrap(() -> (Object) gate.call(ARGUMENTS, run -> runs.incrementAndGet())));
    server.asked.take();
    context.cancel(null);
    runner.failure(InterruptedException.class);
    assertNotNull(server.cancelled.poll(10, TimeUnit.SECONDS));
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("a context that is cancelled during a delay ends it")
  void contextDuringDelay() throws Exception {
    server.onAsk.then(
        (request, stream) ->
            stream.onError(
                FakeServer.failure(
                    Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(Duration.ofDays(1)))));
    Context.CancellableContext context = Context.current().withCancellation();
    Gate gate = gate().patience(Duration.ofHours(1));
    Runner runner =
        Runner.of(context.wrap(() -> (Object) gate.call(ARGUMENTS, run -> runs.incrementAndGet())));
    runner.untilPaused();
    context.cancel(null);
    runner.failure(InterruptedException.class);
    assertEquals(1, server.asked.size());
  }

  @Test
  @DisplayName("what was decided meanwhile is not withdrawn")
  void decidedBeforeTheFirstAnswer() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    server.onAsk.then((request, stream) -> {});
    server.onAsk.then(
        (request, stream) ->
            stream.onNext(
                server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_REJECTED))));
    Runner runner = Runner.of(gate().cancelOnAbandon(true), ARGUMENTS, runs);
    server.asked.take();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertTrue(server.cancelled.isEmpty());
  }

  @ParameterizedTest
  @CsvSource({"ALREADY_DECIDED, 0", "PERMISSION_DENIED, 1"})
  @DisplayName("a withdrawal that comes too late is no failure")
  void withdrawnTooLate(String reason, int warnings) throws Exception {
    server.onAsk.then(
        (request, stream) -> stream.onNext(server.update(pending(request, Duration.ofMinutes(1)))));
    server.onCancel.then(
        (request, answer) ->
            answer.onError(
                FakeServer.failure(
                    Status.Code.FAILED_PRECONDITION, "", FakeServer.reason(reason))));
    String tool = "tool_" + reason;
    try (Log log = new Log()) {
      Gate gate = client.gate(tool).requestId("r").cancelOnAbandon(true);
      Runner runner = Runner.of(gate, ARGUMENTS, runs);
      server.asked.take();
      runner.interrupt();
      runner.failure(InterruptedException.class);
      assertEquals(warnings, log.lines(tool).size());
    }
    assertEquals(1, server.cancelled.size());
  }

  @Test
  @DisplayName("a schema is what it was when it was given")
  void schemaIsCopied() throws Exception {
    server.onAsk.then(server::approve);
    Map<String, Object> schema = new HashMap<>(Map.of("type", "object"));
    Gate gate = gate().argumentsSchema(schema);
    schema.put("type", "array");
    Runner.of(gate, ARGUMENTS, runs).result();
    assertEquals(
        "object",
        server.asked.take().getArgumentsSchema().getFieldsOrThrow("type").getStringValue());
  }

  @Test
  @DisplayName("ids that are empty, and functions that are none, are errors of use")
  void errorsOfUse() {
    Gate gate = gate();
    assertThrows(IllegalArgumentException.class, () -> gate.requestId(""));
    assertThrows(IllegalArgumentException.class, () -> gate.runId(""));
    assertThrows(IllegalArgumentException.class, () -> gate.callId(""));
    assertThrows(NullPointerException.class, () -> gate.call(ARGUMENTS, null));
    assertThrows(NullPointerException.class, () -> gate.wrap(null));
    assertThrows(NullPointerException.class, () -> gate.wrap(Empty.class, null));
    assertTrue(server.asked.isEmpty());
  }

  record Empty() {}

  @Test
  @DisplayName("a request that cannot be encoded, or is too great, is refused here")
  void unfitRequests() {
    Gate[] gates = {
      gate().reason("\ud800"),
      gate().labels(Map.of("a", "\udc00")),
      gate().onBehalfOf("", "\ud800"),
      gate().reason("x".repeat(1 << 20)),
      gate().argumentsSchema(Map.of("a", Double.NaN)),
    };
    for (Gate gate : gates) {
      Refusal.RequestFailed refusal =
          assertThrows(
              Refusal.RequestFailed.class,
              () -> gate.call(ARGUMENTS, run -> runs.incrementAndGet()));
      assertEquals(Status.Code.INVALID_ARGUMENT, refusal.code());
      assertEquals("INVALID_ARGUMENT", refusal.reason());
    }
    assertThrows(
        IllegalStateException.class,
        () -> gate().callId("1").call(ARGUMENTS, run -> runs.incrementAndGet()));
    assertTrue(server.asked.isEmpty());
  }
}

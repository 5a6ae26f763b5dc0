package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Struct;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.Event;
import dev.signoff.v1.ExecutionResult;
import dev.signoff.v1.RequestApprovalRequest;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Handles: what they are resumed by must be what was asked for. */
class ResumeTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com");

  private final AtomicInteger runs = new AtomicInteger();
  private FakeServer server;
  private SignoffClient client;

  /** As it was asked for, perhaps by another process. */
  private RequestApprovalRequest request;

  private Handle handle;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client();
    Struct arguments = Arguments.of("send_email", MAIL).message();
    request =
        RequestApprovalRequest.newBuilder()
            .setRequestId("r-1")
            .setToolName("send_email")
            .setArguments(arguments)
            .build();
    String digest = Canonical.digest("send_email", arguments);
    handle = new Handle(FakeServer.ID, "r-1", "send_email", digest);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Gate gate() {
    return client.gate("send_email");
  }

  private Runner resume(Gate gate, Handle resumed) {
    return Runner.of(
        () ->
            gate.resume(
                resumed,
                run -> {
                  runs.incrementAndGet();
                  return run;
                }));
  }

  private Event requested(String digest) {
    Event.Builder event = Event.newBuilder().setRevision(1);
    event.getRequestedBuilder().setDigest(digest).setStatus(ApprovalStatus.APPROVAL_STATUS_PENDING);
    return event.build();
  }

  private static Event decided(ApprovalStatus status) {
    Event.Builder event = Event.newBuilder().setRevision(2);
    event.getDecidedBuilder().setStatus(status);
    return event.build();
  }

  private void answerApproved(Consumer<Approval.Builder> lie, Event requested) {
    server.onWatch.then(
        (watch, stream) -> {
          ApprovalStatus status = ApprovalStatus.APPROVAL_STATUS_APPROVED;
          Approval.Builder approval = server.approval(request, status);
          lie.accept(approval);
          stream.onNext(server.watchUpdate(approval, requested, decided(status)));
          stream.onCompleted();
        });
  }

  private void answerApproved() {
    answerApproved(approval -> {}, requested(handle.digest()));
  }

  @Test
  @DisplayName("a handle is resumed with the arguments of the server, once")
  void resumed() throws Exception {
    answerApproved();
    assertEquals(new Run(FakeServer.ID, MAIL, false), resume(gate(), handle).result());
    assertEquals(1, runs.get());
    assertEquals(FakeServer.ID, server.watched.element().getApprovalId());
    assertEquals(0, server.watched.element().getAfterRevision());
    assertEquals(handle.digest(), server.claimed.element().getDigest());
    assertEquals(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, server.reported.take().getResult());
    assertTrue(server.asked.isEmpty());
  }

  private void assertInvalid(String problem) {
    Refusal.InvalidAnswer refusal = resume(gate(), handle).failure(Refusal.InvalidAnswer.class);
    assertEquals(problem, refusal.problem());
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertTrue(server.claimed.isEmpty());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("26: an answer about another approval")
  void otherApproval() {
    answerApproved(approval -> approval.setId("other"), requested(handle.digest()));
    assertInvalid("the approval's id changed");
  }

  @Test
  @DisplayName("26: an answer about another request")
  void otherRequest() {
    answerApproved(approval -> approval.setRequestId("other"), requested(handle.digest()));
    assertInvalid("the approval is for another request");
  }

  @Test
  @DisplayName("26: an answer about another tool")
  void otherTool() {
    answerApproved(approval -> approval.setToolName("other"), requested(handle.digest()));
    assertInvalid("the approval is for another tool");
  }

  @Test
  @DisplayName("26: a request that was recorded with another digest")
  void otherDigest() {
    answerApproved(approval -> {}, requested("sha256:" + "0".repeat(64)));
    assertInvalid("the request was recorded with other arguments");
  }

  @Test
  @DisplayName("26: an approval that does not show its request")
  void requestNotShown() {
    server.onWatch.then(
        (watch, stream) -> {
          ApprovalStatus status = ApprovalStatus.APPROVAL_STATUS_APPROVED;
          stream.onNext(server.watchUpdate(server.approval(request, status), decided(status)));
          stream.onCompleted();
        });
    assertInvalid("the approval does not show the request");
  }

  @Test
  @DisplayName("26: a function for another tool is an error of use, and nothing is sent")
  void otherFunction() {
    Gate other = client.gate("delete_record");
    assertThrows(IllegalArgumentException.class, () -> other.resume(handle, run -> 1));
    assertThrows(IllegalArgumentException.class, () -> other.await(handle));
    assertThrows(IllegalArgumentException.class, () -> other.wrap(given -> 1).resume(handle));
    assertThrows(NullPointerException.class, () -> gate().resume(null, run -> 1));
    assertTrue(server.watched.isEmpty());
  }

  @Test
  @DisplayName("the policy's approval of other arguments than those asked for is not run")
  void policyDoesNotEdit() throws Exception {
    Struct other = Arguments.of("send_email", Map.of("to", "bob")).message();
    String digest = Canonical.digest("send_email", other);
    ApprovalStatus status = ApprovalStatus.APPROVAL_STATUS_AUTO_APPROVED;
    server.digest = digest;
    server.onWatch.then(
        (watch, stream) -> {
          Approval.Builder approval = server.approval(request, status).setArguments(other);
          Event shown = requested(handle.digest());
          stream.onNext(server.watchUpdate(approval, shown, decided(status)));
          stream.onCompleted();
        });
    resume(gate(), handle).failure(Refusal.DigestMismatch.class);
    assertEquals(0, runs.get());
  }

  private void answerPending(int times) {
    for (int i = 0; i < times; i++) {
      server.onWatch.then(
          (watch, stream) -> {
            stream.onNext(
                server.watchUpdate(
                    server.approval(request, ApprovalStatus.APPROVAL_STATUS_PENDING),
                    requested(handle.digest())));
            stream.onError(Status.UNAVAILABLE.asRuntimeException());
          });
    }
  }

  @Test
  @DisplayName("a stream that breaks is followed by another from the newest revision on")
  void reconnects() throws Exception {
    answerPending(1);
    server.onWatch.then(
        (watch, stream) -> {
          ApprovalStatus status = ApprovalStatus.APPROVAL_STATUS_APPROVED;
          stream.onNext(server.watchUpdate(server.approval(request, status), decided(status)));
          stream.onCompleted();
        });
    resume(gate(), handle).result();
    assertEquals(0, server.watched.take().getAfterRevision());
    assertEquals(1, server.watched.take().getAfterRevision());
  }

  @Test
  @DisplayName("an approval that is not there, or not the caller's, is not tried again")
  void notFound() {
    server.onWatch.then((watch, stream) -> stream.onError(Status.NOT_FOUND.asRuntimeException()));
    Refusal.RequestFailed refusal = resume(gate(), handle).failure(Refusal.RequestFailed.class);
    assertEquals("NOT_FOUND", refusal.reason());
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertEquals(1, server.watched.size());
  }

  @Test
  @DisplayName("the patience bounds the wait until the first answer")
  void patience() {
    server.onWatch.then((watch, stream) -> stream.onError(Status.UNAVAILABLE.asRuntimeException()));
    Refusal.Unavailable refusal =
        resume(gate().patience(Duration.ofMillis(1)), handle).failure(Refusal.Unavailable.class);
    assertEquals(FakeServer.ID, refusal.approvalId());
  }

  @Test
  @DisplayName("a wait by handle claims nothing, and refuses as the gate does")
  void awaited() throws Exception {
    answerApproved();
    server.onWatch.then(
        (watch, stream) -> {
          ApprovalStatus status = ApprovalStatus.APPROVAL_STATUS_TIMED_OUT;
          Approval.Builder approval = server.approval(request, status);
          Event shown = requested(handle.digest());
          stream.onNext(server.watchUpdate(approval, shown, decided(status)));
          stream.onCompleted();
        });
    gate().await(handle);
    assertTrue(server.claimed.isEmpty());
    assertThrows(Refusal.TimedOut.class, () -> gate().await(handle));
  }

  private Runner waiting(Gate gate) throws InterruptedException {
    CountDownLatch told = new CountDownLatch(1);
    server.onWatch.then(
        (watch, stream) -> {
          stream.onNext(
              server.watchUpdate(
                  server.approval(request, ApprovalStatus.APPROVAL_STATUS_PENDING),
                  requested(handle.digest())));
          stream.onNext(
              dev.signoff.v1.WatchApprovalResponse.newBuilder()
                  .setProgress(dev.signoff.v1.Progress.newBuilder().setMessage("Waiting"))
                  .build());
        });
    Runner runner = resume(gate.onProgress(progress -> told.countDown()), handle);
    told.await();
    return runner;
  }

  @Test
  @DisplayName("a wait that is given up leaves the approval as it is")
  void givenUp() throws Exception {
    CancelHandle stop = new CancelHandle();
    Runner runner = waiting(gate().cancelHandle(stop));
    stop.cancel();
    assertEquals(FakeServer.ID, runner.failure(Refusal.StillWaiting.class).approvalId());
    assertTrue(server.cancelled.isEmpty());
    assertTrue(server.claimed.isEmpty());
  }

  @Test
  @DisplayName("a wait that is given up is withdrawn with cancelOnAbandon")
  void withdrawn() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    Runner runner = waiting(gate().cancelOnAbandon(true));
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(FakeServer.ID, server.cancelled.take().getApprovalId());
  }

  @Test
  @DisplayName("a wait that is given up before any answer is withdrawn by the handle's id")
  void withdrawnUnseen() throws Exception {
    server.onCancel.then(FakeServer::withdraw);
    server.onWatch.then((watch, stream) -> {});
    Runner runner = resume(gate().cancelOnAbandon(true), handle);
    server.watched.take();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertEquals(FakeServer.ID, server.cancelled.take().getApprovalId());
  }

  record Other(int copies) {}

  @Test
  @DisplayName("unedited arguments that do not fit the function that resumes are not claimed")
  void otherParameters() {
    answerApproved();
    GatedFunction<Other, Integer, RuntimeException> other =
        gate().wrap(Other.class, given -> runs.incrementAndGet());
    Refusal.InvalidArguments refusal =
        assertThrows(Refusal.InvalidArguments.class, () -> other.resume(handle));
    assertEquals("is missing `copies`", refusal.problem());
    assertEquals(FakeServer.ID, refusal.approvalId());
    assertTrue(server.claimed.isEmpty());
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("asking returns at once, whatever the status is")
  void ask() throws Exception {
    for (ApprovalStatus status :
        new ApprovalStatus[] {
          ApprovalStatus.APPROVAL_STATUS_PENDING,
          ApprovalStatus.APPROVAL_STATUS_APPROVED,
          ApprovalStatus.APPROVAL_STATUS_REJECTED
        }) {
      try (FakeServer other = new FakeServer();
          SignoffClient asking = other.client()) {
        other.onAsk.then(
            (asked, stream) -> stream.onNext(other.update(other.approval(asked, status))));
        Handle made = asking.gate("send_email").requestId("r-1").ask(MAIL);
        assertEquals(handle, made);
        assertTrue(other.claimed.isEmpty());
      }
    }
  }

  @Test
  @DisplayName("a server that does not record the request gives no handle")
  void askRefused() throws IOException {
    server.onAsk.then(
        (asked, stream) -> stream.onError(Status.INVALID_ARGUMENT.asRuntimeException()));
    assertThrows(Refusal.RequestFailed.class, () -> gate().ask(MAIL));
    assertThrows(Refusal.InvalidArguments.class, () -> gate().ask(Map.of("n", Double.NaN)));
    assertThrows(IllegalStateException.class, () -> gate().callId("7").ask(MAIL));
    assertThrows(IllegalStateException.class, () -> gate().requiredOptions("runId").ask(MAIL));
    assertEquals(1, server.asked.size());
  }
}

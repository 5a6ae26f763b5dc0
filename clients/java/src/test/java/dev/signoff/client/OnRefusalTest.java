package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Refusals that are handed over as results. */
class OnRefusalTest {
  private static final Map<String, Object> MAIL = Map.of("to", "alice@company.com");
  private static final String REJECTED =
      "NOT RUN. A reviewer rejected the call to send_email. Do not try it again.";

  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onAsk.then(
        (request, stream) -> {
          stream.onNext(
              server.update(server.approval(request, ApprovalStatus.APPROVAL_STATUS_REJECTED)));
          stream.onCompleted();
        });
    Options.Builder options = Options.builder().address("127.0.0.1:" + server.port());
    client = SignoffClient.connect(options.onRefusal(OnRefusal.RETURN).build(name -> null));
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Gate gate() {
    return client.gate("send_email");
  }

  record Mail(String to) {}

  /** Says what it returns, unlike a lambda. */
  static final class Sending<A> implements ToolFunction<A, String, RuntimeException> {
    @Override
    public String run(A input) {
      return "sent";
    }
  }

  static final class Counting implements ToolFunction<Mail, Integer, RuntimeException> {
    @Override
    public Integer run(Mail input) {
      return 1;
    }
  }

  @Test
  void refusalsAreResultsInEveryForm() throws Exception {
    Handle handle = gate().ask(MAIL);
    server.onWatch.then((watch, stream) -> stream.onError(Status.NOT_FOUND.asRuntimeException()));
    String failed = "NOT RUN. The approvals server rejected the request to call send_email.";
    assertEquals(REJECTED, gate().call(MAIL, run -> "sent", String.class));
    assertEquals(REJECTED, gate().<Object, RuntimeException>call(MAIL, run -> 1, Object.class));
    assertEquals(REJECTED, gate().call(MAIL, new Sending<>()));
    assertEquals(REJECTED, gate().wrap(given -> "sent", String.class).call(MAIL));
    GatedFunction<Mail, String, RuntimeException> wrapped =
        gate().wrap(Mail.class, mail -> "sent", String.class);
    assertEquals(REJECTED, wrapped.call(new Mail("a")));
    assertEquals(REJECTED, gate().wrap(Mail.class, new Sending<Mail>()).call(new Mail("a")));
    assertTrue(wrapped.resume(handle).startsWith(failed));
    assertTrue(gate().resume(handle, run -> "sent", String.class).startsWith(failed));
    // Of one that asks nobody, too.
    String invalid = wrapped.call(new Mail(null));
    assertEquals(
        "NOT RUN. The call to send_email cannot be approved: argument to must not be null.",
        invalid);
  }

  @Test
  void gatesSayOtherwise() {
    Gate raising = gate().onRefusal(OnRefusal.RAISE);
    assertThrows(Refusal.Rejected.class, () -> raising.call(MAIL, run -> "sent"));
    assertThrows(Refusal.Rejected.class, () -> raising.call(MAIL, run -> 1, Integer.class));
    try (SignoffClient plain = server.client()) {
      Gate gate = plain.gate("send_email");
      assertThrows(Refusal.Rejected.class, () -> gate.call(MAIL, run -> "sent", String.class));
      Gate returning = gate.onRefusal(OnRefusal.RETURN);
      assertEquals(
          REJECTED,
          org.junit.jupiter.api.Assertions.assertDoesNotThrow(
              () -> returning.call(MAIL, run -> "sent", String.class)));
    }
  }

  @Test
  void resultsThatCannotBeTextAreErrorsOfUse() {
    List<org.junit.jupiter.api.function.Executable> uses =
        List.of(
            () -> gate().call(MAIL, run -> 1, Integer.class),
            () -> gate().call(MAIL, run -> "sent"),
            () -> gate().wrap(given -> 1, Integer.class),
            () -> gate().wrap(given -> "sent"),
            () -> gate().wrap(Mail.class, mail -> 1, Integer.class),
            () -> gate().wrap(Mail.class, mail -> "sent"),
            () -> gate().wrap(Mail.class, new Counting()));
    for (org.junit.jupiter.api.function.Executable use : uses) {
      IllegalArgumentException error = assertThrows(IllegalArgumentException.class, use);
      assertTrue(error.getMessage().startsWith("onRefusal: "), error::getMessage);
    }
    assertTrue(server.asked.isEmpty());
  }

  @Test
  void askingAndAwaitingAlwaysThrow() throws Exception {
    Handle handle = gate().ask(MAIL);
    server.onWatch.then((watch, stream) -> stream.onError(Status.NOT_FOUND.asRuntimeException()));
    assertThrows(Refusal.RequestFailed.class, () -> gate().await(handle));
    assertThrows(Refusal.InvalidArguments.class, () -> gate().ask(Map.of("n", Double.NaN)));
  }

  @Test
  void refusalsThatTheFunctionThrowsAreItsOwnErrors() throws Exception {
    Refusal inner = new Refusal.TimedOut("other", "");
    try (FakeServer approving = new FakeServer();
        SignoffClient other = approving.client()) {
      approving.onAsk.then(approving::approve);
      approving.onClaim.then(approving::grant);
      approving.onReport.then(FakeServer::accept);
      Gate gate = other.gate("send_email").onRefusal(OnRefusal.RETURN);
      Refusal thrown =
          assertThrows(
              Refusal.class,
              () ->
                  gate.<String, Refusal>call(
                      MAIL,
                      run -> {
                        throw inner;
                      },
                      String.class));
      assertSame(inner, thrown);
    }
  }
}

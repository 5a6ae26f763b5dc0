package dev.signoff.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.service.tool.ToolErrorHandlerResult;
import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ExecutionResult;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** When anything fails, the tool does not run; when the tool fails, that is known. */
class FailuresTest extends DeskTest {
  private Assistant gated(UnaryOperator<ToolGate> gate) {
    return assistant(builder -> {}, gate, mail("alice"));
  }

  @Test
  void serverUnreachable() {
    server.kill();
    String said = gated(gate -> gate.options(call -> call.patience(Duration.ZERO))).chat(7, "Go.");
    assertEquals(
        "call-1: NOT RUN. The call to sendEmail could not be approved, because the approvals server"
            + " cannot be reached. Do not work around it.",
        said);
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void serverGoneWhileWaiting() throws Exception {
    Assistant assistant =
        gated(
            gate ->
                gate.options(call -> call.timeout(Duration.ofSeconds(1)).patience(Duration.ZERO)));
    Background<String> chat = Background.of(() -> assistant.chat(7, "Go."));
    reviewer.pending();
    server.kill();
    assertTrue(chat.result().startsWith("call-1: NOT RUN."));
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void optionsThatThrow() {
    UnaryOperator<ToolGate> broken =
        gate ->
            gate.optionsFor(
                (call, of) -> {
                  throw new IllegalStateException("no options for " + of.request().id());
                });
    assertEquals("call-1: no options for call-1", gated(broken).chat(7, "Go."));
    Assistant ending =
        assistant(
            builder ->
                builder.toolExecutionErrorHandler(
                    (error, context) -> {
                      throw new IllegalStateException(error);
                    }),
            broken,
            mail("alice"));
    assertThrows(IllegalStateException.class, () -> ending.chat(7, "Go."));
    gated(gate -> gate.options(call -> null)).chat(7, "Go.");
    Assistant fatal =
        gated(
            gate ->
                gate.options(
                    call -> {
                      throw new StackOverflowError();
                    }));
    assertThrows(StackOverflowError.class, () -> fatal.chat(7, "Go."));
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void refusalsAreResultsWhateverTheOptionsSay() {
    String said =
        gated(
                gate ->
                    gate.options(
                        call ->
                            call.timeout(Duration.ofMillis(20))
                                .onRefusal(dev.signoff.client.OnRefusal.RETURN)))
            .chat(7, "Go.");
    assertTrue(said.startsWith("call-1: NOT RUN. No reviewer decided"), said);
  }

  @Test
  void interrupted() throws Exception {
    Background<String> chat =
        Background.of(
            () -> {
              String said = gated(gate -> gate).chat(7, "Go.");
              assertTrue(Thread.interrupted());
              return said;
            });
    reviewer.pending();
    chat.interrupt();
    assertEquals(
        "call-1: NOT RUN. The run was stopped before the call to sendEmail was made.",
        chat.result());
    assertEquals(ApprovalStatus.APPROVAL_STATUS_PENDING, approvals().get(0).getStatus());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void interruptedAndWithdrawn() throws Exception {
    Background<String> chat =
        Background.of(
            () -> gated(gate -> gate.options(call -> call.cancelOnAbandon(true))).chat(7, "Go."));
    reviewer.pending();
    chat.interrupt();
    chat.result();
    assertEquals(ApprovalStatus.APPROVAL_STATUS_CANCELLED, approvals().get(0).getStatus());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void aToolThatThrows() throws Exception {
    Background<String> chat = chat(ScriptedModel.call("1", "fail", "{\"why\": \"no paper\"}"));
    reviewer.approve(reviewer.pending());
    assertEquals("1: no paper", chat.result());
    Assistant ending =
        assistant(
            builder ->
                builder.toolExecutionErrorHandler(
                    (error, context) -> {
                      assertInstanceOf(IllegalStateException.class, error);
                      return ToolErrorHandlerResult.text("handled " + error.getMessage());
                    }),
            gate -> gate,
            ScriptedModel.call("2", "fail", "{\"why\": \"no ink\"}"));
    Background<String> second = Background.of(() -> ending.chat(7, "Go."));
    reviewer.approve(reviewer.pending());
    assertEquals("2: handled no ink", second.result());
    for (Approval approval : approvals()) {
      assertEquals(
          ExecutionResult.EXECUTION_RESULT_FAILED, approval.getClaim().getOutcome().getResult());
      assertTrue(approval.getClaim().getOutcome().getMessage().contains("no "));
    }
    assertEquals(List.of("fail no paper", "fail no ink"), desk.calls);
  }

  @Test
  void aToolThatDoesNotExist() throws Exception {
    Background<String> chat = chat(ScriptedModel.call("1", "sendMail", "{}"));
    assertThrows(ExecutionException.class, chat::result);
    assertEquals(List.of(), approvals());
    assertFalse(desk.calls.contains("sendMail"));
  }
}

package dev.signoff.springai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.client.OnRefusal;
import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ExecutionResult;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.model.tool.ToolCallingManager;
import org.springframework.ai.tool.execution.DefaultToolExecutionExceptionProcessor;
import org.springframework.ai.tool.execution.ToolExecutionException;

/** When anything fails, the tool does not run; when the tool fails, that is known. */
class FailuresTest extends DeskTest {
  @Test
  void serverUnreachable() {
    server.kill();
    String said =
        chat(gated(gate -> gate.options(call -> call.patience(Duration.ZERO)), mail("alice")));
    assertEquals(
        "call-1: NOT RUN. The call to sendEmail could not be approved, because the approvals server"
            + " cannot be reached. Do not work around it.",
        said);
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void serverGoneWhileWaiting() throws Exception {
    ChatClient chat =
        gated(
            gate ->
                gate.options(call -> call.timeout(Duration.ofSeconds(1)).patience(Duration.ZERO)),
            mail("alice"));
    Background<String> said = Background.of(() -> chat(chat));
    reviewer.pending();
    server.kill();
    assertTrue(said.result().startsWith("call-1: NOT RUN."));
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void optionsThatThrow() {
    ChatClient broken =
        gated(
            gate ->
                gate.optionsFor(
                    (call, of) -> {
                      throw new IllegalStateException("no options for " + of.id());
                    }),
            mail("alice"));
    IllegalStateException error = assertThrows(IllegalStateException.class, () -> chat(broken));
    assertEquals("no options for call-1", error.getMessage());
    ChatClient empty = gated(gate -> gate.options(call -> null), mail("alice"));
    assertThrows(NullPointerException.class, () -> chat(empty));
    ChatClient failing =
        gated(
            gate ->
                gate.options(
                    call -> {
                      throw new ToolExecutionException(null, new IllegalStateException("no"));
                    }),
            mail("alice"));
    assertEquals("call-1: no", chat(failing));
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void refusalsAreResultsWhateverTheOptionsSay() {
    String said =
        chat(
            gated(
                gate ->
                    gate.options(
                        call -> call.timeout(Duration.ofMillis(20)).onRefusal(OnRefusal.RETURN)),
                mail("alice")));
    assertTrue(said.startsWith("call-1: NOT RUN. No reviewer decided"), said);
  }

  @Test
  void interrupted() throws Exception {
    ChatClient chat = gated(gate -> gate, mail("alice"));
    Background<String> said =
        Background.of(
            () -> {
              ToolExecutionException error =
                  assertThrows(ToolExecutionException.class, () -> chat(chat));
              assertInstanceOf(InterruptedException.class, error.getCause());
              assertTrue(Thread.interrupted());
              return "ended";
            });
    reviewer.pending();
    said.interrupt();
    assertEquals("ended", said.result());
    assertEquals(ApprovalStatus.APPROVAL_STATUS_PENDING, approvals().get(0).getStatus());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void aToolThatThrows() throws Exception {
    Background<String> said = chat(ScriptedModel.call("1", "fail", "{\"why\": \"no paper\"}"));
    reviewer.approve(reviewer.pending());
    assertEquals("1: no paper", said.result());
    ToolCallingManager throwing =
        ToolCallingManager.builder()
            .toolExecutionExceptionProcessor(new DefaultToolExecutionExceptionProcessor(true))
            .build();
    ChatClient ending =
        through(
                ToolGate.of(client).manager(throwing),
                ScriptedModel.call("2", "fail", "{\"why\": \"no ink\"}"))
            .defaultTools(desk)
            .build();
    Background<String> second = Background.of(() -> chat(ending));
    reviewer.approve(reviewer.pending());
    ExecutionException error = assertThrows(ExecutionException.class, second::result);
    assertInstanceOf(ToolExecutionException.class, error.getCause());
    for (Approval approval : approvals()) {
      assertEquals(
          ExecutionResult.EXECUTION_RESULT_FAILED, approval.getClaim().getOutcome().getResult());
      assertTrue(approval.getClaim().getOutcome().getMessage().contains("no "));
    }
    assertEquals(List.of("fail no paper", "fail no ink"), desk.calls);
  }
}

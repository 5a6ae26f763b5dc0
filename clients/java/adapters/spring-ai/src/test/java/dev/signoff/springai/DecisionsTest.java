package dev.signoff.springai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ExecutionResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.messages.AssistantMessage;

/** Whatever is decided, the tool runs with it, and the model reads it. */
class DecisionsTest extends DeskTest {
  @Test
  void approved() throws Exception {
    Background<String> chat = chat(mail("alice"));
    Approval pending = reviewer.pending();
    assertEquals("sendEmail", pending.getToolName());
    assertEquals("7", pending.getAgent().getRunId());
    reviewer.approve(pending);
    assertEquals("call-1: \"sent to alice\"", chat.result());
    assertEquals(List.of("sendEmail alice 1"), desk.calls);
    ExecutionResult result = approvals().get(0).getClaim().getOutcome().getResult();
    assertEquals(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, result);
  }

  @Test
  void edited() throws Exception {
    Background<String> chat = chat(mail("alice"));
    reviewer.approve(reviewer.pending(), "{\"to\": \"bob\", \"copies\": 2}");
    assertEquals("call-1: \"sent to bob\"", chat.result());
    assertEquals(List.of("sendEmail bob 2"), desk.calls);
  }

  @Test
  void rejected() throws Exception {
    Background<String> chat = chat(mail("alice"));
    reviewer.reject(reviewer.pending(), "Ask Carol first.");
    assertEquals(
        "call-1: NOT RUN. A reviewer rejected the call to sendEmail: Ask Carol first. Do not try it"
            + " again.",
        chat.result());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void timedOut() {
    String said =
        chat(
            gated(
                gate -> gate.options(call -> call.timeout(Duration.ofMillis(20))), mail("alice")));
    assertEquals(
        "call-1: NOT RUN. No reviewer decided on the call to sendEmail in time. Do not work around it.",
        said);
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void decidedByThePolicy() throws Exception {
    String said =
        chat(
                ScriptedModel.call("1", "lookUp", "{\"name\": \"Alice\"}"),
                ScriptedModel.call("2", "dropTables", ""))
            .result();
    assertEquals(
        "1: \"found Alice\"\n2: NOT RUN. The policy does not allow the call to dropTables: Dropping"
            + " tables is not allowed. Do not try it again.",
        said);
    assertEquals(List.of("lookUp Alice"), desk.calls);
  }

  @Test
  void threeInATurn() throws Exception {
    List<AssistantMessage.ToolCall> calls = new ArrayList<>();
    for (String id : List.of("a", "b", "c")) {
      calls.add(ScriptedModel.call(id, "sendEmail", "{\"to\": \"alice\", \"copies\": 1}"));
    }
    Background<String> chat = chat(calls.toArray(AssistantMessage.ToolCall[]::new));
    // Spring AI runs them in order, also those that are the same but for their ids.
    reviewer.approve(reviewer.pending());
    reviewer.reject(reviewer.pending(), "Once is enough.");
    reviewer.approve(reviewer.pending(), "{\"to\": \"dave\", \"copies\": 3}");
    String[] said = chat.result().split("\n");
    assertEquals("a: \"sent to alice\"", said[0]);
    assertTrue(said[1].startsWith("b: NOT RUN. A reviewer rejected"), said[1]);
    assertEquals("c: \"sent to dave\"", said[2]);
    assertEquals(3, approvals().size());
    assertEquals(List.of("sendEmail alice 1", "sendEmail dave 3"), desk.calls);
  }

  @Test
  void anEditThatDoesNotFit() throws Exception {
    List<String> edits =
        List.of(
            "{\"to\": \"bob\"}",
            "{\"to\": \"bob\", \"copies\": \"2\"}",
            "{\"to\": \"bob\", \"copies\": 2.5}",
            "{\"to\": \"bob\", \"copies\": 2, \"bcc\": \"eve\"}",
            "{\"to\": \"bob\", \"copies\": null}");
    for (int i = 0; i < edits.size(); i++) {
      String arguments = "{\"to\": \"alice\", \"copies\": 1}";
      Background<String> chat = chat(ScriptedModel.call("call-" + i, "sendEmail", arguments));
      reviewer.approve(reviewer.pending(), edits.get(i));
      String said = chat.result();
      assertTrue(said.contains("NOT RUN. A reviewer's edit does not fit the call"), said);
    }
    for (Approval approval : approvals()) {
      assertEquals(ApprovalStatus.APPROVAL_STATUS_APPROVED, approval.getStatus());
      assertFalse(approval.hasClaim());
    }
    assertEquals(List.of(), desk.calls);
  }
}

package dev.signoff.langchain4j;

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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** Whatever is decided, the tool runs with it, and the model reads it. */
class DecisionsTest extends DeskTest {
  @Test
  void approved() throws Exception {
    Background<String> chat = chat(mail("alice"));
    Approval pending = reviewer.pending();
    assertEquals("sendEmail", pending.getToolName());
    assertEquals("Assistant", pending.getAgent().getName());
    assertEquals("7", pending.getAgent().getRunId());
    reviewer.approve(pending);
    assertEquals("call-1: sent to alice", chat.result());
    assertEquals(List.of("sendEmail alice 1"), desk.calls);
    ExecutionResult result = approvals().get(0).getClaim().getOutcome().getResult();
    assertEquals(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, result);
  }

  @Test
  void edited() throws Exception {
    Background<String> chat = chat(mail("alice"));
    reviewer.approve(reviewer.pending(), "{\"to\": \"bob\", \"copies\": 2}");
    assertEquals("call-1: sent to bob", chat.result());
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
    Assistant assistant =
        assistant(
            builder -> {},
            gate -> gate.options(call -> call.timeout(Duration.ofMillis(20))),
            mail("alice"));
    assertEquals(
        "call-1: NOT RUN. No reviewer decided on the call to sendEmail in time. Do not work around it.",
        assistant.chat(7, "Go."));
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
        "1: found Alice\n2: NOT RUN. The policy does not allow the call to dropTables: Dropping"
            + " tables is not allowed. Do not try it again.",
        said);
    assertEquals(List.of("lookUp Alice"), desk.calls);
  }

  private static boolean isFor(Approval approval, String to) {
    return approval.getArguments().getFieldsOrThrow("to").getStringValue().equals(to);
  }

  @Test
  void parallel() throws Exception {
    List<String> names = List.of("alice", "bob", "carol");
    List<dev.langchain4j.agent.tool.ToolExecutionRequest> calls = new ArrayList<>();
    for (String name : names) {
      String arguments = "{\"to\": \"" + name + "\", \"copies\": 1}";
      calls.add(ScriptedModel.call(name, "sendEmail", arguments));
    }
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      Assistant assistant =
          assistant(
              builder -> builder.executeToolsConcurrently(threads),
              gate -> gate,
              calls.toArray(dev.langchain4j.agent.tool.ToolExecutionRequest[]::new));
      Background<String> chat = Background.of(() -> assistant.chat(7, "Go."));
      // All three wait before one is decided, and the last is decided first.
      List<Approval> waiting = new ArrayList<>();
      for (String name : names) {
        waiting.add(reviewer.pending(approval -> isFor(approval, name)));
      }
      reviewer.approve(waiting.get(2), "{\"to\": \"dave\", \"copies\": 3}");
      reviewer.reject(waiting.get(1), "Not Bob.");
      reviewer.approve(waiting.get(0));
      String[] said = chat.result().split("\n");
      assertEquals("alice: sent to alice", said[0]);
      assertTrue(said[1].startsWith("bob: NOT RUN. A reviewer rejected"), said[1]);
      assertEquals("carol: sent to dave", said[2]);
      assertEquals(3, approvals().size());
      assertEquals(2, desk.calls.size());
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void inOrder() throws Exception {
    Background<String> chat =
        chat(
            ScriptedModel.call("1", "sendEmail", "{\"to\": \"alice\", \"copies\": 1}"),
            ScriptedModel.call("2", "sendEmail", "{\"to\": \"alice\", \"copies\": 1}"));
    reviewer.reject(reviewer.pending(), "Not now.");
    reviewer.approve(reviewer.pending());
    String[] said = chat.result().split("\n");
    assertTrue(said[0].startsWith("1: NOT RUN."), said[0]);
    assertEquals("2: sent to alice", said[1]);
  }

  @Test
  void anEditThatDoesNotFit() throws Exception {
    for (String edit :
        List.of(
            "{\"to\": \"bob\"}",
            "{\"to\": \"bob\", \"copies\": \"2\"}",
            "{\"to\": \"bob\", \"copies\": 2.5}",
            "{\"to\": \"bob\", \"copies\": 2, \"bcc\": \"eve\"}",
            "{\"to\": null, \"copies\": null}")) {
      Background<String> chat =
          Background.of(
              () -> assistant(builder -> {}, gate -> gate, mail("alice")).chat(edit, "Go."));
      Approval pending = reviewer.pending();
      reviewer.approve(pending, edit);
      String said = chat.result();
      assertTrue(said.startsWith("call-1: NOT RUN. A reviewer's edit does not fit the call"), said);
    }
    for (Approval approval : approvals()) {
      assertEquals(ApprovalStatus.APPROVAL_STATUS_APPROVED, approval.getStatus());
      assertFalse(approval.hasClaim());
    }
    assertEquals(List.of(), desk.calls);
  }
}

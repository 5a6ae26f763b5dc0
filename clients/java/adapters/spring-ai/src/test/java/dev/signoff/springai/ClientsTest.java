package dev.signoff.springai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.WaitApprovalRequest;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.memory.ChatMemory;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.model.tool.ToolCallingChatOptions;
import org.springframework.ai.model.tool.ToolCallingManager;
import org.springframework.ai.model.tool.ToolExecutionResult;
import org.springframework.ai.support.ToolCallbacks;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.ToolCallbackProvider;
import org.springframework.ai.tool.definition.ToolDefinition;
import reactor.core.Disposable;

/** All ways in which a chat client gets and runs tools. */
class ClientsTest extends DeskTest {
  @Test
  void streams() throws Exception {
    ChatClient chat = gated(gate -> gate, mail("alice"));
    Background<String> said =
        Background.of(
            () -> String.join("", chat.prompt("Go.").stream().content().collectList().block()));
    reviewer.approve(reviewer.pending(), "{\"to\": \"bob\", \"copies\": 2}");
    assertEquals("call-1: \"sent to bob\"", said.result());
    assertEquals(List.of("sendEmail bob 2"), desk.calls);
  }

  @Test
  void streamsThatAreCancelled() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    ChatClient chat =
        gated(gate -> gate.options(call -> call.cancelOnAbandon(true)), mail("alice"));
    Disposable stream =
        chat.prompt("Go.").stream().content().doFinally(signal -> ended.countDown()).subscribe();
    Approval pending = reviewer.pending();
    stream.dispose();
    ended.await();
    // What waits is interrupted, and withdraws its request.
    WaitApprovalRequest request =
        WaitApprovalRequest.newBuilder().setApprovalId(pending.getId()).build();
    assertEquals(
        ApprovalStatus.APPROVAL_STATUS_CANCELLED,
        client.approvals().waitApproval(request).getApproval().getStatus());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void resultsThatEndTheRun() throws Exception {
    AssistantMessage.ToolCall finish = ScriptedModel.call("1", "finish", "{\"text\": \"x\"}");
    Background<String> said = chat(finish);
    reviewer.approve(reviewer.pending());
    assertEquals("\"x\"", said.result());
    // A refusal goes to the model, and is no result of the run.
    Background<String> second = chat(ScriptedModel.call("2", "finish", "{\"text\": \"y\"}"));
    reviewer.reject(reviewer.pending(), "Not yet.");
    assertTrue(second.result().startsWith("2: NOT RUN. A reviewer rejected"));
    assertEquals(List.of("finish x"), desk.calls);
  }

  @Test
  void withoutAConversationEachRunAsks() throws Exception {
    ChatClient chat = gated(gate -> gate, mail("alice"));
    for (int i = 0; i < 2; i++) {
      Background<String> said = Background.of(() -> chat.prompt("Go.").call().content());
      reviewer.approve(reviewer.pending());
      assertEquals("call-1: \"sent to alice\"", said.result());
    }
    assertEquals(2, approvals().size());
  }

  /** A client whose manager is Spring AI's own. */
  private ChatClient.Builder plain(AssistantMessage.ToolCall... calls) {
    return ChatClient.builder(new ScriptedModel(calls));
  }

  @Test
  void toolsOneByOne() throws Exception {
    ToolGate gate = ToolGate.of(client);
    ToolCallbackProvider provider = gate.provider(() -> ToolCallbacks.from(desk));
    for (ChatClient chat :
        List.of(
            plain(mail("alice")).defaultTools((Object[]) gate.tools(desk)).build(),
            plain(mail("alice")).defaultTools(provider).build())) {
      Background<String> said = Background.of(() -> chat.prompt("Go.").call().content());
      reviewer.reject(reviewer.pending(), "No.");
      assertTrue(said.result().startsWith("call-1: NOT RUN."));
    }
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void aGatedToolInAGatedManagerAsksOnce() throws Exception {
    ToolGate gate = ToolGate.of(client);
    ChatClient chat =
        through(gate.manager(), mail("alice")).defaultTools((Object[]) gate.tools(desk)).build();
    Background<String> said = Background.of(() -> chat(chat));
    reviewer.approve(reviewer.pending());
    assertEquals("call-1: \"sent to alice\"", said.result());
    assertEquals(1, approvals().size());
  }

  @Test
  void programsThatRunToolsThemselves() throws Exception {
    ToolCallingManager manager = ToolGate.of(client).manager();
    ToolCallingChatOptions options =
        ToolCallingChatOptions.builder()
            .toolCallbacks(ToolCallbacks.from(desk))
            .toolContext(Map.of(ChatMemory.CONVERSATION_ID, "9"))
            .build();
    Prompt prompt = new Prompt(List.of(new UserMessage("Go.")), options);
    ChatResponse response = new ScriptedModel(mail("alice")).call(prompt);
    Background<ToolExecutionResult> ran =
        Background.of(() -> manager.executeToolCalls(prompt, response));
    Approval pending = reviewer.pending();
    assertEquals("9", pending.getAgent().getRunId());
    reviewer.approve(pending);
    assertEquals(3, ran.result().conversationHistory().size());
    assertEquals(List.of("sendEmail alice 1"), desk.calls);
    assertFalse(manager.resolveToolDefinitions(options).isEmpty());
  }

  @Test
  void toolsThatTheGateDoesNotSee() {
    // A manager may find tools that the request does not have, as Spring AI's can be told to.
    ToolCallingManager resolving =
        new ToolCallingManager() {
          @Override
          public List<ToolDefinition> resolveToolDefinitions(ToolCallingChatOptions options) {
            return List.of();
          }

          @Override
          public ToolExecutionResult executeToolCalls(Prompt prompt, ChatResponse response) {
            desk.sendEmail("alice", 1);
            throw new AssertionError();
          }
        };
    ChatClient chat =
        through(ToolGate.of(client).manager(resolving), mail("alice"))
            .defaultTools(new Object[] {new Other()})
            .build();
    IllegalStateException error = assertThrows(IllegalStateException.class, () -> chat(chat));
    assertTrue(error.getMessage().startsWith("the request has no tool sendEmail: give it to"));
    assertEquals(List.of(), desk.calls);
  }

  /** Has another tool. */
  public static final class Other {
    /** Does nothing. */
    @org.springframework.ai.tool.annotation.Tool
    public void other() {}
  }

  @Test
  void twiceBehindAGate() {
    ToolGate gate = ToolGate.of(client);
    ToolCallback tool = gate.tools(desk)[0];
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> gate.callback(tool));
    assertTrue(error.getMessage().endsWith("is gated already: each call would ask twice"));
    assertThrows(IllegalArgumentException.class, () -> gate.manager(gate.manager()));
  }
}

package dev.signoff.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.CompensateFor;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.Result;
import dev.langchain4j.service.TokenStream;
import dev.langchain4j.service.tool.AiServiceTool;
import dev.langchain4j.service.tool.ToolExecutionResult;
import dev.langchain4j.service.tool.ToolExecutor;
import dev.langchain4j.service.tool.ToolProvider;
import dev.langchain4j.service.tool.ToolProviderRequest;
import dev.langchain4j.service.tool.ToolProviderResult;
import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ExecutionResult;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** All ways in which an AI service gets and runs tools. */
class ServicesTest extends DeskTest {
  /** Streams its answer. */
  interface Streaming {
    TokenStream chat(String text);
  }

  /** Has results. */
  interface Finishing {
    Result<String> chat(String text);
  }

  /** Has no conversations. */
  interface Plain {
    String chat(String text);
  }

  @Test
  void streams() throws Exception {
    Streaming streaming =
        AiServices.builder(Streaming.class)
            .streamingChatModel(new ScriptedModel(mail("alice")).streaming())
            .tools(ToolGate.of(client).tools(desk))
            .build();
    Background<String> chat =
        Background.of(
            () -> {
              CompletableFuture<String> said = new CompletableFuture<>();
              streaming
                  .chat("Go.")
                  .onPartialResponse(part -> {})
                  .onCompleteResponse(response -> said.complete(response.aiMessage().text()))
                  .onError(said::completeExceptionally)
                  .start();
              return said.get();
            });
    reviewer.approve(reviewer.pending(), "{\"to\": \"bob\", \"copies\": 2}");
    assertEquals("call-1: sent to bob", chat.result());
    assertEquals(List.of("sendEmail bob 2"), desk.calls);
  }

  @Test
  void resultsThatEndTheRun() throws Exception {
    ScriptedModel model = new ScriptedModel(ScriptedModel.call("1", "finish", "{\"text\":\"x\"}"));
    Finishing finishing =
        AiServices.builder(Finishing.class)
            .chatModel(model)
            .tools(ToolGate.of(client).tools(desk))
            .build();
    Background<Result<String>> chat = Background.of(() -> finishing.chat("Go."));
    reviewer.approve(reviewer.pending());
    assertEquals("x", chat.result().toolExecutions().get(0).resultObject());
    assertEquals(null, chat.result().content());
    // A refusal goes to the model, and is no result of the run.
    Background<Result<String>> second = Background.of(() -> finishing.chat("Go."));
    reviewer.reject(reviewer.pending(), "Not yet.");
    assertTrue(second.result().content().startsWith("1: NOT RUN. A reviewer rejected"));
    assertEquals(List.of("finish x"), desk.calls);
  }

  @Test
  void withoutAConversationEachInvocationAsks() throws Exception {
    Plain plain =
        AiServices.builder(Plain.class)
            .chatModel(new ScriptedModel(mail("alice")))
            .tools(ToolGate.of(client).tools(desk))
            .build();
    for (int i = 0; i < 2; i++) {
      Background<String> chat = Background.of(() -> plain.chat("Go."));
      reviewer.approve(reviewer.pending());
      assertEquals("call-1: sent to alice", chat.result());
    }
    List<Approval> approvals = approvals();
    assertNotEquals(approvals.get(0).getAgent().getRunId(), approvals.get(1).getAgent().getRunId());
    assertEquals(2, desk.calls.size());
  }

  private static final ToolSpecification PRINT =
      ToolSpecification.builder()
          .name("print")
          .parameters(JsonObjectSchema.builder().addStringProperty("text").build())
          .build();

  private ToolExecutor printer() {
    return (request, memory) -> {
      desk.calls.add("print " + request.arguments());
      return "printed";
    };
  }

  private Plain plain(ToolProvider provider, String arguments) {
    return AiServices.builder(Plain.class)
        .chatModel(new ScriptedModel(ScriptedModel.call("1", "print", arguments)))
        .toolProvider(ToolGate.of(client).provider(provider))
        .build();
  }

  @Test
  void providers() throws Exception {
    Plain plain =
        plain(
            request -> ToolProviderResult.builder().add(PRINT, printer()).build(),
            "{ \"text\": \"a\" }");
    Background<String> chat = Background.of(() -> plain.chat("Go."));
    reviewer.approve(reviewer.pending(), "{\"text\": \"b\"}");
    assertEquals("1: printed", chat.result());
    assertEquals(List.of("print {\"text\":\"b\"}"), desk.calls);
  }

  @Test
  void providersOfEachTurn() throws Exception {
    Plain plain =
        plain(
            new ToolProvider() {
              @Override
              public ToolProviderResult provideTools(ToolProviderRequest request) {
                return ToolProviderResult.builder().add(PRINT, printer()).build();
              }

              @Override
              public boolean isDynamic() {
                return true;
              }
            },
            "{\"text\": \"a\"}");
    Background<String> chat = Background.of(() -> plain.chat("Go."));
    reviewer.reject(reviewer.pending(), "No.");
    assertTrue(chat.result().startsWith("1: NOT RUN."));
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void aProviderStaysAsDynamicAsItIs() {
    ToolProvider dynamic =
        new ToolProvider() {
          @Override
          public ToolProviderResult provideTools(ToolProviderRequest request) {
            return null;
          }

          @Override
          public boolean isDynamic() {
            return true;
          }
        };
    assertTrue(ToolGate.of(client).provider(dynamic).isDynamic());
    assertFalse(ToolGate.of(client).provider(request -> null).isDynamic());
    assertEquals(null, ToolGate.of(client).provider(dynamic).provideTools(null));
  }

  @Test
  void anEditWithMoreThanTheToolTakes() throws Exception {
    Background<String> method = chat(mail("alice"));
    reviewer.approve(reviewer.pending(), "{\"to\": \"bob\", \"copies\": 2, \"bcc\": \"eve\"}");
    assertTrue(method.result().contains("has bcc, which the tool does not take"));
    assertEquals(List.of(), desk.calls);
    assertTrue(approvals().stream().noneMatch(Approval::hasClaim));
  }

  @Test
  void anEditOfJsonWithMoreThanTheToolTakes() throws Exception {
    ToolExecutor executor = ToolGate.of(client).executor(PRINT, printer());
    Background<String> json =
        Background.of(
            () -> executor.execute(ScriptedModel.call("2", "print", "{\"text\": \"a\"}"), "m"));
    reviewer.approve(reviewer.pending(), "{\"text\": \"b\", \"colour\": \"red\"}");
    assertTrue(json.result().contains("has colour, which the tool does not take"));
    assertEquals(List.of(), desk.calls);
    assertTrue(approvals().stream().noneMatch(Approval::hasClaim));
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void unchecked(Throwable error) throws E {
    throw (E) error;
  }

  /** As tools in Kotlin can. */
  @Test
  void aToolThatIsInterrupted() throws Exception {
    ToolExecutor tool =
        (request, memory) -> {
          desk.calls.add("print");
          ServicesTest.<RuntimeException>unchecked(new InterruptedException("in the tool"));
          return "printed";
        };
    ToolExecutor executor = ToolGate.of(client).executor(PRINT, tool);
    Background<String> direct =
        Background.of(
            () ->
                assertThrows(
                        RuntimeException.class,
                        () ->
                            executor.execute(
                                ScriptedModel.call("1", "print", "{\"text\": \"a\"}"), "m"))
                    .getMessage());
    reviewer.approve(reviewer.pending());
    // It ran: nobody may read that it did not.
    assertEquals("tool print was interrupted while it ran", direct.result());
    assertEquals(List.of("print"), desk.calls);
  }

  @Test
  void executors() throws Exception {
    Map<ToolSpecification, ToolExecutor> tools =
        ToolGate.of(client).tools(Map.of(PRINT, printer()));
    Plain plain =
        AiServices.builder(Plain.class)
            .chatModel(
                new ScriptedModel(
                    ScriptedModel.call("1", "print", "{\"text\": \"a\"}"),
                    ScriptedModel.call("2", "print", "{\"colour\": \"red\"}")))
            .tools(tools)
            .build();
    Background<String> chat = Background.of(() -> plain.chat("Go."));
    reviewer.approve(reviewer.pending());
    String[] said = chat.result().split("\n");
    assertEquals("1: printed", said[0]);
    assertTrue(said[1].endsWith("has colour, which the tool does not take."), said[1]);
    assertEquals(1, approvals().size());
    // Programs that call executors themselves come through the gate too.
    ToolExecutor executor = tools.get(PRINT);
    Background<String> direct =
        Background.of(
            () -> executor.execute(ScriptedModel.call("9", "print", "{\"text\": \"b\"}"), "m"));
    reviewer.approve(reviewer.pending());
    assertEquals("printed", direct.result());
    Background<ToolExecutionResult> without =
        Background.of(
            () ->
                executor.executeWithContext(
                    ScriptedModel.call("9", "print", "{\"text\": \"b\"}"), null));
    reviewer.reject(reviewer.pending(), "No.");
    assertTrue(without.result().isError());
  }

  @Test
  void aCallOfAnotherTool() {
    ToolExecutor executor = ToolGate.of(client).executor(PRINT, printer());
    IllegalArgumentException error =
        assertThrows(
            IllegalArgumentException.class,
            () -> executor.execute(ScriptedModel.call("1", "shred", "{\"text\": \"a\"}"), "m"));
    assertEquals("a call of shred came to the executor of print", error.getMessage());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void aResultThatIsAnError() throws Exception {
    ToolExecutor failing =
        new ToolExecutor() {
          @Override
          public String execute(
              dev.langchain4j.agent.tool.ToolExecutionRequest request, Object memory) {
            throw new AssertionError();
          }

          @Override
          public ToolExecutionResult executeWithContext(
              dev.langchain4j.agent.tool.ToolExecutionRequest request,
              dev.langchain4j.invocation.InvocationContext context) {
            return ToolExecutionResult.builder().isError(true).resultText("no paper").build();
          }
        };
    Plain plain =
        plain(
            request -> ToolProviderResult.builder().add(PRINT, failing).build(),
            "{\"text\": \"a\"}");
    Background<String> chat = Background.of(() -> plain.chat("Go."));
    reviewer.approve(reviewer.pending());
    assertEquals("1: no paper", chat.result());
    var outcome = approvals().get(0).getClaim().getOutcome();
    assertEquals(ExecutionResult.EXECUTION_RESULT_FAILED, outcome.getResult());
    assertEquals("no paper", outcome.getMessage());
  }

  /** Rolls back without asking. */
  static class Compensating {
    @Tool
    void book() {}

    @CompensateFor("book")
    void unbook() {}
  }

  /** Inherits what rolls back. */
  static class Inheriting extends Compensating {}

  @Test
  void whatWouldRunWithoutApproval() {
    IllegalArgumentException error =
        assertThrows(
            IllegalArgumentException.class, () -> ToolGate.of(client).tools(new Compensating()));
    assertTrue(error.getMessage().startsWith("method unbook of "), error.getMessage());
    assertThrows(IllegalArgumentException.class, () -> ToolGate.of(client).tools(new Inheriting()));
  }

  @Test
  void twiceBehindAGate() {
    ToolGate gate = ToolGate.of(client);
    AiServiceTool tool = gate.tools(desk).get(0);
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> gate.tool(tool));
    assertTrue(error.getMessage().endsWith("is gated already: each call would ask twice"));
  }
}

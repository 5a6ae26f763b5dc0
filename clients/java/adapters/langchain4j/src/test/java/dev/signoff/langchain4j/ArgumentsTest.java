package dev.signoff.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.util.JsonFormat;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.invocation.InvocationParameters;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.MemoryId;
import dev.langchain4j.service.UserMessage;
import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The reviewer sees the arguments as the method would get them, and nothing else. */
class ArgumentsTest extends DeskTest {
  private static String shown(Approval approval) throws Exception {
    return JsonFormat.printer()
        .omittingInsignificantWhitespace()
        .sortingMapKeys()
        .print(approval.getArguments());
  }

  private Background<String> order(String arguments) {
    return chat(ScriptedModel.call("1", "order", arguments));
  }

  @Test
  void asTheMethodGetsThem() throws Exception {
    // LangChain4j mends the comma, the case of the enum and the text in place of a number.
    Background<String> chat =
        order(
            "{\"lines\": [{\"item\": \"pen\", \"count\": \"2\", \"day\": \"2026-11-30\"}],"
                + " \"price\": \"12.50\", \"urgency\": \"high\",}");
    Approval pending = reviewer.pending();
    assertEquals(
        "{\"currency\":\"EUR\",\"discount\":null,\"lines\":[{\"count\":2.0,"
            + "\"day\":\"2026-11-30\",\"item\":\"pen\"}],\"note\":null,\"price\":12.5,\"urgency\":\"HIGH\"}",
        shown(pending));
    reviewer.approve(pending);
    assertEquals("1: ordered", chat.result());
    assertEquals(
        List.of(
            "order [Line[item=pen, count=2, day=2026-11-30]] 12.5 HIGH Optional.empty null EUR"),
        desk.calls);
  }

  @Test
  void anEditInTheirTypes() throws Exception {
    Background<String> chat = order("{\"lines\": [], \"price\": 1, \"urgency\": \"LOW\"}");
    reviewer.approve(
        reviewer.pending(),
        "{\"currency\":\"USD\",\"discount\":5,\"lines\":[{\"count\":1,"
            + "\"day\":\"2026-12-01\",\"item\":\"ink\"}],\"note\":\"soon\",\"price\":3.5,\"urgency\":\"HIGH\"}");
    assertEquals("1: ordered", chat.result());
    assertEquals(
        List.of("order [Line[item=ink, count=1, day=2026-12-01]] 3.5 HIGH Optional[soon] 5 USD"),
        desk.calls);
  }

  @Test
  void anEditThatIsReadAsAnother() throws Exception {
    Background<String> chat = order("{\"lines\": [], \"price\": 1, \"urgency\": \"LOW\"}");
    reviewer.approve(
        reviewer.pending(),
        "{\"currency\":null,\"discount\":null,\"lines\":[],"
            + "\"note\":null,\"price\":1,\"urgency\":\"LOW\"}");
    String said = chat.result();
    assertTrue(said.contains("a value of currency that the tool would read as another"), said);
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void whatDoesNotFitGoesTheFrameworksWay() {
    ToolExecutionRequest call =
        ScriptedModel.call("1", "sendEmail", "{\"to\": \"a\", \"copies\": 1.5}");
    assertThrows(
        IllegalArgumentException.class,
        () -> assistant(builder -> {}, gate -> gate, call).chat(7, "Go."));
    Assistant handled =
        assistant(
            builder ->
                builder.toolArgumentsErrorHandler(
                    (error, context) ->
                        dev.langchain4j.service.tool.ToolErrorHandlerResult.text("wrong")),
            gate -> gate,
            call);
    assertEquals("1: wrong", handled.chat(7, "Go."));
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void whatTheToolDoesNotTake() throws Exception {
    String said =
        chat(
                ScriptedModel.call(
                    "1", "sendEmail", "{\"to\": \"a\", \"copies\": 1, \"bcc\": \"eve\"}"),
                ScriptedModel.call("2", "charge", "{\"amount\": 1, \"memory\": \"8\"}"),
                ScriptedModel.call("3", "charge", "{\"amount\": \"NaN\"}"),
                ScriptedModel.call(
                    "5", "write", "{\"notes\": [{\"text\": \"a\", \"seal\": \"b\"}]}"),
                ScriptedModel.call("4", "sendEmail", "{\"to\": \"\\ud800\", \"copies\": 1}"))
            .result();
    String[] lines = said.split("\n");
    assertTrue(lines[0].endsWith("the set of arguments has bcc, which the tool does not take."));
    assertTrue(lines[1].endsWith("the set of arguments has memory, which the tool does not take."));
    assertTrue(lines[2].startsWith("3: NOT RUN. The call to charge cannot be approved"), said);
    assertTrue(lines[3].endsWith("has notes[0].seal, which the tool does not take."), said);
    assertTrue(lines[4].startsWith("4: NOT RUN. The call to sendEmail cannot be approved"), said);
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  /** Has more fields than its description names. */
  interface Cashier {
    String chat(
        @MemoryId String conversation, @UserMessage String text, InvocationParameters parameters);
  }

  @Test
  void secretsStayHere() throws Exception {
    String secret = "4242-SECRET-4242";
    ScriptedModel model = new ScriptedModel(ScriptedModel.call("1", "charge", "{\"amount\": 3}"));
    Cashier cashier =
        AiServices.builder(Cashier.class)
            .chatModel(model)
            .chatMemoryProvider(
                id -> dev.langchain4j.memory.chat.MessageWindowChatMemory.withMaxMessages(100))
            .tools(ToolGate.of(client).tools(desk))
            .build();
    Background<String> chat =
        Background.of(() -> cashier.chat("till", "Go.", InvocationParameters.from("card", secret)));
    Approval pending = reviewer.pending();
    assertEquals("{\"amount\":3.0}", shown(pending));
    reviewer.approve(pending);
    assertEquals("1: charged", chat.result());
    assertEquals(List.of("charge 3.0 till 4242-SECRET-4242 true"), desk.calls);
    assertFalse(server.keeps(secret));
    assertTrue(server.keeps("till"), "what is kept can be found");
    assertFalse(approvals().toString().contains(secret));
  }

  /** Takes too much. */
  static final class Wide {
    @Tool
    void wide(
        int a,
        int b,
        int c,
        int d,
        int e,
        int f,
        int g,
        int h,
        int i,
        int j,
        int k,
        int l,
        int m,
        int n,
        int o,
        int p,
        int q) {}
  }

  @Test
  void tooManyParameters() {
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> ToolGate.of(client).tools(new Wide()));
    assertEquals(
        "tool method wide has 17 parameters, of 16 at most: take a record in their place",
        error.getMessage());
  }
}

package dev.signoff.springai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.util.JsonFormat;
import dev.signoff.testing.Background;
import dev.signoff.v1.Approval;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.memory.ChatMemory;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.definition.ToolDefinition;
import org.springframework.ai.tool.function.FunctionToolCallback;

/** The reviewer sees the arguments as the tool would get them, and nothing else. */
class ArgumentsTest extends DeskTest {
  private static String shown(Approval approval) throws Exception {
    return JsonFormat.printer()
        .omittingInsignificantWhitespace()
        .sortingMapKeys()
        .print(approval.getArguments());
  }

  private static AssistantMessage.ToolCall order(String arguments) {
    return ScriptedModel.call("1", "order", arguments);
  }

  @Test
  void asTheMethodGetsThem() throws Exception {
    Background<String> chat =
        chat(
            order(
                "{\"lines\": [{\"item\": \"pen\", \"count\": \"2\"}], \"price\": \"12.50\","
                    + " \"urgency\": \"HIGH\", \"day\": \"2026-11-30\"}"));
    Approval pending = reviewer.pending();
    assertEquals(
        "{\"day\":\"2026-11-30\",\"discount\":null,\"lines\":[{\"count\":2.0,\"item\":\"pen\"}],"
            + "\"price\":12.5,\"urgency\":\"HIGH\"}",
        shown(pending));
    reviewer.approve(pending);
    assertEquals("1: \"ordered\"", chat.result());
    assertEquals(List.of("order [Line[item=pen, count=2]] 12.5 HIGH 2026-11-30 null"), desk.calls);
  }

  @Test
  void anEditInTheirTypes() throws Exception {
    Background<String> chat =
        chat(order("{\"lines\": [], \"price\": 1, \"urgency\": \"LOW\", \"day\": \"2026-11-30\"}"));
    reviewer.approve(
        reviewer.pending(),
        "{\"day\":\"2026-12-01\",\"discount\":5,\"lines\":[{\"count\":1,\"item\":\"ink\"}],"
            + "\"price\":3,\"urgency\":\"HIGH\"}");
    assertEquals("1: \"ordered\"", chat.result());
    assertEquals(List.of("order [Line[item=ink, count=1]] 3 HIGH 2026-12-01 5"), desk.calls);
  }

  @Test
  void whatTheToolDoesNotTake() throws Exception {
    String[] said =
        chat(
                ScriptedModel.call(
                    "1", "sendEmail", "{\"to\": \"a\", \"copies\": 1, \"bcc\": \"eve\"}"),
                ScriptedModel.call("2", "charge", "{\"amount\": 1, \"context\": {\"card\": 1}}"),
                ScriptedModel.call("3", "charge", "{\"amount\": \"NaN\"}"),
                ScriptedModel.call("4", "sendEmail", "{\"to\": \"\\ud800\", \"copies\": 1}"),
                order(
                    "{\"lines\": [{\"item\": \"pen\", \"count\": 2, \"vip\": true}], \"price\": 1,"
                        + " \"urgency\": \"HIGH\", \"day\": \"2026-11-30\"}"))
            .result()
            .split("\n");
    assertTrue(said[0].endsWith("the set of arguments has bcc, which the tool does not take."));
    assertTrue(said[1].endsWith("the set of arguments has context, which the tool does not take."));
    assertTrue(said[2].startsWith("3: NOT RUN. The call to charge cannot be approved"), said[2]);
    assertTrue(said[3].startsWith("4: NOT RUN. The call to sendEmail cannot be"), said[3]);
    assertTrue(said[4].endsWith("has lines[0].vip, which the tool does not take."), said[4]);
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void whatDoesNotFitGoesTheFrameworksWay() throws Exception {
    String said =
        chat(
                ScriptedModel.call("1", "sendEmail", "{\"to\": \"a\"}"),
                ScriptedModel.call("2", "sendEmail", "{\"to\": \"a\", \"copies\": \"many\"}"),
                ScriptedModel.call("3", "sendEmail", "to Alice"))
            .result();
    assertTrue(said.startsWith("1: copies is missing\n2: "), said);
    assertFalse(said.contains("sent"), said);
    assertEquals(List.of(), approvals());
    assertEquals(List.of(), desk.calls);
  }

  @Test
  void secretsStayHere() throws Exception {
    String secret = "4242-SECRET-4242";
    ChatClient chat = gated(gate -> gate, ScriptedModel.call("1", "charge", "{\"amount\": 3}"));
    Background<String> said =
        Background.of(
            () ->
                chat.prompt("Go.")
                    .toolContext(Map.of("card", secret, ChatMemory.CONVERSATION_ID, "till"))
                    .call()
                    .content());
    Approval pending = reviewer.pending();
    assertEquals("{\"amount\":3.0}", shown(pending));
    reviewer.approve(pending);
    assertEquals("1: \"charged\"", said.result());
    assertEquals(List.of("charge 3.0 4242-SECRET-4242"), desk.calls);
    assertFalse(server.keeps(secret));
    assertTrue(server.keeps("till"), "what is kept can be found");
    assertFalse(approvals().toString().contains(secret));
  }

  /** What a function takes. */
  public record Mail(String to, Integer copies, List<String> cc) {
    public Mail {
      cc = cc == null ? List.of() : cc;
    }
  }

  @Test
  void functions() throws Exception {
    ToolCallback tool =
        FunctionToolCallback.builder(
                "mail",
                (Mail mail) -> {
                  desk.calls.add("mail " + mail);
                  return "sent";
                })
            .inputType(Mail.class)
            .build();
    ToolCallback now = FunctionToolCallback.builder("now", () -> desk.calls.add("now")).build();
    ChatClient chat =
        through(
                ToolGate.of(client).manager(),
                ScriptedModel.call("1", "mail", "{\"to\": \"alice\"}"),
                ScriptedModel.call("2", "mail", "{\"to\": \"alice\", \"bcc\": \"eve\"}"),
                ScriptedModel.call("3", "now", ""))
            .defaultTools(tool, now)
            .build();
    Background<String> said = Background.of(() -> chat(chat));
    Approval pending = reviewer.pending();
    // What is missing is what the function would get.
    assertEquals("{\"cc\":[],\"copies\":null,\"to\":\"alice\"}", shown(pending));
    reviewer.approve(pending, "{\"to\": \"bob\", \"copies\": 2, \"cc\": [\"carol\"]}");
    Approval next = reviewer.pending();
    assertEquals("{}", shown(next));
    reviewer.approve(next);
    String[] lines = said.result().split("\n");
    assertEquals("1: \"sent\"", lines[0]);
    assertTrue(lines[1].endsWith("has bcc, which the tool does not take."), lines[1]);
    assertEquals(List.of("mail Mail[to=bob, copies=2, cc=[carol]]", "now"), desk.calls);
  }

  /** Reads its input itself, as tools of MCP servers do. */
  private ToolCallback raw(String schema) {
    ToolDefinition definition =
        ToolDefinition.builder().name("raw").description("Raw.").inputSchema(schema).build();
    return new ToolCallback() {
      @Override
      public ToolDefinition getToolDefinition() {
        return definition;
      }

      @Override
      public String call(String input) {
        desk.calls.add("raw " + input);
        return "done";
      }
    };
  }

  @Test
  void schemas() throws Exception {
    ToolCallback closed =
        ToolGate.of(client)
            .callback(
                raw("{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}"));
    Background<String> said = Background.of(() -> closed.call("{ \"a\": \"x\" }"));
    reviewer.approve(reviewer.pending(), "{\"a\": \"y\"}");
    assertEquals("done", said.result());
    assertTrue(closed.call("{\"b\": 1}").endsWith("has b, which the tool does not take."));
    Background<String> edited = Background.of(() -> closed.call("{}"));
    reviewer.approve(reviewer.pending(), "{\"b\": 1}");
    assertTrue(edited.result().contains("A reviewer's edit does not fit"));
    ToolCallback open =
        ToolGate.of(client).callback(raw("{\"type\": \"object\", \"additionalProperties\": true}"));
    Background<String> more = Background.of(() -> open.call("{\"b\": 1}"));
    reviewer.approve(reviewer.pending());
    assertEquals("done", more.result());
    assertEquals(List.of("raw {\"a\":\"y\"}", "raw {\"b\":1}"), desk.calls);
  }
}

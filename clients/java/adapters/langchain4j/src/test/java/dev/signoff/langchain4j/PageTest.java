package dev.signoff.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.langchain4j.model.chat.ChatModel;
import dev.signoff.client.SignoffClient;
import dev.signoff.testing.Background;
import dev.signoff.testing.Page;
import dev.signoff.v1.Approval;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import org.junit.jupiter.api.Test;

/** What the page shows compiles, and works. */
class PageTest extends DeskTest {
  private static final String PROGRAM =
      """
      import dev.langchain4j.agent.tool.*;
      import dev.langchain4j.memory.chat.MessageWindowChatMemory;
      import dev.langchain4j.model.chat.ChatModel;
      import dev.langchain4j.service.*;
      import dev.langchain4j.service.tool.*;
      import dev.signoff.client.SignoffClient;
      import dev.signoff.langchain4j.ToolGate;
      import java.time.Duration;
      import java.util.Map;

      public class Shown {
        public static class MailTools {
          @Tool public String sendEmail(String to) { return "sent to " + to; }
        }
        public interface Mailer {
          String chat(@MemoryId String conversation, @UserMessage String text);
        }
        public static String tools(SignoffClient client, ChatModel model) {
          %s
          return answer;
        }
        static void forms(
            ToolGate gate,
            AiServices<Mailer> builder,
            Map<ToolSpecification, ToolExecutor> executors,
            ToolProvider mcpTools,
            ToolSpecification specification,
            ToolExecutor tool) {
          %s
        }
        static void options(SignoffClient client) {
          %s
        }
      }
      """;

  @Test
  void codeWorks() throws Exception {
    Page page = new Page("langchain4j.md");
    assertEquals(3, page.blocks());
    Page.compile(
        dir,
        "Shown",
        PROGRAM.formatted(page.block(""), page.block("forms"), page.block("options")));
    URL[] classes = {dir.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(classes)) {
      Method tools =
          loader.loadClass("Shown").getMethod("tools", SignoffClient.class, ChatModel.class);
      ChatModel model =
          new ScriptedModel(ScriptedModel.call("1", "sendEmail", "{\"to\": \"alice\"}"));
      Background<Object> chat = Background.of(() -> tools.invoke(null, client, model));
      Approval pending = reviewer.pending();
      assertEquals("signup-alice", pending.getAgent().getRunId());
      assertEquals("Mailer", pending.getAgent().getName());
      reviewer.approve(pending);
      assertEquals("1: sent to alice", chat.result());
    }
  }
}

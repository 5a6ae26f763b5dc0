package dev.signoff.springai;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.signoff.client.SignoffClient;
import dev.signoff.testing.Background;
import dev.signoff.testing.Page;
import dev.signoff.v1.Approval;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.model.ChatModel;

/** What the page shows compiles, and works. */
class PageTest extends DeskTest {
  private static final String PROGRAM =
      """
      import dev.signoff.client.SignoffClient;
      import dev.signoff.springai.ToolGate;
      import java.time.Duration;
      import java.util.Map;
      import org.springframework.ai.chat.client.ChatClient;
      import org.springframework.ai.chat.client.advisor.ToolCallingAdvisor;
      import org.springframework.ai.chat.memory.ChatMemory;
      import org.springframework.ai.chat.model.ChatModel;
      import org.springframework.ai.model.tool.ToolCallingManager;
      import org.springframework.ai.tool.*;
      import org.springframework.ai.tool.annotation.Tool;
      import org.springframework.context.annotation.Bean;

      public class Shown {
        public static class MailTools {
          @Tool public String sendEmail(String to) { return "sent to " + to; }
        }
        public static String chat(SignoffClient client, ChatModel model) {
          %s
          return answer;
        }
        %s
        static void tools(
            ToolGate gate,
            ChatClient.Builder builder,
            ToolCallback tool,
            ToolCallbackProvider mcpTools) {
          %s
        }
        static void options(SignoffClient client) {
          %s
        }
      }
      """;

  @Test
  void codeWorks() throws Exception {
    Page page = new Page("spring-ai.md");
    assertEquals(4, page.blocks());
    Page.compile(
        dir,
        "Shown",
        PROGRAM.formatted(
            page.block(""), page.block("bean"), page.block("tools"), page.block("options")));
    URL[] classes = {dir.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(classes)) {
      Method chat =
          loader.loadClass("Shown").getMethod("chat", SignoffClient.class, ChatModel.class);
      ChatModel model =
          new ScriptedModel(ScriptedModel.call("1", "sendEmail", "{\"to\": \"alice\"}"));
      Background<Object> said = Background.of(() -> chat.invoke(null, client, model));
      Approval pending = reviewer.pending();
      assertEquals("signup-alice", pending.getAgent().getRunId());
      assertEquals("mailer", pending.getAgent().getName());
      reviewer.approve(pending);
      assertEquals("1: \"sent to alice\"", said.result());
    }
  }
}

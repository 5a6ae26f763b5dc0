package dev.signoff.springai;

import dev.signoff.client.SignoffClient;
import dev.signoff.testing.Background;
import dev.signoff.testing.Reviewer;
import dev.signoff.testing.Server;
import dev.signoff.v1.Approval;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.client.advisor.ToolCallingAdvisor;
import org.springframework.ai.chat.memory.ChatMemory;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.model.tool.ToolCallingManager;

/** A chat client whose tools are behind the gate, a server and a reviewer. */
abstract class DeskTest {
  @TempDir Path dir;

  final Desk desk = new Desk();
  Server server;
  SignoffClient client;
  Reviewer reviewer;

  @BeforeEach
  void start() throws Exception {
    server = new Server(dir);
    client = server.client("agent");
    reviewer = new Reviewer(server);
  }

  @AfterEach
  void stop() {
    reviewer.close();
    client.close();
    server.close();
  }

  static ChatClient.Builder through(
      ToolCallingManager manager, AssistantMessage.ToolCall... calls) {
    return ChatClient.builder(new ScriptedModel(calls))
        .defaultAdvisors(ToolCallingAdvisor.builder().toolCallingManager(manager).build());
  }

  /** Chats in a conversation with the id 7. */
  static String chat(ChatClient chat) {
    return chat.prompt("Go.").toolContext(Map.of(ChatMemory.CONVERSATION_ID, "7")).call().content();
  }

  ChatClient gated(UnaryOperator<ToolGate> gate, AssistantMessage.ToolCall... calls) {
    return through(gate.apply(ToolGate.of(client)).manager(), calls).defaultTools(desk).build();
  }

  Background<String> chat(AssistantMessage.ToolCall... calls) {
    ChatClient chat = gated(gate -> gate, calls);
    return Background.of(() -> chat(chat));
  }

  static AssistantMessage.ToolCall mail(String to) {
    return ScriptedModel.call("call-1", "sendEmail", "{\"to\": \"" + to + "\", \"copies\": 1}");
  }

  List<Approval> approvals() {
    return Server.approvals(client);
  }
}

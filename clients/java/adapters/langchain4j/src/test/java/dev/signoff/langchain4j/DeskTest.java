package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.MemoryId;
import dev.langchain4j.service.UserMessage;
import dev.signoff.client.SignoffClient;
import dev.signoff.testing.Background;
import dev.signoff.testing.Reviewer;
import dev.signoff.testing.Server;
import dev.signoff.v1.Approval;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** An AI service with tools behind the gate, a server and a reviewer. */
abstract class DeskTest {
  @TempDir Path dir;

  final Desk desk = new Desk();
  Server server;
  SignoffClient client;
  Reviewer reviewer;

  /** An AI service. */
  interface Assistant {
    String chat(@MemoryId Object conversation, @UserMessage String text);
  }

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

  Assistant assistant(
      Consumer<AiServices<Assistant>> change,
      UnaryOperator<ToolGate> gate,
      ToolExecutionRequest... calls) {
    AiServices<Assistant> builder =
        AiServices.builder(Assistant.class)
            .chatModel(new ScriptedModel(calls))
            .chatMemoryProvider(id -> MessageWindowChatMemory.withMaxMessages(100))
            .tools(gate.apply(ToolGate.of(client)).tools(desk));
    change.accept(builder);
    return builder.build();
  }

  /** Chats in a conversation with the id 7. */
  Background<String> chat(ToolExecutionRequest... calls) {
    Assistant assistant = assistant(builder -> {}, gate -> gate, calls);
    return Background.of(() -> assistant.chat(7, "Go."));
  }

  static ToolExecutionRequest mail(String to) {
    return ScriptedModel.call("call-1", "sendEmail", "{\"to\": \"" + to + "\", \"copies\": 1}");
  }

  List<Approval> approvals() {
    return Server.approvals(client);
  }
}

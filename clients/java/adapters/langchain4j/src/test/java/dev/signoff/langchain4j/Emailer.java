package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.service.AiServices;
import dev.signoff.client.SignoffClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A program that may be killed while it waits: its tool appends a line to a file. */
public final class Emailer {
  private final Path file;

  private Emailer(Path file) {
    this.file = file;
  }

  @Tool
  String sendEmail(String to, int copies) throws IOException {
    String line = to + " " + copies + "\n";
    Files.writeString(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return "sent to " + to;
  }

  public static void main(String[] arguments) {
    try (SignoffClient client = SignoffClient.connect()) {
      DeskTest.Assistant assistant =
          AiServices.builder(DeskTest.Assistant.class)
              .chatModel(new ScriptedModel(DeskTest.mail("alice")))
              .chatMemoryProvider(id -> MessageWindowChatMemory.withMaxMessages(100))
              .tools(ToolGate.of(client).tools(new Emailer(Path.of(arguments[0]))))
              .build();
      System.out.println(assistant.chat("signup-alice", "Go."));
    }
  }
}

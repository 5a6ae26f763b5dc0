package dev.signoff.springai;

import dev.signoff.client.SignoffClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.springframework.ai.tool.annotation.Tool;

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
      System.out.println(
          DeskTest.chat(
              DeskTest.through(ToolGate.of(client).manager(), DeskTest.mail("alice"))
                  .defaultTools(new Emailer(Path.of(arguments[0])))
                  .build()));
    }
  }
}

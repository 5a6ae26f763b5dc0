package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.VoteChoice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program that the README shows is the example, and works. */
class ReadmeTest {
  private static final Path EXAMPLE = Path.of("example/src/main/java/Example.java");

  @TempDir Path dir;

  @Test
  void readmeShowsTheExample() throws Exception {
    String readme = Files.readString(Path.of("README.md"));
    assertTrue(readme.contains("```java\n" + Files.readString(EXAMPLE) + "```\n"));
  }

  private static String block(String name) throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    String begin = "<!-- " + name + " -->\n```java\n";
    int start = readme.indexOf(begin) + begin.length();
    assertTrue(start > begin.length(), name);
    return readme.substring(start, readme.indexOf("```", start));
  }

  @Test
  void partsCompile() throws Exception {
    String program =
        """
        import dev.signoff.client.*;
        import java.io.IOException;
        class Parts {
          record Mail(String to, int copies) {}
          static String send(Mail mail) throws IOException { return mail.to(); }
          static void handles(GatedFunction<Mail, String, IOException> send) throws Exception {
            %s
          }
          static void refusals(Gate gate) throws Exception {
            %s
          }
        }
        """
            .formatted(block("handles"), block("refusals"));
    Path file = Files.writeString(dir.resolve("Parts.java"), program);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int status =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                said,
                said,
                "-encoding",
                "UTF-8",
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                dir.toString(),
                file.toString());
    assertEquals(0, status, said::toString);
  }

  @Test
  void exampleRuns() throws Exception {
    try (TestServer server = TestServer.start(dir);
        TestServer.Reviewer reviewer = new TestServer.Reviewer(server)) {
      Path out = dir.resolve("example.out");
      String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
      ProcessBuilder builder =
          new ProcessBuilder(
              java, "-cp", System.getProperty("java.class.path"), EXAMPLE.toString());
      builder
          .environment()
          .putAll(
              Map.of(
                  "SIGNOFF_ADDRESS",
                  "http://" + server.listen(),
                  "SIGNOFF_TOKEN",
                  server.token("agent")));
      Process example = builder.redirectErrorStream(true).redirectOutput(out.toFile()).start();
      reviewer.decide(reviewer.pending(), VoteChoice.VOTE_CHOICE_APPROVE, request -> {});
      assertTrue(example.waitFor(60, TimeUnit.SECONDS));
      assertEquals(0, example.exitValue(), () -> "see " + out);
      assertTrue(Files.readString(out).endsWith("Sent to alice@example.com\n"));
    }
  }
}

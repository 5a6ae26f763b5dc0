package dev.signoff.testing;

import dev.signoff.client.Options;
import dev.signoff.client.SignoffClient;
import dev.signoff.v1.Approval;
import dev.signoff.v1.GetApprovalRequest;
import dev.signoff.v1.ListApprovalsRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The real server in development mode, with a directory of its own. */
public final class Server implements AutoCloseable {
  private static final Pattern LISTENING = Pattern.compile("is listening on (\\S+)");
  private static final String POLICY =
      """
      unlisted_tools:
        require_approval: {}
      rules:
        - name: harmless
          tools: [look_up, lookUp]
          auto_approve: {}
        - name: forbidden
          tools: [drop_tables, dropTables]
          auto_reject: {message: Dropping tables is not allowed.}
      """;

  private final Path dir;
  private final Process process;
  private final String listen;

  /**
   * Starts it.
   *
   * @param dir an empty directory
   * @throws IOException if it does not start
   */
  public Server(Path dir) throws IOException {
    this.dir = dir;
    Path policy = Files.writeString(dir.resolve("policy.yaml"), POLICY);
    // A start waits when the file was written a moment ago.
    Files.setLastModifiedTime(policy, FileTime.fromMillis(0));
    Path out = dir.resolve("out");
    ProcessBuilder builder =
        new ProcessBuilder(
            binary(),
            "serve",
            "--dev",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            dir.resolve("data").toString(),
            "--policy",
            policy.toString(),
            "--set",
            "heartbeat=50ms",
            "--set",
            "limits.timeout_min=10ms");
    builder.environment().keySet().removeIf(name -> name.startsWith("SIGNOFF_"));
    process =
        builder.redirectOutput(out.toFile()).redirectError(dir.resolve("log").toFile()).start();
    listen = listening(out);
  }

  private static String binary() {
    String binary = System.getenv("SIGNOFF_BIN");
    if (binary == null || binary.isEmpty()) {
      throw new IllegalStateException("SIGNOFF_BIN must name the server's binary");
    }
    return binary;
  }

  private String listening(Path out) throws IOException {
    while (process.isAlive()) {
      Matcher matcher = LISTENING.matcher(Files.readString(out));
      if (matcher.find()) {
        return matcher.group(1);
      }
      try {
        process.waitFor(5, TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    }
    throw new IOException("the server does not start: " + Files.readString(dir.resolve("log")));
  }

  /** {@return its address} */
  public String address() {
    return "http://" + listen;
  }

  /**
   * A token of the development mode.
   *
   * @param role {@code agent} or {@code reviewer}
   * @return its text
   */
  public String token(String role) {
    try {
      String tokens = Files.readString(dir.resolve("data/dev-tokens.json"));
      Matcher matcher = Pattern.compile("\"" + role + "\": *\"([^\"]*)\"").matcher(tokens);
      if (!matcher.find()) {
        throw new IllegalArgumentException(role);
      }
      return matcher.group(1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A client.
   *
   * @param role as in {@link #token}
   * @return the client
   */
  public SignoffClient client(String role) {
    return SignoffClient.connect(Options.builder().address(address()).token(token(role)).build());
  }

  /** Ends it at once. */
  public void kill() {
    process.destroyForcibly().onExit().join();
  }

  @Override
  public void close() {
    kill();
  }

  /**
   * All approvals, the newest first.
   *
   * @param client of the agent or the reviewer
   * @return the approvals
   */
  public static List<Approval> approvals(SignoffClient client) {
    return client
        .approvals()
        .listApprovals(ListApprovalsRequest.getDefaultInstance())
        .getApprovalsList()
        .stream()
        .map(approval -> get(client, approval.getId()))
        .toList();
  }

  private static Approval get(SignoffClient client, String id) {
    return client
        .approvals()
        .getApproval(GetApprovalRequest.newBuilder().setApprovalId(id).build())
        .getApproval();
  }

  /**
   * Whether a text is anywhere in the server's directory: its store, its log.
   *
   * @param text the text
   * @return whether it is
   * @throws IOException if a file cannot be read
   */
  public boolean keeps(String text) throws IOException {
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        if (bytes.contains(text)) {
          return true;
        }
      }
    }
    return false;
  }
}

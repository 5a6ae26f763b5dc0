package dev.signoff.client;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.DecideRequest;
import dev.signoff.v1.GetApprovalRequest;
import dev.signoff.v1.ListApprovalsRequest;
import dev.signoff.v1.VoteChoice;
import dev.signoff.v1.WatchPendingRequest;
import dev.signoff.v1.WatchPendingResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The real server in development mode, with a directory and a policy of its own. */
final class TestServer implements AutoCloseable {
  private static final Pattern LISTENING = Pattern.compile("is listening on (\\S+)");
  private static final String POLICY =
      """
      unlisted_tools:
        require_approval: {}
      rules:
        - name: harmless
          tools: [look_up]
          auto_approve: {}
        - name: forbidden
          tools: [drop_tables]
          auto_reject: {message: Dropping tables is not allowed.}
      """;

  private final Path dir;
  private final List<String> settings;
  private String listen = "127.0.0.1:0";
  private Process process;

  private TestServer(Path dir, List<String> settings) {
    this.dir = dir;
    this.settings = settings;
  }

  static TestServer start(Path dir, String... settings) throws IOException, InterruptedException {
    return startWithPolicy(dir, POLICY, settings);
  }

  static TestServer startWithPolicy(Path dir, String policy, String... settings)
      throws IOException, InterruptedException {
    TestServer server = new TestServer(dir, List.of(settings));
    Files.writeString(dir.resolve("policy.yaml"), policy);
    // A start waits when the file was written a moment ago.
    Files.setLastModifiedTime(dir.resolve("policy.yaml"), FileTime.fromMillis(0));
    server.start();
    return server;
  }

  static String binary() {
    String binary = System.getenv("SIGNOFF_BIN");
    if (binary == null || binary.isEmpty()) {
      throw new IllegalStateException("SIGNOFF_BIN must name the server's binary");
    }
    return binary;
  }

  /**
   * Starts it, where it was before. Its port may be taken for a moment by some connection of
   * another test.
   */
  void start() throws IOException, InterruptedException {
    boolean again = !listen.endsWith(":0");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!tryToStart()) {
      if (!again || System.nanoTime() > end) {
        throw new IllegalStateException(
            "the server does not start: " + Files.readString(dir.resolve("log")));
      }
    }
  }

  private boolean tryToStart() throws IOException, InterruptedException {
    Path out = dir.resolve("out");
    Files.deleteIfExists(out);
    List<String> command = new ArrayList<>(List.of(binary(), "serve", "--dev", "--listen", listen));
    command.addAll(
        List.of(
            "--data-dir",
            dir.resolve("data").toString(),
            "--policy",
            dir.resolve("policy.yaml").toString()));
    command.addAll(List.of("--set", "heartbeat=50ms", "--set", "limits.timeout_min=10ms"));
    settings.forEach(setting -> command.addAll(List.of("--set", setting)));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(name -> name.startsWith("SIGNOFF_"));
    process =
        builder.redirectOutput(out.toFile()).redirectError(dir.resolve("log").toFile()).start();
    while (process.isAlive()) {
      Matcher matcher = LISTENING.matcher(Files.readString(out));
      if (matcher.find()) {
        listen = matcher.group(1);
        return true;
      }
      process.waitFor(5, TimeUnit.MILLISECONDS);
    }
    return false;
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  void terminate() throws InterruptedException {
    process.destroy();
    process.waitFor();
  }

  String listen() {
    return listen;
  }

  Path dir() {
    return dir;
  }

  String token(String role) {
    try {
      JsonObject tokens =
          JsonParser.parseString(Files.readString(dir.resolve("data/dev-tokens.json")))
              .getAsJsonObject();
      return tokens.get(role).getAsString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  SignoffClient client(String role) {
    return client(options -> options.token(token(role)));
  }

  SignoffClient client(Consumer<Options.Builder> change) {
    Options.Builder options = Options.builder().address("http://" + listen);
    change.accept(options);
    return SignoffClient.connect(options.build(name -> null));
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** A reviewer, who tells the calls of a test by their label. */
  static final class Reviewer implements AutoCloseable {
    final SignoffClient client;

    Reviewer(TestServer server) {
      client = server.client("reviewer");
    }

    Approval pending(String label) {
      return pending(WatchPendingRequest.newBuilder().putLabels("test", label).build());
    }

    /** The only call of a test without labels. */
    Approval pending() {
      return pending(WatchPendingRequest.getDefaultInstance());
    }

    private Approval pending(WatchPendingRequest request) {
      Iterator<WatchPendingResponse> changes =
          client
              .approvals()
              .withDeadlineAfter(30, TimeUnit.SECONDS)
              .withWaitForReady()
              .watchPending(request);
      while (true) {
        WatchPendingResponse change = changes.next();
        if (change.hasPending()) {
          return change.getPending();
        }
      }
    }

    void decide(Approval approval, VoteChoice choice, Consumer<DecideRequest.Builder> change) {
      DecideRequest.Builder request =
          DecideRequest.newBuilder()
              .setApprovalId(approval.getId())
              .setRequestId(UUID.randomUUID().toString())
              .setChoice(choice)
              .setRevision(approval.getRevision());
      change.accept(request);
      client.approvals().decide(request.build());
    }

    void approve(String label) {
      decide(pending(label), VoteChoice.VOTE_CHOICE_APPROVE, request -> {});
    }

    void reject(String label, String comment) {
      decide(pending(label), VoteChoice.VOTE_CHOICE_REJECT, request -> request.setComment(comment));
    }

    void approveEdited(String label, Map<String, ?> arguments) throws Refusal {
      Arguments edited = Arguments.of("test", arguments);
      decide(
          pending(label),
          VoteChoice.VOTE_CHOICE_APPROVE,
          request -> request.setEditedArguments(edited.message()));
    }

    @Override
    public void close() {
      client.close();
    }
  }

  static Approval get(SignoffClient client, String id) {
    return client
        .approvals()
        .getApproval(GetApprovalRequest.newBuilder().setApprovalId(id).build())
        .getApproval();
  }

  static List<Approval> labelled(SignoffClient client, String label) {
    ListApprovalsRequest request =
        ListApprovalsRequest.newBuilder().putLabels("test", label).build();
    return client.approvals().listApprovals(request).getApprovalsList();
  }

  static ApprovalStatus status(SignoffClient client, String label) {
    return labelled(client, label).get(0).getStatus();
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.Approval;
import dev.signoff.v1.ExecutionResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scenarios 25 to 27 of docs/clients.md: calls that are asked for here and run elsewhere. */
class HandleScenariosTest {
  /** What is asked for. */
  record Mail(String to, int copies) {}

  private static final Mail MAIL = new Mail("alice@company.com", 2);

  @TempDir static Path dir;
  private static TestServer server;
  private static SignoffClient agent;
  private static TestServer.Reviewer reviewer;

  private final String label = UUID.randomUUID().toString();
  private final AtomicInteger runs = new AtomicInteger();

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    server = TestServer.start(dir);
    agent = server.client("agent");
    reviewer = new TestServer.Reviewer(server);
  }

  @AfterAll
  static void stop() {
    agent.close();
    reviewer.close();
    server.close();
  }

  private GatedFunction<Mail, Mail, RuntimeException> sendEmail() {
    return agent
        .gate("send_email")
        .labels(Map.of("test", label))
        .wrap(
            Mail.class,
            mail -> {
              runs.incrementAndGet();
              return mail;
            });
  }

  private Approval only() {
    List<Approval> all = TestServer.labelled(agent, label);
    assertEquals(1, all.size());
    return all.get(0);
  }

  /** Resumes a handle on standard input; prints what it sends. */
  static final class OtherProcess {
    private OtherProcess() {}

    public static void main(String[] args) throws Exception {
      Handle handle = Handle.fromJson(new String(System.in.readAllBytes(), "UTF-8"));
      try (SignoffClient client = SignoffClient.connect()) {
        GatedFunction<Mail, String, RuntimeException> function =
            client.gate("send_email").wrap(Mail.class, mail -> "sent " + mail);
        System.out.println(function.resume(handle));
      } catch (Refusal.AlreadyClaimed refusal) {
        System.out.println("already claimed, " + refusal.result());
      }
    }
  }

  private String resumeElsewhere(String json) throws Exception {
    Path in = Files.writeString(dir.resolve(label + ".json"), json);
    Path out = dir.resolve(label + ".out");
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder(
            java, "-cp", System.getProperty("java.class.path"), OtherProcess.class.getName());
    builder
        .environment()
        .putAll(
            Map.of(
                "SIGNOFF_ADDRESS",
                "http://" + server.listen(),
                "SIGNOFF_TOKEN",
                server.token("agent")));
    Process process =
        builder
            .redirectInput(in.toFile())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return Files.readString(out).strip();
  }

  @Test
  @DisplayName("25: asked here, approved, resumed in another process, once")
  void otherProcess() throws Exception {
    String json = sendEmail().ask(MAIL).toJson();
    assertEquals("APPROVAL_STATUS_PENDING", only().getStatus().name());
    reviewer.approve(label);
    assertEquals("sent Mail[to=alice@company.com, copies=2]", resumeElsewhere(json));
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_SUCCEEDED, only().getClaim().getOutcome().getResult());
    assertEquals("already claimed, SUCCEEDED", resumeElsewhere(json));
    Handle handle = Handle.fromJson(json);
    assertThrows(Refusal.AlreadyClaimed.class, () -> sendEmail().resume(handle));
    assertEquals(0, runs.get());
  }

  @Test
  @DisplayName("25: a handle is awaited while the decision is taken, and claims nothing")
  void awaited() throws Exception {
    Handle handle = sendEmail().ask(MAIL);
    Gate gate = agent.gate("send_email");
    Runner runner =
        Runner.of(
            () -> {
              gate.await(handle);
              return "approved";
            });
    reviewer.approve(label);
    assertEquals("approved", runner.result());
    assertFalse(only().hasClaim());
    assertEquals(MAIL, sendEmail().resume(handle));
    assertEquals(1, runs.get());
  }

  @Test
  @DisplayName("26: a handle that is not this call's, and a function for another tool")
  void otherHandles() throws Exception {
    Handle one = sendEmail().ask(MAIL);
    reviewer.approve(label);
    String other = UUID.randomUUID().toString();
    Handle two =
        agent.gate("send_email").labels(Map.of("test", other)).ask(Map.of("to", "b", "copies", 1));
    reviewer.approve(other);

    Handle digest = new Handle(one.approvalId(), one.requestId(), one.toolName(), two.digest());
    assertEquals(
        "the request was recorded with other arguments",
        assertThrows(Refusal.InvalidAnswer.class, () -> sendEmail().resume(digest)).problem());
    Handle request = new Handle(one.approvalId(), two.requestId(), one.toolName(), one.digest());
    assertEquals(
        "the approval is for another request",
        assertThrows(Refusal.InvalidAnswer.class, () -> sendEmail().resume(request)).problem());
    Handle approval = new Handle(two.approvalId(), one.requestId(), one.toolName(), one.digest());
    assertThrows(Refusal.InvalidAnswer.class, () -> sendEmail().resume(approval));
    Handle unknown =
        new Handle(
            "0190f3c4-0000-7000-8000-000000000001", one.requestId(), one.toolName(), one.digest());
    assertEquals(
        "NOT_FOUND",
        assertThrows(Refusal.RequestFailed.class, () -> sendEmail().resume(unknown)).code().name());
    assertThrows(
        IllegalArgumentException.class,
        () -> agent.gate("delete_record").resume(one, run -> runs.incrementAndGet()));
    assertEquals(0, runs.get());
    assertFalse(only().hasClaim());
  }

  @Test
  @DisplayName("27: asked, edited, approved, resumed")
  void edited() throws Exception {
    Handle handle = sendEmail().ask(MAIL);
    reviewer.approveEdited(label, Map.of("to", "bob@company.com", "copies", 3));
    assertEquals(new Mail("bob@company.com", 3), sendEmail().resume(handle));
    assertEquals(1, runs.get());
    assertEquals(
        ExecutionResult.EXECUTION_RESULT_SUCCEEDED, only().getClaim().getOutcome().getResult());
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Reads tests/conformance. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ConformanceTest {
  Stream<JsonObject> digests() {
    return Conformance.read("digests.json", "digests");
  }

  Stream<JsonObject> requestIds() {
    return Conformance.read("digests.json", "request_ids");
  }

  Stream<JsonObject> refusedArguments() {
    return Conformance.read("arguments.json", "refused");
  }

  Stream<JsonObject> takenArguments() {
    return Conformance.read("arguments.json", "taken");
  }

  Stream<JsonObject> refusals() {
    return Conformance.read("refusals.json", "refusals");
  }

  Stream<JsonObject> failures() {
    return Conformance.read("failures.json", "failures");
  }

  Stream<JsonObject> statuses() {
    return Conformance.read("statuses.json", "statuses");
  }

  @ParameterizedTest
  @MethodSource("digests")
  void digest(JsonObject vector) throws Refusal {
    String tool = vector.get("tool_name").getAsString();
    Arguments arguments = Arguments.of(tool, Conformance.toJava(vector.get("arguments")));
    assertEquals(vector.get("digest").getAsString(), Canonical.digest(tool, arguments.message()));
    JsonObject envelope = new JsonObject();
    envelope.add("tool_name", vector.get("tool_name"));
    envelope.add("arguments", vector.get("arguments"));
    Arguments whole = Arguments.of(tool, Conformance.toJava(envelope));
    String canonical = new String(Canonical.json(whole.message()), StandardCharsets.UTF_8);
    assertEquals(vector.get("canonical").getAsString(), canonical);
  }

  @ParameterizedTest
  @MethodSource("digests")
  void digestOfReceived(JsonObject vector) throws Refusal {
    String tool = vector.get("tool_name").getAsString();
    Arguments sent = Arguments.of(tool, Conformance.toJava(vector.get("arguments")));
    Arguments again = Arguments.of(tool, Arguments.received(sent.message()).given());
    assertEquals(vector.get("digest").getAsString(), Canonical.digest(tool, again.message()));
  }

  @ParameterizedTest
  @MethodSource("requestIds")
  void requestId(JsonObject vector) {
    assertEquals(
        vector.get("request_id").getAsString(),
        Canonical.requestId(
            vector.get("run_id").getAsString(), vector.get("call_id").getAsString()));
  }

  @ParameterizedTest
  @MethodSource("refusedArguments")
  void refused(JsonObject vector) {
    Object arguments = Conformance.exact(vector.get("arguments").getAsString());
    Refusal.InvalidArguments refusal =
        assertThrows(Refusal.InvalidArguments.class, () -> Arguments.of("t", arguments));
    assertEquals(vector.get("path").getAsString(), refusal.path());
  }

  @ParameterizedTest
  @MethodSource("takenArguments")
  void taken(JsonObject vector) throws Refusal {
    Object arguments = Conformance.exact(vector.get("arguments").getAsString());
    Arguments asked = Arguments.of("t", arguments);
    Arguments again = Arguments.of("t", asked.given());
    assertEquals(asked, again);
    assertEquals(Canonical.digest("t", asked.message()), Canonical.digest("t", again.message()));
  }

  /** Makes refusals of the fields of the vectors. */
  private static final Map<String, Function<UnaryOperator<String>, Refusal>> KINDS =
      Map.ofEntries(
          entry("StillWaiting", f -> new Refusal.StillWaiting(tool(f), id(f), isApproved(f))),
          entry("Rejected", f -> new Refusal.Rejected(tool(f), id(f), f.apply("comment"), "a/b")),
          entry(
              "AutoRejected",
              f -> new Refusal.AutoRejected(tool(f), id(f), f.apply("rule"), f.apply("message"))),
          entry("TimedOut", f -> new Refusal.TimedOut(tool(f), id(f))),
          entry("Cancelled", f -> new Refusal.Cancelled(tool(f), id(f))),
          entry("Revoked", f -> new Refusal.Revoked(tool(f), id(f), f.apply("reason"), null)),
          entry("Frozen", f -> new Refusal.Frozen(tool(f), id(f), f.apply("reason"), null)),
          entry(
              "AlreadyClaimed",
              f -> new Refusal.AlreadyClaimed(tool(f), id(f), earlierClaim(f), null)),
          entry("ClaimWindowClosed", f -> new Refusal.ClaimWindowClosed(tool(f), id(f), null)),
          entry("DigestMismatch", f -> new Refusal.DigestMismatch(tool(f), id(f), null)),
          entry(
              "UnknownStatus",
              f -> new Refusal.UnknownStatus(tool(f), id(f), Integer.parseInt(f.apply("status")))),
          entry(
              "InvalidAnswer",
              f ->
                  new Refusal.InvalidAnswer(
                      tool(f), id(f), f.apply("address"), f.apply("problem"))),
          entry(
              "Unavailable",
              f ->
                  new Refusal.Unavailable(
                      tool(f),
                      id(f),
                      isApproved(f),
                      f.apply("address"),
                      f.apply("problem"),
                      failure())),
          entry(
              "RequestFailed",
              f ->
                  new Refusal.RequestFailed(
                      tool(f),
                      id(f),
                      f.apply("address"),
                      Status.Code.UNKNOWN,
                      f.apply("reason"),
                      f.apply("message"),
                      failure())),
          entry("InvalidArguments", f -> new Refusal.InvalidArguments(tool(f), id(f), misfit(f))),
          entry("InvalidEdit", f -> new Refusal.InvalidEdit(tool(f), id(f), misfit(f))));

  private static Map.Entry<String, Function<UnaryOperator<String>, Refusal>> entry(
      String kind, Function<UnaryOperator<String>, Refusal> make) {
    return Map.entry(kind, make);
  }

  private static String tool(UnaryOperator<String> fields) {
    return fields.apply("tool_name");
  }

  private static String id(UnaryOperator<String> fields) {
    return fields.apply("approval_id");
  }

  private static boolean isApproved(UnaryOperator<String> fields) {
    return fields.apply("approved").equals("true");
  }

  private static Misfit misfit(UnaryOperator<String> fields) {
    return new Misfit(fields.apply("path"), fields.apply("problem"));
  }

  private static EarlierClaim earlierClaim(UnaryOperator<String> fields) {
    return new EarlierClaim(
        fields.apply("claimed_by"),
        fields.apply("claim_time"),
        fields.apply("result"),
        fields.apply("report_time"),
        fields.apply("message"));
  }

  private static StatusRuntimeException failure() {
    return Status.UNKNOWN.withDescription("io exception").asRuntimeException();
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void refusal(JsonObject vector) {
    JsonObject fields = vector.getAsJsonObject("fields");
    UnaryOperator<String> field = name -> fields.has(name) ? fields.get(name).getAsString() : "";
    Refusal refusal = KINDS.get(vector.get("kind").getAsString()).apply(field);
    assertEquals(vector.get("kind").getAsString(), refusal.getClass().getSimpleName());
    assertEquals(vector.get("text").getAsString(), refusal.getMessage());
    assertEquals(vector.get("developer_text").getAsString(), refusal.developerText());
    assertEquals(tool(field), refusal.toolName());
    assertEquals(id(field), refusal.approvalId());
    StringWriter trace = new StringWriter();
    refusal.printStackTrace(new PrintWriter(trace));
    assertTrue(trace.toString().contains(refusal.developerText()), trace::toString);
  }

  @Test
  void everyRefusalHasAVector() {
    Set<String> kinds =
        Stream.of(Refusal.class.getPermittedSubclasses())
            .map(Class::getSimpleName)
            .collect(Collectors.toSet());
    assertEquals(kinds, KINDS.keySet());
    assertEquals(
        kinds, refusals().map(v -> v.get("kind").getAsString()).collect(Collectors.toSet()));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void failure(JsonObject vector) {
    List<Message> details = new ArrayList<>();
    JsonObject info = vector.getAsJsonObject("error_info");
    if (info != null) {
      details.add(
          ErrorInfo.newBuilder()
              .setReason(info.get("reason").getAsString())
              .setDomain(info.get("domain").getAsString())
              .build());
    }
    if (vector.has("retry_after_seconds")) {
      long seconds = vector.get("retry_after_seconds").getAsLong();
      details.add(FakeServer.retryAfter(Duration.ofSeconds(seconds)));
    }
    Status.Code code = Status.Code.valueOf(vector.get("code").getAsString());
    StatusRuntimeException failure =
        FakeServer.failure(code, "failed", details.toArray(Message[]::new));
    assertEquals(vector.get("passing").getAsBoolean(), Failures.isPassing(failure));
  }

  @ParameterizedTest
  @MethodSource("statuses")
  void status(JsonObject vector) {
    ApprovalStatus status = ofNumber(vector.get("number").getAsInt());
    assertEquals("APPROVAL_STATUS_" + vector.get("name").getAsString(), status.name());
    assertEquals(vector.get("terminal").getAsBoolean(), Statuses.isTerminal(status));
    assertEquals(vector.get("approved").getAsBoolean(), Statuses.isApproved(status));
  }

  @Test
  void everyStatusHasAVector() {
    assertEquals(ApprovalStatus.values().length - 2, statuses().count());
  }

  @Test
  void unknownStatuses() {
    for (int number : Conformance.unknownStatuses()) {
      assertFalse(Statuses.isKnown(ofNumber(number)), () -> "status " + number);
      assertFalse(Statuses.isTerminal(ofNumber(number)), () -> "status " + number);
      assertFalse(Statuses.isApproved(ofNumber(number)), () -> "status " + number);
    }
  }

  private static ApprovalStatus ofNumber(int number) {
    return Approval.newBuilder().setStatusValue(number).build().getStatus();
  }
}

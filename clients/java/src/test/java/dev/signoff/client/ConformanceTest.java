package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalStatus;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
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
    assertEquals(arguments, Arguments.of("t", arguments).given());
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void refusal(JsonObject vector) {
    JsonObject fields = vector.getAsJsonObject("fields");
    Function<String, String> field = name -> fields.has(name) ? fields.get(name).getAsString() : "";
    String tool = field.apply("tool_name");
    Refusal refusal =
        switch (vector.get("kind").getAsString()) {
          case "Rejected" ->
              new Refusal.Rejected(tool, "id", field.apply("comment"), "dev/reviewer");
          case "AutoRejected" ->
              new Refusal.AutoRejected(tool, "id", "rule", field.apply("message"));
          case "TimedOut" -> new Refusal.TimedOut(tool, "id");
          case "Cancelled" -> new Refusal.Cancelled(tool, "id");
          case "AlreadyClaimed" ->
              new Refusal.AlreadyClaimed(
                  tool,
                  "id",
                  field.apply("result"),
                  field.apply("report_time"),
                  field.apply("message"),
                  null);
          case "ClaimWindowClosed" -> new Refusal.ClaimWindowClosed(tool, "id", null);
          case "DigestMismatch" -> new Refusal.DigestMismatch(tool, "id", null);
          case "UnknownStatus" -> new Refusal.UnknownStatus(tool, "id");
          case "InvalidAnswer" -> new Refusal.InvalidAnswer(tool, "id", field.apply("problem"));
          case "Unavailable" -> new Refusal.Unavailable(tool, "id", null);
          case "RequestFailed" ->
              new Refusal.RequestFailed(
                  tool,
                  "id",
                  Status.Code.UNKNOWN,
                  field.apply("reason"),
                  field.apply("message"),
                  null);
          case "InvalidArguments" ->
              new Refusal.InvalidArguments(tool, "id", field.apply("path"), field.apply("problem"));
          default -> fail("a kind that this client does not have: " + vector);
        };
    assertEquals(vector.get("text").getAsString(), refusal.getMessage());
    assertEquals(tool, refusal.toolName());
    assertEquals("id", refusal.approvalId());
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

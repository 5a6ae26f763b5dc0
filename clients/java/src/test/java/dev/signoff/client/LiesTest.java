package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.signoff.v1.ClaimExecutionResponse;
import dev.signoff.v1.ExecutionResult;
import dev.signoff.v1.ReportExecutionRequest;
import dev.signoff.v1.ReportExecutionResponse;
import dev.signoff.v1.RequestApprovalResponse;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** 17: a server that lies, as tests/conformance/lies.json says. */
class LiesTest {
  private static final JsonObject LIST = Conformance.file("lies.json");

  private final AtomicInteger runs = new AtomicInteger();
  private Log log;
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    client = server.client();
    log = new Log();
  }

  @AfterEach
  void stop() {
    log.close();
    client.close();
    server.close();
  }

  static Stream<JsonObject> lies() {
    return Conformance.read("lies.json", "lies");
  }

  /** RFC 7396. */
  private static JsonElement merged(JsonElement target, JsonElement patch) {
    if (!patch.isJsonObject()) {
      return patch;
    }
    JsonObject result =
        target != null && target.isJsonObject()
            ? target.getAsJsonObject().deepCopy()
            : new JsonObject();
    for (Map.Entry<String, JsonElement> member : patch.getAsJsonObject().entrySet()) {
      result.add(member.getKey(), merged(result.get(member.getKey()), member.getValue()));
      if (member.getValue().isJsonNull()) {
        result.remove(member.getKey());
      }
    }
    return result;
  }

  @SuppressWarnings("unchecked")
  private static <M extends Message> M parsed(JsonElement json, Message.Builder into) {
    try {
      if (!json.isJsonNull()) {
        JsonFormat.parser().merge(json.toString(), into);
      }
      return (M) into.build();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(json.toString(), e);
    }
  }

  /** Has the server answer honestly, but for the changes of one entry of the list. */
  private void tell(JsonObject entry) {
    JsonObject answers = LIST.getAsJsonObject("honest").deepCopy();
    JsonObject changes = entry.getAsJsonObject("changes");
    for (Map.Entry<String, JsonElement> change : changes.entrySet()) {
      assertTrue(answers.has(change.getKey()), change.getKey());
      answers.add(change.getKey(), merged(answers.get(change.getKey()), change.getValue()));
    }
    boolean breaks = entry.has("reconnect");
    server.onAsk.then(
        (request, stream) -> {
          send(stream, answers.get("first"));
          if (breaks) {
            stream.onError(Status.UNAVAILABLE.asException());
          } else {
            send(stream, answers.get("second"));
            stream.onCompleted();
          }
        });
    if (breaks) {
      server.onAsk.then(
          (request, stream) -> {
            send(stream, answers.get("second"));
            stream.onCompleted();
          });
    }
    server.onClaim.then(
        (request, answer) -> {
          ClaimExecutionResponse granted =
              parsed(answers.get("claim"), ClaimExecutionResponse.newBuilder());
          answer.onNext(granted);
          answer.onCompleted();
        });
    server.onReport.then(
        (request, answer) -> {
          ReportExecutionResponse taken =
              parsed(answers.get("report"), ReportExecutionResponse.newBuilder());
          answer.onNext(taken);
          answer.onCompleted();
        });
  }

  private static void send(StreamObserver<RequestApprovalResponse> stream, JsonElement answer) {
    if (!answer.isJsonNull()) {
      RequestApprovalResponse message = parsed(answer, RequestApprovalResponse.newBuilder());
      stream.onNext(message);
    }
  }

  private Runner run() {
    JsonObject call = LIST.getAsJsonObject("call");
    Gate gate =
        client
            .gate(call.get("tool_name").getAsString())
            .requestId(call.get("request_id").getAsString())
            .patience(Duration.ofSeconds(5));
    Map<?, ?> arguments = (Map<?, ?>) Conformance.toJava(call.get("arguments"));
    Map<String, Object> named = new LinkedHashMap<>();
    arguments.forEach((name, value) -> named.put((String) name, value));
    return Runner.of(gate, named, runs);
  }

  static Stream<JsonObject> honest() {
    JsonObject truth = new JsonObject();
    truth.add("changes", new JsonObject());
    truth.addProperty("asks", 1);
    return Stream.concat(Stream.of(truth), Conformance.read("lies.json", "accepted"));
  }

  @ParameterizedTest
  @MethodSource("honest")
  void honestAnswersRunIt(JsonObject entry) throws Exception {
    tell(entry);
    run().result();
    assertEquals(1, runs.get());
    expectCalls(
        entry.get("asks").getAsInt(), 1, List.of(ExecutionResult.EXECUTION_RESULT_SUCCEEDED));
    assertTrue(log.lines("").isEmpty(), () -> log.lines("").toString());
  }

  @Test
  void theListIsWhole() {
    assertTrue(lies().count() > 80);
    assertTrue(honest().count() > 5);
  }

  @ParameterizedTest
  @MethodSource("lies")
  void lie(JsonObject lie) throws Exception {
    tell(lie);
    ExecutionResult result;
    if (lie.get("refusal").isJsonNull()) {
      run().result();
      assertEquals(1, runs.get());
      assertTrue(
          log.lines("").stream().anyMatch(line -> line.endsWith("another claim or outcome")),
          () -> log.lines("").toString());
      result = ExecutionResult.EXECUTION_RESULT_SUCCEEDED;
    } else {
      JsonObject expected = lie.getAsJsonObject("refusal");
      Refusal refusal = run().failure(Refusal.class);
      assertEquals(expected.get("kind").getAsString(), refusal.getClass().getSimpleName());
      if (expected.has("problem")) {
        String problem = assertInstanceOf(Refusal.InvalidAnswer.class, refusal).problem();
        assertEquals(expected.get("problem").getAsString(), problem);
      }
      assertEquals(0, runs.get());
      result = ExecutionResult.EXECUTION_RESULT_FAILED;
    }
    int asks = lie.has("asks") ? lie.get("asks").getAsInt() : -1;
    int reports = lie.get("reports").getAsInt();
    expectCalls(
        asks, lie.get("claims").getAsInt(), Stream.generate(() -> result).limit(reports).toList());
  }

  /** How often the client called; any number from 2 on for -1. */
  private void expectCalls(int asks, int claims, List<ExecutionResult> reports) {
    if (asks < 0) {
      assertTrue(server.asked.size() > 1);
    } else {
      assertEquals(asks, server.asked.size());
    }
    assertEquals(claims, server.claimed.size());
    assertEquals(reports, server.reported.stream().map(ReportExecutionRequest::getResult).toList());
  }
}

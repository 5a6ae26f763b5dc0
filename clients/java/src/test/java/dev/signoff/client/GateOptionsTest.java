package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Wrong options of a gate are errors of use when they are set, and name the option. */
class GateOptionsTest {
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client();
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private Gate gate() {
    return client.gate("send_email");
  }

  private static <K, V> Map<K, V> one(Object name, Object value) {
    Map<Object, Object> map = new HashMap<>();
    map.put(name, value);
    @SuppressWarnings("unchecked")
    Map<K, V> unchecked = (Map<K, V>) map;
    return unchecked;
  }

  @SuppressWarnings("unchecked")
  private static <T> List<T> list(Object... elements) {
    return (List<T>) Arrays.asList(elements);
  }

  private Map<String, List<Executable>> wrong() {
    Map<String, List<Executable>> wrong = new HashMap<>();
    wrong.put("toolName", List.of(() -> client.gate(null), () -> client.gate("")));
    wrong.put("agentName", List.of(() -> gate().agentName(null)));
    wrong.put("runId", List.of(() -> gate().runId(null), () -> gate().runId("")));
    wrong.put("callId", List.of(() -> gate().callId(null), () -> gate().callId("")));
    wrong.put("requestId", List.of(() -> gate().requestId(null), () -> gate().requestId("")));
    wrong.put("chain", List.of(() -> gate().chain(null)));
    wrong.put(
        "chain[1]", List.of(() -> gate().chain(list("a", 1)), () -> gate().chain(list("a", null))));
    wrong.put("reason", List.of(() -> gate().reason(null)));
    wrong.put("labels", List.of(() -> gate().labels(null)));
    wrong.put(
        "labels.team",
        List.of(() -> gate().labels(one("team", 1)), () -> gate().labels(one("team", null))));
    wrong.put("the name of each of labels", List.of(() -> gate().labels(one(1, "a"))));
    wrong.put(
        "timeout",
        List.of(
            () -> gate().timeout(null),
            () -> gate().timeout(Duration.ZERO),
            () -> gate().timeout(Duration.ofSeconds(-1)),
            () -> gate().timeout(ChronoUnit.FOREVER.getDuration())));
    wrong.put("argumentsSchema", List.of(() -> gate().argumentsSchema(null)));
    wrong.put(
        "onBehalfOf: subject",
        List.of(() -> gate().onBehalfOf("", null), () -> gate().onBehalfOf("", "")));
    wrong.put("onBehalfOf: issuer", List.of(() -> gate().onBehalfOf(null, "a")));
    wrong.put(
        "patience",
        List.of(() -> gate().patience(null), () -> gate().patience(Duration.ofNanos(-1))));
    wrong.put("onProgress", List.of(() -> gate().onProgress(null)));
    wrong.put("onRefusal", List.of(() -> gate().onRefusal(null)));
    wrong.put("argumentsCheck", List.of(() -> gate().argumentsCheck(null)));
    wrong.put("cancelHandle", List.of(() -> gate().cancelHandle(null)));
    wrong.put(
        "requiredOptions",
        List.of(
            () -> gate().requiredOptions("label"),
            () -> gate().requiredOptions("run_id"),
            () -> gate().requiredOptions((String) null)));
    wrong.put("function", List.of(() -> gate().wrap(null), () -> gate().call(Map.of(), null)));
    wrong.put("type", List.of(() -> gate().wrap((Class<Empty>) null, empty -> empty)));
    wrong.put("arguments", List.of(() -> gate().call(null, run -> null), () -> gate().ask(null)));
    wrong.put("handle", List.of(() -> gate().await(null), () -> gate().resume(null, run -> null)));
    return wrong;
  }

  record Empty() {}

  @Test
  void wrongOptionsAreNamed() {
    wrong()
        .forEach(
            (name, uses) -> {
              for (Executable use : uses) {
                RuntimeException error = assertThrows(RuntimeException.class, use);
                assertTrue(error.getMessage().startsWith(name), name + ": " + error);
              }
            });
    assertTrue(server.asked.isEmpty());
  }

  @Test
  void optionsMayBeRequired() throws Exception {
    Gate strict = gate().requiredOptions("labels", "runId");
    IllegalStateException error =
        assertThrows(IllegalStateException.class, () -> strict.call(Map.of(), run -> null));
    assertEquals(
        "a call of send_email lacks options that its gate requires: labels, runId",
        error.getMessage());
    Gate half = strict.runId("r").labels(Collections.emptyMap());
    error = assertThrows(IllegalStateException.class, () -> half.wrap(a -> a).call(Map.of()));
    assertTrue(error.getMessage().endsWith(": labels"));
    assertTrue(server.asked.isEmpty());
    assertDoesNotThrow(() -> half.labels(Map.of("team", "a")).call(Map.of(), run -> null));
  }

  @Test
  void everyOptionMayBeRequired() {
    for (CallOption option : CallOption.values()) {
      Gate gate = gate().requiredOptions(option.toString());
      IllegalStateException error =
          assertThrows(IllegalStateException.class, () -> gate.call(Map.of(), run -> null));
      assertTrue(error.getMessage().endsWith(": " + option), error::getMessage);
    }
    Gate all =
        gate()
            .agentName("bot")
            .runId("r")
            .callId("c")
            .chain(List.of("planner"))
            .reason("because")
            .labels(Map.of("team", "a"))
            .timeout(Duration.ofMinutes(1))
            .argumentsSchema(Map.of())
            .onBehalfOf("", "olga")
            .requestId("q")
            .cancelHandle(new CancelHandle())
            .requiredOptions(
                Arrays.stream(CallOption.values())
                    .map(CallOption::toString)
                    .toArray(String[]::new));
    assertDoesNotThrow(() -> all.call(Map.of(), run -> null));
  }

  /** What a gate says follows it into other threads: it is a value. */
  @Test
  void optionsFollowIntoThreads() throws Exception {
    Gate gate = gate().labels(Map.of("team", "a")).runId("r").callId("c");
    Runner.of(() -> gate.call(Map.of(), run -> null)).result();
    assertEquals("a", server.asked.take().getLabelsOrThrow("team"));
  }
}

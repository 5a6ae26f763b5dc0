package dev.signoff.client;

import com.google.protobuf.Struct;
import dev.signoff.v1.Person;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is said about a gated call, beside its arguments. A gate copies it before it changes it;
 * others only read it.
 */
final class CallSettings implements Cloneable {
  final String toolName;
  String agentName = "";
  String runId = "";
  List<String> chain = List.of();
  String reason = "";
  Map<String, String> labels = Map.of();
  Duration timeout;
  private Struct argumentsSchema;
  private String schemaProblem = "";
  Person onBehalfOf;
  String requestId = "";
  String callId = "";
  Duration patience = Duration.ofSeconds(30);
  Consumer<Progress> onProgress = progress -> {};
  boolean cancelOnAbandon;

  CallSettings(String toolName) {
    this.toolName = Objects.requireNonNull(toolName, "toolName");
  }

  /** Keeps a copy; what cannot be sent is refused when it is asked for. */
  void argumentsSchema(Map<String, ?> schema) {
    try {
      argumentsSchema = Arguments.of(toolName, schema).message();
      schemaProblem = "";
    } catch (Refusal.InvalidArguments e) {
      String where = e.path().isEmpty() ? "arguments_schema" : "arguments_schema." + e.path();
      schemaProblem = where + " " + e.problem();
    }
  }

  Optional<Struct> argumentsSchema() throws Refusal {
    if (!schemaProblem.isEmpty()) {
      throw Requests.unfit(this, schemaProblem);
    }
    return Optional.ofNullable(argumentsSchema);
  }

  CallSettings copy() {
    try {
      return (CallSettings) clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }
}

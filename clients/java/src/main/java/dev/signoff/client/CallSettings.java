package dev.signoff.client;

import com.google.protobuf.Struct;
import dev.signoff.v1.Person;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
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

  /** Sent where there is no other. */
  private Struct derivedSchema;

  boolean deriveSchema = true;
  OnRefusal onRefusal = OnRefusal.RAISE;
  Person onBehalfOf;
  String requestId = "";
  String callId = "";
  Duration patience = Duration.ofSeconds(30);
  Consumer<Progress> onProgress = progress -> {};
  boolean cancelOnAbandon;

  /** Null if there is none. */
  CancelHandle cancelHandle;

  Consumer<Map<String, Object>> argumentsCheck = arguments -> {};

  Set<CallOption> requiredOptions = Set.of();

  CallSettings(String toolName) {
    if (Objects.requireNonNull(toolName, "toolName").isEmpty()) {
      throw new IllegalArgumentException("toolName must not be empty");
    }
    this.toolName = toolName;
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

  boolean hasArgumentsSchema() {
    return argumentsSchema != null || !schemaProblem.isEmpty();
  }

  Optional<Struct> argumentsSchema() throws Requests.Unfit {
    if (!schemaProblem.isEmpty()) {
      throw new Requests.Unfit(schemaProblem);
    }
    return Optional.ofNullable(argumentsSchema == null ? derivedSchema : argumentsSchema);
  }

  /** The same settings, with the schema that follows from the parameters, if it is to be sent. */
  CallSettings withDerived(DerivedSchema schema, Advice advice) {
    if (!deriveSchema || hasArgumentsSchema()) {
      return this;
    }
    advice.considerSchema(toolName, schema);
    CallSettings derived = copy();
    derived.derivedSchema = schema.struct().orElse(null);
    return derived;
  }

  /**
   * Checks what only the whole of the settings shows.
   *
   * @throws IllegalStateException if they name no call, or not all that is required
   */
  void requireUsable() {
    if (!callId.isEmpty() && runId.isEmpty()) {
      throw new IllegalStateException("callId needs runId: alone it does not identify a call");
    }
    List<String> missing =
        requiredOptions.stream()
            .filter(option -> !option.isSet(this))
            .map(CallOption::toString)
            .sorted()
            .toList();
    if (!missing.isEmpty()) {
      throw new IllegalStateException(
          "a call of "
              + toolName
              + " lacks options that its gate requires: "
              + String.join(", ", missing));
    }
  }

  /** Lets the caller's own check look at arguments. */
  void requireFit(Arguments arguments) throws Misfit.Found {
    try {
      argumentsCheck.accept(arguments.given());
    } catch (IllegalArgumentException e) {
      throw new Misfit.Found("", Text.of(e));
    }
  }

  /** Whether trying the call again finds the same approval. */
  boolean canBeRepeated() {
    return !requestId.isEmpty() || !callId.isEmpty();
  }

  CallSettings copy() {
    try {
      return (CallSettings) clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }
}

package dev.signoff.client;

import dev.signoff.v1.Person;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
  Map<String, ?> argumentsSchema;
  Person onBehalfOf;
  String requestId = "";
  String callId = "";
  Duration patience = Duration.ofSeconds(30);
  Consumer<Progress> onProgress = progress -> {};
  boolean cancelOnAbandon;

  CallSettings(String toolName) {
    this.toolName = Objects.requireNonNull(toolName, "toolName");
  }

  CallSettings copy() {
    try {
      return (CallSettings) clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }
}

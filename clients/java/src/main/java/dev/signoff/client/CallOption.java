package dev.signoff.client;

import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/** The options of a gated call that a gate can require. */
enum CallOption {
  AGENT_NAME("agentName", call -> !call.agentName.isEmpty()),
  RUN_ID("runId", call -> !call.runId.isEmpty()),
  CHAIN("chain", call -> !call.chain.isEmpty()),
  REASON("reason", call -> !call.reason.isEmpty()),
  LABELS("labels", call -> !call.labels.isEmpty()),
  TIMEOUT("timeout", call -> call.timeout != null),
  ARGUMENTS_SCHEMA("argumentsSchema", CallSettings::hasArgumentsSchema),
  ON_BEHALF_OF("onBehalfOf", call -> call.onBehalfOf != null),
  REQUEST_ID("requestId", call -> !call.requestId.isEmpty()),
  CALL_ID("callId", call -> !call.callId.isEmpty()),
  CANCEL_HANDLE("cancelHandle", call -> call.cancelHandle != null);

  private final String name;
  private final Predicate<CallSettings> isSet;

  CallOption(String name, Predicate<CallSettings> isSet) {
    this.name = name;
    this.isSet = isSet;
  }

  /**
   * Finds an option by the name of the gate's method.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  static CallOption named(String name) {
    return Arrays.stream(values())
        .filter(option -> option.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "requiredOptions: unknown option "
                        + name
                        + "; known are "
                        + List.of(values())));
  }

  boolean isSet(CallSettings call) {
    return isSet.test(call);
  }

  @Override
  public String toString() {
    return name;
  }
}

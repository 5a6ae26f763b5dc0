package dev.signoff.client;

import dev.signoff.v1.Agent;
import dev.signoff.v1.RequestApprovalRequest;
import io.grpc.Status;
import java.util.UUID;
import java.util.stream.Stream;

/** Makes the request of a gated call, and refuses what cannot be sent. */
final class Requests {
  private static final int MAX_ENCODED_BYTES = 1 << 20;

  private Requests() {}

  static RequestApprovalRequest make(Connection connection, CallSettings call, Arguments arguments)
      throws Refusal {
    call.requireUsable();
    try {
      return make(call, arguments);
    } catch (Unfit e) {
      Status.Code code = Status.Code.INVALID_ARGUMENT;
      throw new Refusal.RequestFailed(
          call.toolName, "", connection.address(), code, code.name(), e.getMessage(), null);
    }
  }

  private static RequestApprovalRequest make(CallSettings call, Arguments arguments) throws Unfit {
    requireUnicode(call);
    RequestApprovalRequest.Builder request =
        RequestApprovalRequest.newBuilder()
            .setRequestId(requestId(call))
            .setToolName(call.toolName)
            .setArguments(arguments.message())
            .setReason(call.reason)
            .putAllLabels(call.labels);
    Agent agent =
        Agent.newBuilder()
            .setName(call.agentName)
            .setRunId(call.runId)
            .addAllChain(call.chain)
            .build();
    if (!agent.equals(Agent.getDefaultInstance())) {
      request.setAgent(agent);
    }
    if (call.timeout != null) {
      request.setTimeout(Times.message(call.timeout));
    }
    call.argumentsSchema().ifPresent(request::setArgumentsSchema);
    if (call.onBehalfOf != null) {
      request.setOnBehalfOf(call.onBehalfOf);
    }
    RequestApprovalRequest made = request.build();
    if (made.getSerializedSize() > MAX_ENCODED_BYTES) {
      throw new Unfit(
          "the request has "
              + made.getSerializedSize()
              + " bytes; the maximum is "
              + MAX_ENCODED_BYTES);
    }
    return made;
  }

  private static String requestId(CallSettings call) {
    if (!call.requestId.isEmpty()) {
      return call.requestId;
    }
    return call.callId.isEmpty()
        ? UUID.randomUUID().toString()
        : Canonical.requestId(call.runId, call.callId);
  }

  // Protocol Buffers would silently replace characters without an encoding.
  private static void requireUnicode(CallSettings call) throws Unfit {
    Stream<String> texts =
        Stream.of(
            call.toolName, call.agentName, call.runId, call.callId, call.reason, call.requestId);
    Stream<String> labels =
        call.labels.entrySet().stream().flatMap(l -> Stream.of(l.getKey(), l.getValue()));
    Stream<String> person =
        Stream.ofNullable(call.onBehalfOf).flatMap(p -> Stream.of(p.getIssuer(), p.getSubject()));
    boolean fine =
        Stream.of(texts, call.chain.stream(), labels, person)
            .flatMap(all -> all)
            .allMatch(Text::isUnicode);
    if (!fine) {
      throw new Unfit("a text of the request is not valid Unicode");
    }
  }

  /** What the server would refuse. */
  static final class Unfit extends Exception {
    private static final long serialVersionUID = 1;

    Unfit(String problem) {
      super(problem);
    }
  }
}

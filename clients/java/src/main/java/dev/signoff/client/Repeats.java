package dev.signoff.client;

import io.grpc.Context;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Warns once for each tool of calls that, tried again, ask for a second approval: who waits no
 * longer for the first one may then have the tool run twice.
 */
final class Repeats {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  private final Set<String> warned = ConcurrentHashMap.newKeySet();

  void check(CallSettings call) {
    // A context does not tell whether it can be cancelled; the root cannot.
    boolean stoppable = call.cancelHandle != null || Context.current() != Context.ROOT;
    if (!stoppable && !call.canBeRepeated() && warned.add(call.toolName)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The call to "
              + call.toolName
              + " has neither a requestId, nor a runId and a callId, nor a cancelHandle: trying it"
              + " again asks for a second approval.");
    }
  }
}

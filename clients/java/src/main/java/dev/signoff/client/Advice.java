package dev.signoff.client;

import io.grpc.Context;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

/** Warns, once for each client and tool, of calls that will cause problems later. */
final class Advice {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  /** Threads of Netty, Vert.x, Reactor Netty, Swing and JavaFX, which serve others meanwhile. */
  private static final Pattern EVENT_LOOPS =
      Pattern.compile(
          ".*event-?loop.*|reactor-http-.*|AWT-EventQueue.*|JavaFX Application Thread",
          Pattern.CASE_INSENSITIVE);

  private final Set<String> toldOfRepeats = ConcurrentHashMap.newKeySet();
  private final Set<String> toldOfSchemas = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean toldOfEventLoops = new AtomicBoolean();

  /** Warns of a call whose retry is a second request. */
  void considerRepeats(CallSettings call) {
    if (!isStoppable(call) && !call.canBeRepeated() && toldOfRepeats.add(call.toolName)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The call to "
              + call.toolName
              + " has no requestId, no runId with callId, and no cancelHandle."
              + " A retry asks for a second approval.");
    }
  }

  /** Warns of a wrapped function without a schema. */
  void considerSchema(String toolName, DerivedSchema schema) {
    if (!schema.whyNot().isEmpty() && toldOfSchemas.add(toolName)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "No schema is sent with calls to "
              + toolName
              + ": "
              + schema.whyNot()
              + ". An edit that does not fit is rejected only after the approval.");
    }
  }

  /** Warns of a call that blocks an event loop. */
  void considerThread(CallSettings call) {
    Thread thread = Thread.currentThread();
    if (isEventLoop(thread) && toldOfEventLoops.compareAndSet(false, true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The call to "
              + call.toolName
              + " blocks the event loop "
              + thread.getName()
              + " until the decision: make the call on another thread.");
    }
  }

  // A context does not tell whether it can be cancelled; the root cannot.
  private static boolean isStoppable(CallSettings call) {
    return call.cancelHandle != null || Context.current() != Context.ROOT;
  }

  private static boolean isEventLoop(Thread thread) {
    for (Class<?> marker : thread.getClass().getInterfaces()) {
      if (marker.getName().equals("reactor.core.scheduler.NonBlocking")) {
        return true;
      }
    }
    return EVENT_LOOPS.matcher(thread.getName()).matches();
  }
}

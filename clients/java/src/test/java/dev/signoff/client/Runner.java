package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A gated call on a thread of its own, which may be interrupted. */
final class Runner {
  private final CompletableFuture<Object> result = new CompletableFuture<>();
  private final Thread thread;

  private Runner(Callable<Object> call) {
    thread =
        new Thread(
            () -> {
              try {
                result.complete(call.call());
              } catch (Throwable e) {
                result.completeExceptionally(e);
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  static Runner of(Callable<Object> call) {
    return new Runner(call);
  }

  /** Calls a gate with a function that counts its runs and returns its arguments. */
  static Runner of(Gate gate, Map<String, ?> arguments, AtomicInteger runs) {
    return of(
        () ->
            gate.call(
                arguments,
                run -> {
                  runs.incrementAndGet();
                  return run.arguments();
                }));
  }

  /** Returns when the call is in a delay. */
  void untilPaused() {
    untilIn("pause");
  }

  /** Returns when the call waits for the future that its function returned. */
  void untilAwaiting() {
    untilIn("settle");
  }

  private void untilIn(String method) {
    while (Stream.of(thread.getStackTrace())
        .noneMatch(frame -> frame.getMethodName().equals(method))) {
      assertTrue(thread.isAlive(), "the call has ended");
      Thread.onSpinWait();
    }
  }

  void interrupt() {
    thread.interrupt();
  }

  Object result() throws Exception {
    return result.get(60, TimeUnit.SECONDS);
  }

  <T extends Throwable> T failure(Class<T> type) {
    return assertThrows(
        type,
        () -> {
          try {
            fail("returned " + result.orTimeout(60, TimeUnit.SECONDS).join());
          } catch (CompletionException e) {
            throw e.getCause();
          }
        });
  }
}

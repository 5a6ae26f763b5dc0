package dev.signoff.testing;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Something that waits for a decision, on a thread of its own.
 *
 * @param <T> what it comes to
 */
public final class Background<T> {
  private final CompletableFuture<T> result = new CompletableFuture<>();
  private final Thread thread;

  private Background(Callable<T> work) {
    thread =
        new Thread(
            () -> {
              try {
                result.complete(work.call());
              } catch (Throwable e) {
                result.completeExceptionally(e);
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Begins it.
   *
   * @param work what is done
   * @param <T> what it comes to
   * @return the work
   */
  public static <T> Background<T> of(Callable<T> work) {
    return new Background<>(work);
  }

  /** Interrupts its thread. */
  public void interrupt() {
    thread.interrupt();
  }

  /**
   * Waits for it.
   *
   * @return what it came to
   * @throws Exception what it threw, as the cause
   */
  public T result() throws Exception {
    return result.get(60, TimeUnit.SECONDS);
  }
}

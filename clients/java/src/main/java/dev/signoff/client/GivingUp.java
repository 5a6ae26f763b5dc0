package dev.signoff.client;

import io.grpc.Context;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A caller stops waiting by interrupting the thread, or by cancelling its gRPC context. */
final class GivingUp {
  /** The maximum time for cleaning up after the caller stopped waiting. */
  static final Duration LIMIT = Duration.ofSeconds(5);

  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  private GivingUp() {}

  /** Throws if the caller stopped waiting. */
  static void check() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    if (Context.current().isCancelled()) {
      throw new ContextCancelled();
    }
  }

  /** The context was cancelled; the thread was not interrupted. */
  static final class ContextCancelled extends InterruptedException {
    private static final long serialVersionUID = 1;

    ContextCancelled() {
      super("the context of the call was cancelled");
    }
  }

  /**
   * Waits until the latch is counted down, or the time is over.
   *
   * @throws InterruptedException if the caller stops waiting
   */
  static void await(CountDownLatch latch, Duration time) throws InterruptedException {
    Context caller = Context.current();
    Context.CancellationListener wake = cancelled -> latch.countDown();
    caller.addListener(wake, Runnable::run);
    try {
      latch.await(time.toNanos(), TimeUnit.NANOSECONDS);
    } finally {
      caller.removeListener(wake);
    }
    check();
  }

  /** The cleanup after the caller stopped waiting. */
  interface Task {
    void run() throws InterruptedException;
  }

  /**
   * Does what is left to do, on a thread that is not interrupted and in a context that is not
   * cancelled, and waits for it, though not longer than the limit. An interrupt of the calling
   * thread meanwhile is kept for later.
   */
  static void finish(String what, Task task) {
    Thread worker =
        new Thread(
            Context.current()
                .fork()
                .wrap(
                    () -> {
                      try {
                        task.run();
                      } catch (InterruptedException e) {
                        // The limit is over: this thread ends.
                      }
                    }),
            "signoff-giving-up");
    worker.setDaemon(true);
    worker.start();
    long end = System.nanoTime() + LIMIT.toNanos();
    boolean interrupted = false;
    while (worker.isAlive()) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        worker.interrupt();
        LOG.log(System.Logger.Level.WARNING, what + " took too long, and was left");
        break;
      }
      try {
        TimeUnit.NANOSECONDS.timedJoin(worker, left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

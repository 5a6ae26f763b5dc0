package dev.signoff.client;

import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Delays that double, spread at random so that callers which were cut off together do not come back
 * together.
 */
final class Backoff {
  static final Duration FIRST = Duration.ofMillis(250);
  static final Duration GREATEST = Duration.ofSeconds(10);

  private Duration next = FIRST;

  /** The delay after this failure; never shorter than the server asked for. */
  Duration delay(StatusRuntimeException failure) {
    Duration half = next.dividedBy(2);
    next = min(next.multipliedBy(2), GREATEST);
    Duration spread = Duration.ofNanos(ThreadLocalRandom.current().nextLong(half.toNanos() + 1));
    Duration asked = Failures.retryDelay(failure).orElse(half);
    return max(asked, half).plus(spread);
  }

  /** Begins anew, after something went well. */
  void reset() {
    next = FIRST;
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) <= 0 ? a : b;
  }

  private static Duration max(Duration a, Duration b) {
    return a.compareTo(b) >= 0 ? a : b;
  }
}

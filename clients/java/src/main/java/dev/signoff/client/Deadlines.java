package dev.signoff.client;

import io.grpc.Deadline;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Points in time by this machine's monotonic clock. */
final class Deadlines {
  /** Further ahead nobody waits, and nanoseconds still count that far. */
  static final Duration FURTHEST = Duration.ofDays(3650);

  private Deadlines() {}

  static Deadline after(Duration span) {
    return Deadline.after(clamp(span).toNanos(), TimeUnit.NANOSECONDS);
  }

  static Deadline later(Deadline deadline, Duration span) {
    return deadline.offset(clamp(span).toNanos(), TimeUnit.NANOSECONDS);
  }

  static Duration remaining(Deadline deadline) {
    return Duration.ofNanos(Math.max(0, deadline.timeRemaining(TimeUnit.NANOSECONDS)));
  }

  static boolean isPositiveAndFinite(Duration span) {
    return !span.isNegative() && !span.isZero() && span.compareTo(FURTHEST) <= 0;
  }

  /** Within what a clock can add. */
  static Duration clamp(Duration span) {
    if (span.isNegative()) {
      return Duration.ZERO;
    }
    return span.compareTo(FURTHEST) > 0 ? FURTHEST : span;
  }
}

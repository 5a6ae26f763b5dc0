package dev.signoff.client;

import com.google.protobuf.Timestamp;
import java.time.Duration;
import java.time.Instant;

/** Times of the protocol, and those of Java. */
final class Times {
  // What the protocol's types may hold at most. A message may hold more, and Java's types may not.
  private static final long EARLIEST = Instant.parse("0001-01-01T00:00:00Z").getEpochSecond();
  private static final long LATEST = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();
  private static final long LONGEST = LATEST - EARLIEST;

  private Times() {}

  static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(
        within(-LONGEST, duration.getSeconds(), LONGEST), duration.getNanos());
  }

  static com.google.protobuf.Duration message(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  /** What lies between two times of the same clock. */
  static Duration between(Timestamp from, Timestamp to) {
    return Duration.between(instant(from), instant(to));
  }

  private static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(within(EARLIEST, time.getSeconds(), LATEST), time.getNanos());
  }

  private static long within(long least, long value, long most) {
    return Math.max(least, Math.min(value, most));
  }
}

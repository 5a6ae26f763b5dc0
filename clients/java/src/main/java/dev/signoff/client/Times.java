package dev.signoff.client;

import com.google.protobuf.Timestamp;
import java.time.Duration;
import java.time.Instant;

/** Times of the protocol, and those of Java. */
final class Times {
  private Times() {}

  static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  static com.google.protobuf.Duration message(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  /** What lies between two times of the same clock. */
  static Duration between(Timestamp from, Timestamp to) {
    return Duration.between(
        Instant.ofEpochSecond(from.getSeconds(), from.getNanos()),
        Instant.ofEpochSecond(to.getSeconds(), to.getNanos()));
  }
}

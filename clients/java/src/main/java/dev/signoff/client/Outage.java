package dev.signoff.client;

import io.grpc.Deadline;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/** Logs once in a gated call that the server is unreachable. */
final class Outage {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");

  private final String address;
  private final AtomicBoolean told = new AtomicBoolean();

  Outage(Connection connection) {
    this.address = connection.address();
  }

  /** A call has failed, and is tried again until the bound. */
  void failed(StatusRuntimeException failure, Deadline bound) {
    // A server that gives a reason of its own can be reached.
    if (Failures.ownReason(failure).isEmpty() && told.compareAndSet(false, true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          RefusalText.unreachable(address, Problems.of(failure))
              + (bound.isExpired()
                  ? " Trying once more."
                  : " Trying for " + spoken(Deadlines.remaining(bound)) + "."));
    }
  }

  private static String spoken(Duration time) {
    long seconds = time.plus(Duration.ofSeconds(1).minusNanos(1)).toSeconds();
    if (seconds <= 120) {
      return seconds + " s";
    }
    long minutes = (seconds + 59) / 60;
    return minutes <= 120 ? minutes + " min" : (minutes + 59) / 60 + " h";
  }
}

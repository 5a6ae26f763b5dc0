package dev.signoff.client;

import io.grpc.Deadline;
import io.grpc.StatusRuntimeException;
import java.time.Duration;

/** The retries of a call after passing failures. */
final class Tries {
  /** The maximum time of the last try. */
  private static final Duration LAST_TRY = Duration.ofSeconds(5);

  private final Connection connection;
  private final Outage outage;
  private final Backoff backoff = new Backoff();
  private Deadline bound;
  private Deadline began;

  /** Whether the server has said anything in this try. */
  private boolean answered;

  Tries(Connection connection, Outage outage, Duration patience) {
    this.connection = connection;
    this.outage = outage;
    this.bound = Deadlines.after(patience);
    begin();
  }

  /** Sets another end. */
  void endAt(Deadline bound) {
    this.bound = bound;
  }

  /** When it ends, but for the last try. */
  Deadline bound() {
    return bound;
  }

  /** A try begins now. */
  void begin() {
    began = Deadlines.after(Duration.ZERO);
    answered = false;
  }

  /** The server has said something in this try: what breaks now is no outage yet. */
  void answered() {
    answered = true;
  }

  /** When a call that is answered once is cut: it may take somewhat longer than the tries. */
  Deadline callLimit() {
    return Deadlines.later(bound, LAST_TRY);
  }

  /** When a stream that begins now is cut, if nothing is known of the approval. */
  Deadline streamLimit() {
    return bound.isExpired() ? Deadlines.after(LAST_TRY) : bound;
  }

  /** Something went well: the next delay is the shortest again. */
  void progressed() {
    backoff.reset();
  }

  /**
   * Waits until the next try. There is one after the end, however long the one before took.
   *
   * @throws StatusRuntimeException the failure, if it does not pass
   * @throws OutOfPatience if there is no next try, or none can reach the server
   */
  void after(StatusRuntimeException failure) throws InterruptedException, OutOfPatience {
    if (Problems.permanent(failure).isPresent()) {
      throw new OutOfPatience(failure);
    }
    if (!Failures.isPassing(failure)) {
      throw failure;
    }
    if (!began.isBefore(bound) || connection.isClosed()) {
      throw new OutOfPatience(failure);
    }
    if (!answered) {
      outage.failed(failure, bound);
    }
    Duration left = Deadlines.remaining(bound);
    Duration delay = backoff.delay(failure);
    connection.pause(delay.compareTo(left) < 0 ? delay : left);
  }

  /** There is no further try. The cause is the last failure. */
  static final class OutOfPatience extends Exception {
    private static final long serialVersionUID = 1;
    private final StatusRuntimeException last;

    OutOfPatience(StatusRuntimeException last) {
      super(last);
      this.last = last;
    }

    Refusal.Unavailable refusal(
        Connection connection, String toolName, String approvalId, boolean approved) {
      return new Refusal.Unavailable(
          toolName, approvalId, approved, connection.address(), Problems.of(last), last);
    }
  }
}

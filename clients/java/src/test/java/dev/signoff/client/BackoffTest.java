package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Delays, and the failures that they follow. */
class BackoffTest {
  private static void assertBetween(Duration least, Duration delay, Duration most) {
    assertTrue(delay.compareTo(least) >= 0 && delay.compareTo(most) <= 0, delay::toString);
  }

  @Test
  void delaysDoubleUpToALimit() {
    StatusRuntimeException broken = Status.UNAVAILABLE.asRuntimeException();
    Backoff backoff = new Backoff();
    Duration base = Backoff.FIRST;
    for (int i = 0; i < 20; i++) {
      assertBetween(base.dividedBy(2), backoff.delay(broken), base);
      base =
          base.multipliedBy(2).compareTo(Backoff.GREATEST) > 0
              ? Backoff.GREATEST
              : base.multipliedBy(2);
    }
    backoff.reset();
    assertBetween(Backoff.FIRST.dividedBy(2), backoff.delay(broken), Backoff.FIRST);
  }

  @Test
  void theServerIsHonoured() {
    Duration asked = Duration.ofSeconds(3);
    StatusRuntimeException failure =
        FakeServer.failure(Status.Code.UNAVAILABLE, "", FakeServer.retryAfter(asked));
    assertBetween(asked, new Backoff().delay(failure), asked.plus(Backoff.FIRST));
  }

  @Test
  void detailsThatCannotBeReadSayNothing() {
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        ByteString.copyFromUtf8("\u0007nonsense").toByteArray());
    StatusRuntimeException failure = Status.INTERNAL.asRuntimeException(trailers);
    assertTrue(Failures.isPassing(failure));
    assertEquals("INTERNAL", Failures.refusal("http://h:1", "t", "", failure).reason());
  }

  @Test
  void reasonsOfOthersDoNotMakeAFailureTheServers() {
    ErrorInfo proxy = ErrorInfo.newBuilder().setDomain("proxy").setReason("OVERLOAD").build();
    assertTrue(Failures.isPassing(FakeServer.failure(Status.Code.INTERNAL, "", proxy)));
    assertFalse(
        Failures.isPassing(
            FakeServer.failure(Status.Code.INTERNAL, "", FakeServer.reason("INTERNAL"))));
    assertTrue(
        Failures.isPassing(
            FakeServer.failure(Status.Code.UNAVAILABLE, "", FakeServer.reason("DRAINING"))));
  }
}

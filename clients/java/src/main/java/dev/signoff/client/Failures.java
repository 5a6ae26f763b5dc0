package dev.signoff.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** What failures of calls mean. */
final class Failures {
  private static final String DOMAIN = "signoff.v1";

  /** What a connection that broke, or a proxy before the server, looks like. */
  private static final Set<Status.Code> BROKEN =
      EnumSet.of(
          Status.Code.CANCELLED,
          Status.Code.UNKNOWN,
          Status.Code.INTERNAL,
          Status.Code.ABORTED,
          Status.Code.OUT_OF_RANGE,
          Status.Code.DATA_LOSS,
          Status.Code.DEADLINE_EXCEEDED,
          Status.Code.RESOURCE_EXHAUSTED);

  private Failures() {}

  /** Whether the same call can succeed later. */
  static boolean isPassing(StatusRuntimeException failure) {
    Status.Code code = failure.getStatus().getCode();
    return code == Status.Code.UNAVAILABLE
        || retryDelay(failure).isPresent()
        || (BROKEN.contains(code) && ownReason(failure).isEmpty());
  }

  /** How long the server wants to be left alone. */
  static Optional<Duration> retryDelay(StatusRuntimeException failure) {
    return detail(failure, RetryInfo.class)
        .map(info -> Times.duration(info.getRetryDelay()))
        .map(Deadlines::clamp);
  }

  /** The reason that the server itself gives, and no proxy. */
  static Optional<String> ownReason(StatusRuntimeException failure) {
    return ownInfo(failure).map(ErrorInfo::getReason);
  }

  /** What the server itself says besides its reason; empty if it says nothing of that name. */
  static String ownMetadata(StatusRuntimeException failure, String name) {
    return ownInfo(failure).map(info -> info.getMetadataOrDefault(name, "")).orElse("");
  }

  static EarlierClaim earlierClaim(StatusRuntimeException failure) {
    return new EarlierClaim(
        ownMetadata(failure, "claimed_by"),
        ownMetadata(failure, "claim_time"),
        ownMetadata(failure, "result"),
        ownMetadata(failure, "report_time"),
        ownMetadata(failure, "message"));
  }

  private static Optional<ErrorInfo> ownInfo(StatusRuntimeException failure) {
    return detail(failure, ErrorInfo.class).filter(info -> info.getDomain().equals(DOMAIN));
  }

  static Refusal.RequestFailed refusal(
      String address, String toolName, String approvalId, StatusRuntimeException failure) {
    Status status = failure.getStatus();
    String reason =
        detail(failure, ErrorInfo.class).map(ErrorInfo::getReason).orElse(status.getCode().name());
    String message = Objects.requireNonNullElse(status.getDescription(), "");
    return new Refusal.RequestFailed(
        toolName, approvalId, address, status.getCode(), reason, message, failure);
  }

  private static <T extends Message> Optional<T> detail(
      StatusRuntimeException failure, Class<T> type) {
    try {
      com.google.rpc.Status details = StatusProto.fromThrowable(failure);
      if (details != null) {
        for (Any any : details.getDetailsList()) {
          if (any.is(type)) {
            return Optional.of(any.unpack(type));
          }
        }
      }
    } catch (IllegalArgumentException | InvalidProtocolBufferException e) {
      // Details that cannot be read say nothing.
      return Optional.empty();
    }
    return Optional.empty();
  }
}

package dev.signoff.client;

import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One stream of RequestApproval, read a message at a time by the thread that waits. */
final class UpdateStream implements AutoCloseable {
  private final ClientCall<RequestApprovalRequest, RequestApprovalResponse> call;
  private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();

  private sealed interface Arrival {}

  private record Received(RequestApprovalResponse message) implements Arrival {}

  private record Ended(Status status, Metadata trailers) implements Arrival {}

  UpdateStream(Channel channel, RequestApprovalRequest request) {
    call = channel.newCall(ApprovalServiceGrpc.getRequestApprovalMethod(), CallOptions.DEFAULT);
    call.start(new Listener(), new Metadata());
    call.sendMessage(request);
    call.halfClose();
    call.request(1);
  }

  private final class Listener extends ClientCall.Listener<RequestApprovalResponse> {
    @Override
    public void onMessage(RequestApprovalResponse message) {
      arrivals.add(new Received(message));
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      arrivals.add(new Ended(status, trailers));
    }
  }

  /**
   * The next message; empty when the stream has ended well.
   *
   * @throws StatusRuntimeException when it broke, or has said nothing until the limit
   */
  Optional<RequestApprovalResponse> next(Deadline limit) throws InterruptedException {
    Arrival arrival =
        arrivals.poll(limit.timeRemaining(TimeUnit.NANOSECONDS), TimeUnit.NANOSECONDS);
    if (arrival instanceof Received received) {
      call.request(1);
      return Optional.of(received.message());
    }
    if (arrival instanceof Ended ended) {
      if (ended.status().isOk()) {
        return Optional.empty();
      }
      throw ended.status().asRuntimeException(ended.trailers());
    }
    throw Status.DEADLINE_EXCEEDED
        .withDescription("the stream said nothing for too long")
        .asRuntimeException();
  }

  /** Cuts the stream if it is open, which changes nothing at the server. */
  @Override
  public void close() {
    call.cancel("no longer waited for", null);
  }
}

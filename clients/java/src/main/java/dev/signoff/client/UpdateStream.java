package dev.signoff.client;

import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import dev.signoff.v1.WatchApprovalRequest;
import dev.signoff.v1.WatchApprovalResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * One stream of RequestApproval or WatchApproval, read a message at a time by the thread that
 * waits.
 */
final class UpdateStream implements AutoCloseable {
  private final ClientCall<?, ?> call;
  private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();

  /**
   * What both kinds of streams say. Neither part is there in a message that is newer than this
   * client, which can do without.
   */
  record Message(Optional<ApprovalUpdate> update, Optional<dev.signoff.v1.Progress> progress) {
    private static Message of(RequestApprovalResponse message) {
      return new Message(
          message.hasUpdate() ? Optional.of(message.getUpdate()) : Optional.empty(),
          message.hasProgress() ? Optional.of(message.getProgress()) : Optional.empty());
    }

    private static Message of(WatchApprovalResponse message) {
      return new Message(
          message.hasUpdate() ? Optional.of(message.getUpdate()) : Optional.empty(),
          message.hasProgress() ? Optional.of(message.getProgress()) : Optional.empty());
    }
  }

  private sealed interface Arrival {}

  private record Received(Message message) implements Arrival {}

  private record Ended(Status status, Metadata trailers) implements Arrival {}

  private UpdateStream(ClientCall<?, ?> call) {
    this.call = call;
  }

  static UpdateStream request(Channel channel, RequestApprovalRequest request) {
    return open(channel, ApprovalServiceGrpc.getRequestApprovalMethod(), request, Message::of);
  }

  static UpdateStream watch(Channel channel, WatchApprovalRequest request) {
    return open(channel, ApprovalServiceGrpc.getWatchApprovalMethod(), request, Message::of);
  }

  private static <Q, R> UpdateStream open(
      Channel channel, MethodDescriptor<Q, R> method, Q request, Function<R, Message> read) {
    ClientCall<Q, R> call = channel.newCall(method, CallOptions.DEFAULT);
    UpdateStream stream = new UpdateStream(call);
    call.start(stream.listener(read), new Metadata());
    call.sendMessage(request);
    call.halfClose();
    call.request(1);
    return stream;
  }

  private <R> ClientCall.Listener<R> listener(Function<R, Message> read) {
    return new ClientCall.Listener<>() {
      @Override
      public void onMessage(R message) {
        arrivals.add(new Received(read.apply(message)));
      }

      @Override
      public void onClose(Status status, Metadata trailers) {
        arrivals.add(new Ended(status, trailers));
      }
    };
  }

  /**
   * The next message; empty when the stream has ended well.
   *
   * @throws StatusRuntimeException when it broke, or has said nothing until the limit
   */
  Optional<Message> next(Deadline limit) throws InterruptedException {
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
        .withDescription("the server sent nothing in time")
        .asRuntimeException();
  }

  /** Cuts the stream if it is open, which changes nothing at the server. */
  @Override
  public void close() {
    call.cancel("no longer waited for", null);
  }
}

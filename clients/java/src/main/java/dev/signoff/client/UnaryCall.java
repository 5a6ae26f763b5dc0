package dev.signoff.client;

import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** A call that is answered once and may be repeated, since its request has an id. */
final class UnaryCall<Q, R> {
  private final Connection connection;
  private final MethodDescriptor<Q, R> method;
  private final Q request;
  private CompletableFuture<R> newest;

  UnaryCall(Connection connection, MethodDescriptor<Q, R> method, Q request) {
    this.connection = connection;
    this.method = method;
    this.request = request;
  }

  /**
   * Makes the call until it succeeds. When the caller gives up, the newest try goes on: see {@link
   * #newest}.
   *
   * @throws StatusRuntimeException if it failed, and that does not pass
   * @throws Tries.OutOfPatience if it only failed for passing reasons
   */
  R make(Tries tries) throws InterruptedException, Tries.OutOfPatience {
    while (true) {
      GivingUp.check();
      tries.begin();
      CountDownLatch answered = new CountDownLatch(1);
      newest = start(Deadlines.after(connection.deadline()).minimum(tries.callLimit()));
      newest.whenComplete((answer, failure) -> answered.countDown());
      GivingUp.await(answered, Deadlines.FURTHEST);
      try {
        return newest.get();
      } catch (ExecutionException e) {
        StatusRuntimeException failure =
            Status.fromThrowable(e).asRuntimeException(Status.trailersFromThrowable(e));
        tries.after(failure);
        if (tries.callLimit().isExpired()) {
          throw new Tries.OutOfPatience(failure);
        }
      }
    }
  }

  /** Calls in a context that is not cancelled with the caller's, which would cut the call. */
  private CompletableFuture<R> start(Deadline limit) {
    Answer<R> answer = new Answer<>();
    CallOptions options = CallOptions.DEFAULT.withDeadline(limit);
    Context.current()
        .fork()
        .run(
            () ->
                ClientCalls.asyncUnaryCall(
                    connection.calls().newCall(method, options), request, answer));
    return answer.future;
  }

  /** The answer to the newest try; null if none was made. */
  Future<R> newest() {
    return newest;
  }

  /** What a call was answered. */
  private static final class Answer<R> implements StreamObserver<R> {
    private final CompletableFuture<R> future = new CompletableFuture<>();
    private R value;

    @Override
    public void onNext(R value) {
      this.value = value;
    }

    @Override
    public void onError(Throwable failure) {
      future.completeExceptionally(failure);
    }

    @Override
    public void onCompleted() {
      if (value == null) {
        onError(Status.INTERNAL.withDescription("the call has no answer").asRuntimeException());
      } else {
        future.complete(value);
      }
    }
  }
}

package dev.signoff.client;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.CallOptions;
import io.grpc.Deadline;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.concurrent.ExecutionException;

/** A call that is answered once and may be repeated, since its request has an id. */
final class UnaryCall<Q, R> {
  private final Connection connection;
  private final MethodDescriptor<Q, R> method;
  private final Q request;
  private ListenableFuture<R> newest;

  UnaryCall(Connection connection, MethodDescriptor<Q, R> method, Q request) {
    this.connection = connection;
    this.method = method;
    this.request = request;
  }

  /**
   * Makes the call until it succeeds. When the thread is interrupted, the newest try goes on: see
   * {@link #newest}.
   *
   * @throws StatusRuntimeException if it failed, and that does not pass
   * @throws Tries.OutOfPatience if it only failed for passing reasons
   */
  R make(Tries tries) throws InterruptedException, Tries.OutOfPatience {
    while (true) {
      CallOptions options = CallOptions.DEFAULT.withDeadline(limit(tries));
      GivingUp.check();
      newest = ClientCalls.futureUnaryCall(connection.calls().newCall(method, options), request);
      try {
        return newest.get();
      } catch (ExecutionException e) {
        GivingUp.check();
        tries.after(Status.fromThrowable(e).asRuntimeException(Status.trailersFromThrowable(e)));
      }
    }
  }

  private Deadline limit(Tries tries) {
    return Deadlines.after(connection.deadline()).minimum(tries.limit());
  }

  /** The answer to the newest try; null if none was made. */
  ListenableFuture<R> newest() {
    return newest;
  }
}

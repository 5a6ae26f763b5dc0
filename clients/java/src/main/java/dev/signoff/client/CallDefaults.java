package dev.signoff.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ConnectivityState;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;

/**
 * Puts the token on every call and the deadline on those that are answered once, and connects for
 * each call anew.
 */
final class CallDefaults implements ClientInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Options options;
  private final ManagedChannel channel;

  CallDefaults(Options options, ManagedChannel channel) {
    this.options = options;
    this.channel = channel;
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions callOptions, Channel next) {
    // A channel that could not connect fails calls without trying again, for up to two minutes.
    // From idle it tries at once.
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      channel.enterIdle();
    }
    boolean undated =
        method.getType() == MethodDescriptor.MethodType.UNARY && callOptions.getDeadline() == null;
    CallOptions dated =
        undated ? callOptions.withDeadline(Deadlines.after(options.deadline())) : callOptions;
    return new SimpleForwardingClientCall<>(next.newCall(method, dated)) {
      @Override
      public void start(Listener<R> listener, Metadata headers) {
        if (!options.token().isEmpty()) {
          headers.put(AUTHORIZATION, "Bearer " + options.token());
        }
        super.start(listener, headers);
      }
    };
  }
}

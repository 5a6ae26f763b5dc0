package dev.signoff.client;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The channel of a client, and whether it was closed. */
final class Connection implements AutoCloseable {
  /** Fits a page of 1,000 approvals with 48 KiB of arguments each. */
  private static final int MAX_RECEIVED_BYTES = 64 << 20;

  private static final Duration KEEPALIVE_INTERVAL = Duration.ofSeconds(30);
  private static final Duration KEEPALIVE_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration CLOSING = Duration.ofSeconds(5);

  private final Options options;
  private final ManagedChannel channel;
  private final Channel calls;
  private final CountDownLatch closed = new CountDownLatch(1);

  private Connection(Options options, ManagedChannel channel) {
    this.options = options;
    this.channel = channel;
    this.calls = ClientInterceptors.intercept(channel, new CallDefaults(options, channel));
  }

  static Connection open(Options options) {
    Address address = options.address();
    ManagedChannel channel =
        Grpc.newChannelBuilderForAddress(address.host(), address.port(), credentials(options))
            .userAgent("signoff-java")
            .keepAliveTime(KEEPALIVE_INTERVAL.toSeconds(), TimeUnit.SECONDS)
            .keepAliveTimeout(KEEPALIVE_TIMEOUT.toSeconds(), TimeUnit.SECONDS)
            .keepAliveWithoutCalls(true)
            .maxInboundMessageSize(MAX_RECEIVED_BYTES)
            // What is tried again, and when, is this library's own business.
            .disableRetry()
            .build();
    return new Connection(options, channel);
  }

  private static ChannelCredentials credentials(Options options) {
    if (!options.address().tls()) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (options.ca().isPresent()) {
        tls.trustManager(options.ca().get().toFile());
      }
      if (options.certificate().isPresent()) {
        tls.keyManager(options.certificate().get().toFile(), options.key().orElseThrow().toFile());
      }
      return tls.build();
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "ca, certificate or key cannot be read: " + e.getMessage(), e);
    }
  }

  Channel calls() {
    return calls;
  }

  /** How long one call that is answered once may take. */
  Duration deadline() {
    return options.deadline();
  }

  boolean isClosed() {
    return closed.getCount() == 0;
  }

  /** Sleeps, until the client is closed at most. */
  void pause(Duration time) throws InterruptedException {
    closed.await(time.toNanos(), TimeUnit.NANOSECONDS);
  }

  @Override
  public void close() {
    closed.countDown();
    channel.shutdownNow();
    try {
      channel.awaitTermination(CLOSING.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public String toString() {
    return options.toString();
  }
}

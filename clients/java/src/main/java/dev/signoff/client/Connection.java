package dev.signoff.client;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
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

  private final Advice advice = new Advice();

  /** Cancelled when it is closed. */
  private final Context.CancellableContext open = Context.ROOT.withCancellation();

  private Connection(Options options, ManagedChannel channel) {
    this.options = options;
    this.channel = channel;
    this.calls = ClientInterceptors.intercept(channel, new CallDefaults(options, channel));
  }

  static Connection open(Options options) {
    ManagedChannel channel =
        builder(options)
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

  private static ManagedChannelBuilder<?> builder(Options options) {
    Address address = options.address();
    ChannelCredentials credentials = credentials(options);
    try {
      return HostResolver.isNeeded(address)
          ? Grpc.newChannelBuilder(HostResolver.target(address), credentials)
          : Grpc.newChannelBuilderForAddress(address.host(), address.port(), credentials);
    } catch (RuntimeException e) {
      if (!address.tls()) {
        throw e;
      }
      // The address is fit: it is the contents of the files.
      throw new IllegalArgumentException("Cannot use ca, certificate or key", e);
    }
  }

  private static ChannelCredentials credentials(Options options) {
    if (!options.address().tls()) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (options.ca().isPresent()) {
        tls.trustManager(new ByteArrayInputStream(pem("ca", options.ca().get())));
      }
      if (options.certificate().isPresent()) {
        byte[] certificate = pem("certificate", options.certificate().get());
        byte[] key = pem("key", options.key().orElseThrow());
        ClientKey.requirePair(certificate, key);
        tls.keyManager(new ByteArrayInputStream(certificate), new ByteArrayInputStream(key));
      }
    } catch (IOException e) {
      throw new IllegalArgumentException("Cannot use certificate and key: " + e.getMessage(), e);
    }
    return tls.build();
  }

  // An empty one would count as none, and the system's authorities in its place.
  private static byte[] pem(String option, Path file) {
    try {
      byte[] contents = Files.readAllBytes(file);
      if (contents.length == 0) {
        throw new IllegalArgumentException(option + ": the file " + file + " is empty");
      }
      return contents;
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(option + ": no such file: " + file, e);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          option + ": cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  Channel calls() {
    return calls;
  }

  /** Where the server is, to be told to people. */
  String address() {
    return options.address().toString();
  }

  Advice advice() {
    return advice;
  }

  /** How long one call that is answered once may take. */
  Duration deadline() {
    return options.deadline();
  }

  /** What becomes of refusals where a gate does not say. */
  OnRefusal onRefusal() {
    return options.onRefusal();
  }

  boolean isClosed() {
    return open.isCancelled();
  }

  /**
   * Sleeps, until the client is closed at most.
   *
   * @throws InterruptedException if the caller stops waiting
   */
  void pause(Duration time) throws InterruptedException {
    CountDownLatch woken = new CountDownLatch(1);
    Context.CancellationListener wake = closed -> woken.countDown();
    open.addListener(wake, Runnable::run);
    try {
      GivingUp.await(woken, time);
    } finally {
      open.removeListener(wake);
    }
  }

  @Override
  public void close() {
    open.cancel(null);
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

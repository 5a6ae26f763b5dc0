package dev.signoff.client;

import dev.signoff.v1.AccessServiceGrpc;
import dev.signoff.v1.AdminServiceGrpc;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.PolicyServiceGrpc;
import io.grpc.Channel;

/**
 * A connection to a Signoff server. It is thread-safe: make one, and share it.
 *
 * <p>{@link #gate} is for agents. {@link #approvals()}, {@link #policies()}, {@link #access()} and
 * {@link #admin()} have every call of the server; they throw {@link
 * io.grpc.StatusRuntimeException}.
 */
public final class SignoffClient implements AutoCloseable {
  private final Connection connection;

  private SignoffClient(Connection connection) {
    this.connection = connection;
  }

  /**
   * Makes a client with options from the environment.
   *
   * @return the client
   * @throws IllegalArgumentException if the environment's options contradict each other, or name an
   *     unusable file
   * @see Options
   */
  public static SignoffClient connect() {
    return connect(Options.builder().build());
  }

  /**
   * Makes a client. It connects at the first call, and reconnects by itself.
   *
   * @param options how to connect
   * @return the client
   * @throws IllegalArgumentException if a file is unusable
   */
  public static SignoffClient connect(Options options) {
    return new SignoffClient(Connection.open(options));
  }

  /**
   * Begins a gated call.
   *
   * @param toolName the tool: 1 to 128 of {@code A-Z a-z 0-9 _ . : / -}
   * @return the gate; all other options are optional
   */
  public Gate gate(String toolName) {
    CallSettings settings = new CallSettings(toolName);
    settings.onRefusal = connection.onRefusal();
    return new Gate(connection, settings);
  }

  /**
   * Asks, waits, decides, claims and reports: the calls of a gate, and those of reviewers.
   *
   * @return a blocking stub; unary calls have the deadline of the options
   */
  public ApprovalServiceGrpc.ApprovalServiceBlockingStub approvals() {
    return ApprovalServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Reads, sets and tests the policy.
   *
   * @return a blocking stub, with the deadline of the options
   */
  public PolicyServiceGrpc.PolicyServiceBlockingStub policies() {
    return PolicyServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Creates, lists and revokes tokens, and returns the caller's identity.
   *
   * @return a blocking stub, with the deadline of the options
   */
  public AccessServiceGrpc.AccessServiceBlockingStub access() {
    return AccessServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Freezes calls in an emergency, and returns the server's status.
   *
   * @return a blocking stub, with the deadline of the options
   */
  public AdminServiceGrpc.AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * The channel, which puts the token and the deadline on every call: for other kinds of stubs,
   * such as {@code ApprovalServiceGrpc.newStub(client.channel())}.
   *
   * @return the channel, which ends with this client
   */
  public Channel channel() {
    return connection.calls();
  }

  /**
   * Ends the connection and every call on it. Waiting gated calls in other threads end with {@link
   * Refusal.Unavailable}; close the client when they are done. Waits a few seconds at most.
   */
  @Override
  public void close() {
    connection.close();
  }

  @Override
  public String toString() {
    return "SignoffClient[" + connection + "]";
  }
}

package dev.signoff.client;

import dev.signoff.v1.AccessServiceGrpc;
import dev.signoff.v1.AdminServiceGrpc;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.PolicyServiceGrpc;
import io.grpc.Channel;

/**
 * A connection to a Signoff server. Safe for use by many threads; make one, and share it.
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
   * Connects as the environment says.
   *
   * @return the client
   * @throws IllegalArgumentException if the environment's options do not fit together, or name a
   *     file that cannot be read or used
   * @see Options
   */
  public static SignoffClient connect() {
    return connect(Options.builder().build());
  }

  /**
   * Makes a client. The connection itself is made at the first call, and again whenever it is lost.
   *
   * @param options how to connect
   * @return the client
   * @throws IllegalArgumentException if a file that is named cannot be read or used
   */
  public static SignoffClient connect(Options options) {
    return new SignoffClient(Connection.open(options));
  }

  /**
   * Begins a gated call.
   *
   * @param toolName the tool: 1 to 128 of {@code A-Z a-z 0-9 _ . : / -}
   * @return the gate, on which everything else is optional
   */
  public Gate gate(String toolName) {
    CallSettings settings = new CallSettings(toolName);
    settings.onRefusal = connection.onRefusal();
    return new Gate(connection, settings);
  }

  /**
   * Asks, waits, decides, claims and reports: the calls that a gate makes, and those of reviewers.
   *
   * @return a stub whose calls block; those that are answered once have the deadline of the options
   */
  public ApprovalServiceGrpc.ApprovalServiceBlockingStub approvals() {
    return ApprovalServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Reads, sets and tries the policy.
   *
   * @return a stub whose calls block; they have the deadline of the options
   */
  public PolicyServiceGrpc.PolicyServiceBlockingStub policies() {
    return PolicyServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Makes, lists and revokes tokens, and tells who the caller is.
   *
   * @return a stub whose calls block; they have the deadline of the options
   */
  public AccessServiceGrpc.AccessServiceBlockingStub access() {
    return AccessServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * Stops agents in an emergency, and tells how the server is.
   *
   * @return a stub whose calls block; they have the deadline of the options
   */
  public AdminServiceGrpc.AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(connection.calls());
  }

  /**
   * The channel, with the token and the deadline put on every call: for other kinds of stubs, such
   * as {@code ApprovalServiceGrpc.newStub(client.channel())}.
   *
   * @return the channel, which ends with this client
   */
  public Channel channel() {
    return connection.calls();
  }

  /**
   * Ends the connection and every call on it. Gated calls that wait in other threads end with
   * {@link Refusal.Unavailable}; close the client when they are done. Waits a few seconds at most.
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

package dev.signoff.client;

import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.WatchApprovalRequest;
import io.grpc.Channel;

/** What is waited for: the approval of a call that is asked for, or the one that a handle names. */
sealed interface Awaited {
  String toolName();

  String requestId();

  /** The digest of the arguments as asked. */
  String digest();

  /** Empty if only an answer can tell it. */
  String approvalId();

  /** Begins a stream of the approval, after a revision that was seen. */
  UpdateStream open(Channel channel, long afterRevision);

  /** A call that is asked for: asking again finds the approval. */
  record Requested(RequestApprovalRequest request, String digest) implements Awaited {
    static Requested of(RequestApprovalRequest request) {
      // Of the encoded arguments, not of the caller's value: encoding normalizes it, reviewers see
      // the result, and the function gets what they saw.
      String digest = Canonical.digest(request.getToolName(), request.getArguments());
      return new Requested(request, digest);
    }

    @Override
    public String toolName() {
      return request.getToolName();
    }

    @Override
    public String requestId() {
      return request.getRequestId();
    }

    @Override
    public String approvalId() {
      return "";
    }

    @Override
    public UpdateStream open(Channel channel, long afterRevision) {
      return UpdateStream.request(
          channel, request.toBuilder().setAfterRevision(afterRevision).build());
    }
  }

  /** A call that was asked for before, perhaps by another process. */
  record Resumed(Handle handle) implements Awaited {
    /**
     * Takes a handle that must be one of the tool.
     *
     * @throws IllegalArgumentException if it is another tool's
     */
    static Resumed of(Handle handle, String toolName) {
      if (!handle.toolName().equals(toolName)) {
        throw new IllegalArgumentException(
            "the handle is for the tool " + handle.toolName() + ", not for " + toolName);
      }
      return new Resumed(handle);
    }

    @Override
    public String toolName() {
      return handle.toolName();
    }

    @Override
    public String requestId() {
      return handle.requestId();
    }

    @Override
    public String digest() {
      return handle.digest();
    }

    @Override
    public String approvalId() {
      return handle.approvalId();
    }

    @Override
    public UpdateStream open(Channel channel, long afterRevision) {
      WatchApprovalRequest request =
          WatchApprovalRequest.newBuilder()
              .setApprovalId(handle.approvalId())
              .setAfterRevision(afterRevision)
              .build();
      return UpdateStream.watch(channel, request);
    }
  }
}

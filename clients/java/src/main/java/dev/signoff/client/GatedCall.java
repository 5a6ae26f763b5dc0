package dev.signoff.client;

import dev.signoff.v1.Approval;
import dev.signoff.v1.RequestApprovalRequest;

/** One gated call, from asking to reporting. */
final class GatedCall {
  private final Connection connection;
  private final CallSettings settings;
  private final Arguments asked;
  private final RequestApprovalRequest request;

  GatedCall(Connection connection, CallSettings settings, Arguments asked) throws Refusal {
    this.connection = connection;
    this.settings = settings;
    this.asked = asked;
    this.request = Requests.make(settings, asked);
  }

  /** Makes what the function takes, of the run that was approved. */
  interface Input<A> {
    A of(Run run) throws Refusal.InvalidArguments;
  }

  <A, R, E extends Exception> R make(Input<A> input, ToolFunction<A, R, E> function)
      throws E, Refusal, InterruptedException {
    String askedDigest = Canonical.digest(settings.toolName, asked.message());
    Approval approval = new Wait(connection, settings, request).untilApproved();
    boolean edited = !approval.getDigest().equals(askedDigest);
    Arguments approved = edited ? Arguments.received(approval.getArguments()) : asked;
    requireDigest(approval, approved);

    String claimId = new Claim(connection, settings, approval).take();

    Report report = new Report(connection, settings, approval.getId(), claimId);
    R result;
    try {
      result = function.run(input.of(new Run(approval.getId(), approved.given(), edited)));
    } catch (Throwable e) {
      report.failed(e);
      throw e;
    }
    report.succeeded();
    return result;
  }

  /** The digest that is claimed is that of what will be run, and of nothing else. */
  private void requireDigest(Approval approval, Arguments toRun) throws Refusal {
    String digest;
    try {
      digest = Canonical.digest(settings.toolName, toRun.message());
    } catch (IllegalArgumentException e) {
      throw new Refusal.DigestMismatch(settings.toolName, approval.getId(), e);
    }
    if (!digest.equals(approval.getDigest())) {
      throw new Refusal.DigestMismatch(settings.toolName, approval.getId(), null);
    }
  }
}

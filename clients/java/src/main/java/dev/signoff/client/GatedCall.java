package dev.signoff.client;

import dev.signoff.v1.Approval;
import dev.signoff.v1.RequestApprovalRequest;
import io.grpc.Context;
import java.util.Optional;

/** One gated call, from asking to reporting. */
final class GatedCall {
  private final Connection connection;
  private final CallSettings settings;
  private final Arguments asked;
  private final Outage outage;
  private final Wait wait;

  GatedCall(Connection connection, CallSettings settings, Arguments asked) throws Refusal {
    this.connection = connection;
    this.settings = settings;
    this.asked = asked;
    this.outage = new Outage(connection);
    RequestApprovalRequest request = Requests.make(connection, settings, asked);
    this.wait = new Wait(connection, settings, outage, request);
  }

  /** Makes what the function takes, of the run that was approved. */
  interface Input<A> {
    A of(Run run) throws Misfit.Found;
  }

  /** What may be run now. */
  private record Claimed<A>(A input, String approvalId, String claimId) {}

  <A, R, E extends Exception> R make(Input<A> input, ToolFunction<A, R, E> function)
      throws E, Refusal, InterruptedException {
    connection.advice().consider(settings);
    Claimed<A> claimed = claimUnlessStopped(input);
    Report report =
        new Report(connection, settings, outage, claimed.approvalId(), claimed.claimId());
    R result;
    Optional<Throwable> failure;
    try {
      result = function.run(claimed.input());
      failure = Results.settle(settings.toolName, result);
    } catch (Throwable e) {
      report.failed(e);
      throw e;
    }
    // A future that failed is the function's own way to say so: the caller gets it as it is.
    failure.ifPresentOrElse(report::failed, report::succeeded);
    return result;
  }

  /**
   * Asks, waits and claims, in a context that the cancel handle cancels. The function runs outside
   * it, so that the handle cuts none of its calls.
   */
  private <A> Claimed<A> claimUnlessStopped(Input<A> input) throws Refusal, InterruptedException {
    if (settings.cancelHandle == null) {
      return claim(input);
    }
    Context.CancellableContext context = Context.current().withCancellation();
    Context.CancellationListener stop = cancelled -> context.cancel(null);
    settings.cancelHandle.addListener(stop);
    Context caller = context.attach();
    try {
      return claim(input);
    } catch (GivingUp.ContextCancelled e) {
      if (caller.isCancelled()) {
        throw e;
      }
      throw wait.stopped();
    } finally {
      context.detach(caller);
      settings.cancelHandle.removeListener(stop);
      context.cancel(null);
    }
  }

  private <A> Claimed<A> claim(Input<A> input) throws Refusal, InterruptedException {
    Approval approval = wait.untilApproved();
    String id = approval.getId();
    boolean edited = wait.answers().isEdited(approval);
    Arguments approved = edited ? Arguments.received(approval.getArguments()) : asked;
    A given;
    try {
      given = input.of(new Run(id, approved.given(), edited));
    } catch (Misfit.Found e) {
      throw new Refusal.InvalidEdit(settings.toolName, id, e.misfit);
    }
    Claim claim = new Claim(connection, settings, outage, wait.answers(), approval);
    return new Claimed<>(given, id, claim.take());
  }
}

package dev.signoff.client;

import dev.signoff.v1.Approval;
import io.grpc.Context;
import java.util.Objects;
import java.util.Optional;

/** One gated call, from asking, or from a handle, to reporting. */
final class GatedCall {
  private final Connection connection;
  private final CallSettings settings;
  private final Outage outage;
  private final Awaited awaited;
  private final Wait wait;

  private GatedCall(Connection connection, CallSettings settings, Awaited awaited) {
    this.connection = connection;
    this.settings = settings;
    this.awaited = awaited;
    this.outage = new Outage(connection);
    this.wait = new Wait(connection, settings, outage, awaited);
  }

  /** A call that is to be asked for. */
  static GatedCall asking(Connection connection, CallSettings settings, Arguments arguments)
      throws Refusal {
    Awaited asked = Awaited.Requested.of(Requests.make(connection, settings, arguments));
    connection.advice().considerRepeats(settings);
    return new GatedCall(connection, settings, asked);
  }

  /**
   * A call that was asked for before.
   *
   * @throws IllegalArgumentException if it was for another tool
   */
  static GatedCall resuming(Connection connection, CallSettings settings, Handle handle) {
    Objects.requireNonNull(handle, "handle");
    return new GatedCall(connection, settings, Awaited.Resumed.of(handle, settings.toolName));
  }

  /** Makes what the function takes, of the run that was approved. */
  interface Input<A> {
    A of(Run run) throws Misfit.Found;
  }

  /** What may be run now. */
  private record Claimed<A>(A input, String approvalId, String claimId) {}

  /** Asks, and waits only until the server has the request on record. */
  Handle ask() throws Refusal, InterruptedException {
    connection.advice().considerThread(settings);
    Approval recorded = unlessStopped(wait::untilRecorded);
    return new Handle(recorded.getId(), awaited.requestId(), awaited.toolName(), awaited.digest());
  }

  /** Waits until it is approved, and claims nothing. */
  void await() throws Refusal, InterruptedException {
    connection.advice().considerThread(settings);
    unlessStopped(wait::untilApproved);
  }

  <A, R, E extends Exception> R make(Input<A> input, ToolFunction<A, R, E> function)
      throws E, Refusal, InterruptedException {
    connection.advice().considerThread(settings);
    Claimed<A> claimed = unlessStopped(() -> claim(input));
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

  /** What a caller may stop. */
  private interface Step<T> {
    T take() throws Refusal, InterruptedException;
  }

  /**
   * Takes a step in a context that the cancel handle cancels. The function runs outside it, so that
   * the handle cuts none of its calls.
   */
  private <T> T unlessStopped(Step<T> step) throws Refusal, InterruptedException {
    if (settings.cancelHandle == null) {
      return step.take();
    }
    Context.CancellableContext context = Context.current().withCancellation();
    Context.CancellationListener stop = cancelled -> context.cancel(null);
    settings.cancelHandle.addListener(stop);
    Context caller = context.attach();
    try {
      return step.take();
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
    // Its digest is that of the arguments as asked, or the edited ones.
    Arguments approved = Arguments.received(approval.getArguments());
    A given;
    try {
      given = input.of(new Run(id, approved.given(), edited));
    } catch (Misfit.Found e) {
      // Unedited arguments may not fit the function of another process that resumes.
      throw edited
          ? new Refusal.InvalidEdit(settings.toolName, id, e.misfit)
          : new Refusal.InvalidArguments(settings.toolName, id, e.misfit);
    }
    Claim claim = new Claim(connection, settings, outage, wait.answers(), approval);
    return new Claimed<>(given, id, claim.take());
  }
}

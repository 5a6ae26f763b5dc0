package dev.signoff.client;

import dev.signoff.v1.Approval;
import io.grpc.Context;
import java.util.Objects;
import java.util.Optional;

/**
 * One gated call, from asking, or from a handle, to reporting.
 *
 * <p>The order makes the gate safe. Waiting grants nothing, so a caller may stop there at no cost.
 * The claim is the approval's only permission to run, so it comes last before the function: an edit
 * that does not fit is found before it, and leaves the approval unclaimed. The report comes last.
 * If the process dies before it, the approval shows a claim without an outcome, and no other runner
 * gets the call: it runs at most once.
 */
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

  /** A call that is asked for now. */
  static GatedCall asking(Connection connection, CallSettings settings, Arguments arguments)
      throws Refusal {
    try {
      settings.requireFit(arguments);
    } catch (Misfit.Found e) {
      throw new Refusal.InvalidArguments(settings.toolName, "", e.misfit);
    }
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

  /** Makes the function's argument from the approved run. */
  interface Input<A> {
    A of(Run run) throws Misfit.Found;
  }

  /** A call that may be run now, once. */
  record Granted<A>(A input, String toolName, Report report) {
    <R, E extends Exception> R run(ToolFunction<A, R, E> function) throws E, InterruptedException {
      R result;
      Optional<Throwable> failure;
      try {
        result = function.run(input);
        failure = Results.settle(toolName, result);
      } catch (Throwable e) {
        report.failed(e);
        throw e;
      }
      // A failed future is the function's own result: the caller gets it unchanged.
      failure.ifPresentOrElse(report::failed, report::succeeded);
      return result;
    }
  }

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

  /** Waits, and claims. */
  <A> Granted<A> grant(Input<A> input) throws Refusal, InterruptedException {
    connection.advice().considerThread(settings);
    return unlessStopped(() -> claim(input));
  }

  /**
   * Runs a granted call. A refusal of this gate becomes the result that the gate defines; a refusal
   * of another gate, which the function throws, is the function's own error.
   */
  static <A, R, E extends Exception> R run(
      Step<Granted<A>> grant, ToolFunction<A, R, E> function, RefusalResult<R> refused)
      throws E, Refusal, InterruptedException {
    Granted<A> granted;
    try {
      granted = grant.take();
    } catch (Refusal refusal) {
      return refused.of(refusal);
    }
    return granted.run(function);
  }

  /** A step of a call before it runs. */
  interface Step<T> {
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

  private <A> Granted<A> claim(Input<A> input) throws Refusal, InterruptedException {
    Approval approval = wait.untilApproved();
    String id = approval.getId();
    boolean edited = wait.answers().isEdited(approval);
    // Its digest is that of the arguments as asked, or the edited ones.
    Arguments approved = Arguments.received(approval.getArguments());
    A given;
    try {
      settings.requireFit(approved);
      given = input.of(new Run(id, approved.given(), edited));
    } catch (Misfit.Found e) {
      // Unedited arguments may not fit the function of another process that resumes.
      throw edited
          ? new Refusal.InvalidEdit(settings.toolName, id, e.misfit)
          : new Refusal.InvalidArguments(settings.toolName, id, e.misfit);
    }
    Claim claim = new Claim(connection, settings, outage, wait.answers(), approval);
    Report report = new Report(connection, settings, outage, id, claim.take());
    return new Granted<>(given, settings.toolName, report);
  }
}

package dev.signoff.client;

import io.grpc.Context;

/**
 * Stops gated calls from another thread. A call that has its handle cancelled stops waiting and
 * takes no claim: it ends with {@link Refusal.StillWaiting}, or with {@link Refusal.Cancelled} if
 * it could withdraw its request ({@link Gate#cancelOnAbandon}). A function that runs already is not
 * stopped.
 *
 * <p>One handle may serve several calls, and stays cancelled.
 */
public final class CancelHandle {
  // A context does what is needed: listeners that are told once, also those that come later.
  private final Context.CancellableContext context = Context.ROOT.withCancellation();

  /** Makes a handle that is not cancelled. */
  public CancelHandle() {}

  /** Stops the calls that have this handle, and those that are made with it later. */
  public void cancel() {
    context.cancel(null);
  }

  /** {@return whether it was cancelled} */
  public boolean isCancelled() {
    return context.isCancelled();
  }

  /** Tells a listener once of the cancellation; at once if it was before. */
  void addListener(Context.CancellationListener listener) {
    context.addListener(listener, Runnable::run);
  }

  void removeListener(Context.CancellationListener listener) {
    context.removeListener(listener);
  }
}

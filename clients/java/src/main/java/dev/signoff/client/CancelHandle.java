package dev.signoff.client;

import io.grpc.Context;

/**
 * Stops gated calls from another thread. When its handle is cancelled, a call stops waiting and
 * takes no claim: it ends with {@link Refusal.StillWaiting}, or with {@link Refusal.Cancelled} if
 * it withdrew its request ({@link Gate#cancelOnAbandon}). A function that already runs does not
 * stop.
 *
 * <p>One handle may serve several calls, and stays cancelled.
 */
public final class CancelHandle {
  // A context does what is needed: listeners that are told once, also those that come later.
  private final Context.CancellableContext context = Context.ROOT.withCancellation();

  /** Makes a handle that is not cancelled. */
  public CancelHandle() {}

  /** Stops the calls with this handle, and later ones. */
  public void cancel() {
    context.cancel(null);
  }

  /** {@return whether it was cancelled} */
  public boolean isCancelled() {
    return context.isCancelled();
  }

  /** Calls a listener once on cancellation; immediately if already cancelled. */
  void addListener(Context.CancellationListener listener) {
    context.addListener(listener, Runnable::run);
  }

  void removeListener(Context.CancellationListener listener) {
    context.removeListener(listener);
  }
}

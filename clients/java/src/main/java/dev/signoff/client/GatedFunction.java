package dev.signoff.client;

/**
 * A gated function: each of its calls asks, waits, claims and reports.
 *
 * @param <A> its arguments, which are the call's
 * @param <R> its result
 * @param <E> its exception
 */
public interface GatedFunction<A, R, E extends Exception> {
  /**
   * Asks for approval of a call with these arguments, waits, and runs it.
   *
   * @param arguments the arguments of this call
   * @return the function's result
   * @throws E the function's exception
   * @throws Refusal if it did not run
   * @throws InterruptedException if the caller stopped waiting
   */
  R call(A arguments) throws E, Refusal, InterruptedException;

  /**
   * Asks for approval of a call with these arguments, and returns as soon as the server has
   * recorded the request, with any status: see {@link Gate#ask}.
   *
   * @param arguments the arguments of this call
   * @return the handle, for {@link #resume}
   * @throws Refusal if the server has not confirmed the request
   * @throws InterruptedException if the caller stopped waiting
   */
  Handle ask(A arguments) throws Refusal, InterruptedException;

  /**
   * Waits for an asked call, of this or another process, and runs it: see {@link Gate#resume}.
   *
   * @param handle the handle of {@link #ask}
   * @return the function's result
   * @throws E the function's exception
   * @throws Refusal if it did not run
   * @throws InterruptedException if the caller stopped waiting
   * @throws IllegalArgumentException if the handle is for another tool
   */
  R resume(Handle handle) throws E, Refusal, InterruptedException;
}

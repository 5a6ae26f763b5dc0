package dev.signoff.client;

/**
 * A function behind a gate: each of its calls is asked for, waited for, claimed and reported.
 *
 * @param <A> its arguments, which are the call's
 * @param <R> what it returns
 * @param <E> what it may throw
 */
public interface GatedFunction<A, R, E extends Exception> {
  /**
   * Asks for approval of a call with these arguments, waits, and runs it.
   *
   * @param arguments the arguments of this call
   * @return what the function returned
   * @throws E what the function threw
   * @throws Refusal if it was not run
   * @throws InterruptedException if the caller gave up
   */
  R call(A arguments) throws E, Refusal, InterruptedException;

  /**
   * Asks for approval of a call with these arguments, and returns as soon as the server has
   * recorded the request, whatever its status is: see {@link Gate#ask}.
   *
   * @param arguments the arguments of this call
   * @return the handle by which the call is resumed
   * @throws Refusal if the request is not known to be recorded
   * @throws InterruptedException if the caller gave up
   */
  Handle ask(A arguments) throws Refusal, InterruptedException;

  /**
   * Waits for a call that was asked for, here or in another process, and runs it: see {@link
   * Gate#resume}.
   *
   * @param handle what {@link #ask} returned
   * @return what the function returned
   * @throws E what the function threw
   * @throws Refusal if it was not run
   * @throws InterruptedException if the caller gave up
   * @throws IllegalArgumentException if the handle is for another tool
   */
  R resume(Handle handle) throws E, Refusal, InterruptedException;
}

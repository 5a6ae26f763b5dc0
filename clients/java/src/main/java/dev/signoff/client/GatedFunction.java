package dev.signoff.client;

/**
 * A function behind a gate: each of its calls is asked for, waited for, claimed and reported.
 *
 * @param <A> its arguments, which are the call's
 * @param <R> what it returns
 * @param <E> what it may throw
 */
@FunctionalInterface
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
}

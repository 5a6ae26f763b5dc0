package dev.signoff.client;

/**
 * The function that is gated.
 *
 * @param <A> what it takes: a {@link Run}, its arguments, or a record that is made of them
 * @param <R> what it returns
 * @param <E> what it may throw
 */
@FunctionalInterface
public interface ToolFunction<A, R, E extends Exception> {
  /**
   * Runs the tool.
   *
   * @param input what to run it with
   * @return the result, which the gate returns as it is
   * @throws E if the tool fails; the gate reports it and throws it as it is
   */
  R run(A input) throws E;
}

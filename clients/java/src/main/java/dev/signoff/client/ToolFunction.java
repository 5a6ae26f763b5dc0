package dev.signoff.client;

/**
 * A function to gate.
 *
 * @param <A> its input: a {@link Run}, its arguments, or a record of them
 * @param <R> its result
 * @param <E> its exception
 */
@FunctionalInterface
public interface ToolFunction<A, R, E extends Exception> {
  /**
   * Runs the tool.
   *
   * @param input the input
   * @return the result, which the gate returns unchanged
   * @throws E if the tool fails; the gate reports it and throws it unchanged
   */
  R run(A input) throws E;
}

package dev.signoff.client;

import java.util.Map;

/**
 * How what a function takes becomes the arguments of a call, and is made anew of them.
 *
 * @param <A> what callers give
 * @param <I> what the function gets
 */
interface Parameters<A, I> {
  /**
   * A call that is asked for.
   *
   * @param arguments what is shown
   * @param rebuilt what the function gets if nobody edits them
   */
  record Asked<I>(Arguments arguments, I rebuilt) {}

  /** Checks what a caller gave, before anybody is asked. */
  Asked<I> ask(String toolName, A given) throws Refusal.InvalidArguments;

  /** Makes what the function gets of arguments that were approved. */
  I read(Map<String, Object> approved) throws Misfit.Found;

  /** The schema that follows from the declared types. */
  DerivedSchema schema();

  /** Of functions that take a map. */
  enum OfMap implements Parameters<Map<String, ?>, Map<String, Object>> {
    INSTANCE;

    @Override
    public Asked<Map<String, Object>> ask(String toolName, Map<String, ?> given)
        throws Refusal.InvalidArguments {
      Arguments arguments = Arguments.of(toolName, given);
      return new Asked<>(arguments, arguments.given());
    }

    @Override
    public DerivedSchema schema() {
      return DerivedSchema.NONE;
    }

    @Override
    public Map<String, Object> read(Map<String, Object> approved) {
      return approved;
    }
  }
}

package dev.signoff.client;

import java.util.Set;

/** What a call comes to that was not run: the refusal itself, or its text. */
final class RefusalResult<R> {
  private static final Set<Class<?>> TEXT = Set.of(String.class, CharSequence.class, Object.class);

  /** Null if refusals are thrown. */
  private final Class<R> type;

  private RefusalResult(Class<R> type) {
    this.type = type;
  }

  /**
   * By what the gate says, and the function does.
   *
   * @throws IllegalArgumentException if a text cannot be the function's result, or nothing tells
   */
  static <R> RefusalResult<R> of(CallSettings settings, ToolFunction<?, R, ?> function) {
    if (settings.onRefusal == OnRefusal.RAISE) {
      return new RefusalResult<>(null);
    }
    // Only for the check: what it is cast to is what the function declares.
    @SuppressWarnings("unchecked")
    Class<R> declared = (Class<R>) Results.declared(function);
    if (declared == void.class) {
      throw new IllegalArgumentException(
          "onRefusal: a lambda does not say what it returns, so its refusals cannot be returned:"
              + " name the result's class after the function, such as String.class, or set"
              + " OnRefusal.RAISE");
    }
    return of(settings, declared);
  }

  /**
   * By what the gate and the caller say.
   *
   * @throws IllegalArgumentException if a text cannot be the result
   */
  static <R> RefusalResult<R> of(CallSettings settings, Class<R> type) {
    if (settings.onRefusal == OnRefusal.RAISE) {
      return new RefusalResult<>(null);
    }
    if (!TEXT.contains(type)) {
      throw new IllegalArgumentException(
          "onRefusal: refusals can be returned where the result is a String, not "
              + type.getTypeName());
    }
    return new RefusalResult<>(type);
  }

  /** The result of a call that was not run. */
  R of(Refusal refusal) throws Refusal {
    if (type == null) {
      throw refusal;
    }
    return type.cast(refusal.getMessage());
  }
}

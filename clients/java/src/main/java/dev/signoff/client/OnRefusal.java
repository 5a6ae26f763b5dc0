package dev.signoff.client;

/** How to handle a refusal: some frameworks hide exceptions from the model. */
public enum OnRefusal {
  /** It is thrown, as a {@link Refusal}. The default. */
  RAISE,
  /**
   * Its text for the model is the result of the call. Only for functions whose result can be text:
   * a {@link String}, a {@link CharSequence} or an {@link Object}.
   */
  RETURN
}

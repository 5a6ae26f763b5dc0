package dev.signoff.springai;

import java.lang.reflect.Type;
import java.util.Map;

/** Of a function: FunctionToolCallback converts its whole input to one type, as here. */
final class FunctionInput implements ToolInput {
  private final Type type;

  FunctionInput(Type type) {
    this.type = type;
  }

  @Override
  public Read read(Map<String, Object> given) {
    Object input = Json.HELPER.fromJson(Json.write(given), type);
    // A function without input.
    return Read.of(given, input == null ? Map.of() : Json.read(Json.HELPER.toJson(input)));
  }
}

package dev.signoff.springai;

import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.ai.chat.model.ToolContext;

/** Of a method: MethodToolCallback converts each argument to the type of its parameter, as here. */
final class MethodInput implements ToolInput {
  private final Method method;

  MethodInput(Method method) {
    this.method = method;
  }

  @Override
  public Read read(Map<String, Object> given) {
    Map<String, Object> arguments = new LinkedHashMap<>();
    for (Parameter parameter : method.getParameters()) {
      // What Spring AI sets itself is not read, and a model cannot name it.
      if (!ToolContext.class.isAssignableFrom(parameter.getType())) {
        arguments.put(parameter.getName(), read(parameter, given.get(parameter.getName())));
      }
    }
    return Read.of(given, arguments);
  }

  private static Object read(Parameter parameter, Object value) {
    Type type = parameter.getParameterizedType();
    if (value == null) {
      if (parameter.getType().isPrimitive()) {
        throw new IllegalArgumentException(parameter.getName() + " is missing");
      }
      return null;
    }
    return Json.of(
        type instanceof Class<?> simple
            ? Json.HELPER.convertToTypedObject(value, simple)
            : Json.HELPER.fromJson(Json.HELPER.toJson(value, true), type));
  }
}

package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolMemoryId;
import dev.langchain4j.exception.ToolArgumentsException;
import dev.langchain4j.internal.Json;
import dev.langchain4j.invocation.InvocationContext;
import dev.langchain4j.invocation.InvocationParameters;
import dev.langchain4j.invocation.LangChain4jManaged;
import dev.langchain4j.service.tool.DefaultToolExecutor;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Of a method with {@code @Tool}. LangChain4j itself converts the arguments, as it does when the
 * tool runs; they are caught where the method would be called.
 */
final class MethodInput implements ToolInput {
  private final Method method;
  private final Method catcher;

  MethodInput(Method method) {
    this.method = method;
    this.catcher = Caught.method(method);
  }

  @Override
  public Read read(ToolExecutionRequest request, InvocationContext context) {
    Map<String, Object> arguments = convert(request, context);
    return new Read(arguments, JsonObjects.beyond(given(request), arguments, ""));
  }

  /** What the model wrote; nothing if it is broken JSON, which LangChain4j mends as it can. */
  private static Map<String, Object> given(ToolExecutionRequest request) {
    try {
      return JsonObjects.read(request.arguments());
    } catch (RuntimeException e) {
      return Map.of();
    }
  }

  private Map<String, Object> convert(ToolExecutionRequest request, InvocationContext context) {
    Caught caught = new Caught();
    DefaultToolExecutor.builder()
        .object(caught)
        .originalMethod(method)
        .methodToInvoke(catcher)
        .wrapToolArgumentsExceptions(true)
        .propagateToolExecutionExceptions(true)
        .build()
        .executeWithContext(request, context);
    Map<String, Object> arguments = new LinkedHashMap<>();
    Parameter[] parameters = method.getParameters();
    for (int i = 0; i < parameters.length; i++) {
      if (!isHidden(parameters[i])) {
        arguments.put(name(parameters[i]), json(caught.arguments()[i]));
      }
    }
    return arguments;
  }

  /** What LangChain4j sets itself, and does not tell the model of. */
  private static boolean isHidden(Parameter parameter) {
    return parameter.isAnnotationPresent(ToolMemoryId.class)
        || InvocationParameters.class.isAssignableFrom(parameter.getType())
        || LangChain4jManaged.class.isAssignableFrom(parameter.getType())
        || parameter.getType() == InvocationContext.class;
  }

  private static String name(Parameter parameter) {
    P annotation = parameter.getAnnotation(P.class);
    return annotation == null || annotation.name().isBlank()
        ? parameter.getName()
        : annotation.name();
  }

  private static Object json(Object value) {
    if (value instanceof Optional<?> optional) {
      return json(optional.orElse(null));
    }
    // The client refuses numbers that JSON cannot hold, which would be text here.
    if (value == null
        || value instanceof String
        || value instanceof Boolean
        || value instanceof Number) {
      return value;
    }
    return Json.fromJson(Json.toJson(value), Object.class);
  }

  @Override
  public void requireFit(
      ToolExecutionRequest request, InvocationContext context, Map<String, Object> arguments) {
    Map<String, Object> read;
    try {
      read = convert(ToolInput.with(request, arguments), context);
    } catch (ToolArgumentsException e) {
      throw new IllegalArgumentException("does not fit the tool: " + e.getCause().getMessage(), e);
    }
    new Read(read, JsonObjects.beyond(arguments, read, "")).requireNoMore();
    read.forEach(
        (name, value) -> {
          if (!arguments.containsKey(name)) {
            throw new IllegalArgumentException("lacks " + name);
          }
          if (!JsonObjects.same(arguments.get(name), value)) {
            throw new IllegalArgumentException(
                "has a value of " + name + " that the tool would read as another");
          }
        });
  }
}

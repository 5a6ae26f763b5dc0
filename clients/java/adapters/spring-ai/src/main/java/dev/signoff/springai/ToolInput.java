package dev.signoff.springai;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.util.Map;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.function.FunctionToolCallback;
import org.springframework.ai.tool.method.MethodToolCallback;

/** How a tool reads its arguments. */
interface ToolInput {
  /**
   * What a tool reads.
   *
   * @param arguments as the tool would get them, written as JSON again
   * @param beyond the path of a value that it would not get; empty if there is none
   */
  record Read(Map<String, Object> arguments, String beyond) {
    static Read of(Map<String, Object> given, Map<String, Object> arguments) {
      return new Read(arguments, Json.beyond(given, arguments, ""));
    }
  }

  /**
   * Reads arguments.
   *
   * @throws RuntimeException if the tool cannot
   */
  Read read(Map<String, Object> given);

  /**
   * That of a tool.
   *
   * @throws IllegalStateException if this version of Spring AI does not show it
   */
  static ToolInput of(ToolCallback tool) {
    // Others, and classes of their own, may read their input otherwise.
    if (tool instanceof MethodToolCallback) {
      return new MethodInput(field(tool, MethodToolCallback.class, "toolMethod", Method.class));
    }
    if (tool.getClass() == FunctionToolCallback.class) {
      return new FunctionInput(
          field(tool, FunctionToolCallback.class, "toolInputType", Type.class));
    }
    return new SchemaInput(tool.getToolDefinition().inputSchema());
  }

  // Spring AI has no public way to learn what types a tool reads its arguments in.
  private static <T> T field(ToolCallback tool, Class<?> owner, String name, Class<T> type) {
    try {
      Field field = owner.getDeclaredField(name);
      field.setAccessible(true);
      return type.cast(field.get(tool));
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new IllegalStateException(
          "cannot see the types of tool "
              + tool.getToolDefinition().name()
              + ": this version of Spring AI is not supported",
          e);
    }
  }
}

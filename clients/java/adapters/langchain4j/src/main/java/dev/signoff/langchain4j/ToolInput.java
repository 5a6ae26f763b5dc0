package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.invocation.InvocationContext;
import java.util.Map;

/** How a tool reads its arguments. */
interface ToolInput {
  /**
   * What a tool reads.
   *
   * @param arguments as the tool would get them, written as JSON again
   * @param beyond the path of a value that it would not get; empty if there is none
   */
  record Read(Map<String, Object> arguments, String beyond) {
    void requireNoMore() {
      if (!beyond.isEmpty()) {
        throw new IllegalArgumentException("has " + beyond + ", which the tool does not take");
      }
    }
  }

  /** Reads what a model wrote. */
  Read read(ToolExecutionRequest request, InvocationContext context);

  /**
   * Requires that the tool would get just these arguments.
   *
   * @throws IllegalArgumentException otherwise; its message follows "the set of arguments"
   */
  void requireFit(
      ToolExecutionRequest request, InvocationContext context, Map<String, Object> arguments);

  /** The call with other arguments. */
  static ToolExecutionRequest with(ToolExecutionRequest request, Map<String, Object> arguments) {
    return ToolExecutionRequest.builder()
        .id(request.id())
        .name(request.name())
        .arguments(JsonObjects.write(arguments))
        .build();
  }
}

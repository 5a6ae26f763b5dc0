package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.exception.ToolArgumentsException;
import dev.langchain4j.invocation.InvocationContext;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import java.util.Map;
import java.util.Set;

/** Of a tool that reads the JSON itself, such as one of an MCP server. */
final class JsonInput implements ToolInput {
  private final Set<String> names;
  private final boolean open;

  JsonInput(ToolSpecification specification) {
    JsonObjectSchema schema = specification.parameters();
    this.names = schema == null ? Set.of() : Set.copyOf(schema.properties().keySet());
    this.open = schema != null && Boolean.TRUE.equals(schema.additionalProperties());
  }

  @Override
  public Read read(ToolExecutionRequest request, InvocationContext context) {
    try {
      Map<String, Object> arguments = JsonObjects.read(request.arguments());
      return new Read(arguments, beyond(arguments));
    } catch (RuntimeException e) {
      throw new ToolArgumentsException(e);
    }
  }

  private String beyond(Map<String, Object> arguments) {
    return arguments.keySet().stream()
        .filter(name -> !open && !names.contains(name))
        .findFirst()
        .orElse("");
  }

  @Override
  public void requireFit(
      ToolExecutionRequest request, InvocationContext context, Map<String, Object> arguments) {
    new Read(arguments, beyond(arguments)).requireNoMore();
  }
}

package dev.signoff.springai;

import dev.signoff.client.Gate;
import dev.signoff.client.OnRefusal;
import dev.signoff.client.Refusal;
import dev.signoff.client.SignoffClient;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import org.springframework.ai.chat.memory.ChatMemory;
import org.springframework.ai.chat.model.ToolContext;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.definition.ToolDefinition;
import org.springframework.ai.tool.execution.ToolExecutionException;
import org.springframework.ai.tool.metadata.ToolMetadata;

/** Runs a tool if its call is approved, with what was approved. */
final class GatedCallback implements ToolCallback {
  private final SignoffClient client;
  private final BiFunction<Gate, ToolCall, Gate> options;
  private final ToolCallback tool;
  private final ToolInput input;

  /** Null outside of a manager. */
  private final Turn turn;

  GatedCallback(
      SignoffClient client,
      BiFunction<Gate, ToolCall, Gate> options,
      ToolCallback tool,
      ToolInput input,
      Turn turn) {
    this.client = client;
    this.options = options;
    this.tool = tool;
    this.input = input;
    this.turn = turn;
  }

  /** The same, for the calls of one turn of the model. */
  GatedCallback in(Turn turn) {
    return new GatedCallback(client, options, tool, input, turn);
  }

  @Override
  public ToolDefinition getToolDefinition() {
    return tool.getToolDefinition();
  }

  @Override
  public ToolMetadata getToolMetadata() {
    return tool.getToolMetadata();
  }

  @Override
  public String call(String toolInput) {
    return gated(toolInput, null, approved -> tool.call(approved));
  }

  @Override
  public String call(String toolInput, ToolContext context) {
    return gated(toolInput, context, approved -> tool.call(approved, context));
  }

  private interface Body {
    String run(String approved);
  }

  private String gated(String toolInput, ToolContext context, Body body) {
    ToolInput.Read read = read(toolInput);
    try {
      return gate(toolInput, context)
          .onRefusal(OnRefusal.RAISE)
          .argumentsCheck(arguments -> requireFit(read, arguments))
          .call(read.arguments(), run -> body.run(Json.write(run.arguments())));
    } catch (Refusal refusal) {
      if (turn != null) {
        turn.refuse();
      }
      return refusal.getMessage();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      // The cause is not a RuntimeException, so that Spring AI ends the run.
      throw new ToolExecutionException(getToolDefinition(), e);
    }
  }

  private ToolInput.Read read(String toolInput) {
    try {
      return input.read(Json.read(toolInput));
    } catch (RuntimeException e) {
      throw new ToolExecutionException(getToolDefinition(), e);
    }
  }

  private void requireFit(ToolInput.Read read, Map<String, Object> arguments) {
    if (!read.beyond().isEmpty()) {
      throw new IllegalArgumentException("has " + read.beyond() + ", which the tool does not take");
    }
    ToolInput.Read again;
    try {
      again = input.read(arguments);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("does not fit the tool: " + e.getMessage(), e);
    }
    Json.requireSame(arguments, again);
  }

  private Gate gate(String toolInput, ToolContext context) {
    String name = getToolDefinition().name();
    Gate gate = client.gate(name);
    Object run = context == null ? null : context.getContext().get(ChatMemory.CONVERSATION_ID);
    String id = turn == null ? null : turn.take(name, toolInput);
    if (run != null && !run.toString().isBlank()) {
      gate = gate.runId(run.toString());
      gate = id == null || id.isBlank() ? gate : gate.callId(id);
    }
    return Objects.requireNonNull(
        options.apply(gate, new ToolCall(name, id, toolInput, context)), "options returned null");
  }
}

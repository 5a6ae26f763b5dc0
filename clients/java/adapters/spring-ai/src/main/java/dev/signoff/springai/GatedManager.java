package dev.signoff.springai;

import java.util.List;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.model.Generation;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.model.tool.ToolCallingChatOptions;
import org.springframework.ai.model.tool.ToolCallingManager;
import org.springframework.ai.model.tool.ToolExecutionResult;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.definition.ToolDefinition;

/** Gives another manager the tools behind the gate, and tells them the ids of their calls. */
final class GatedManager implements ToolCallingManager {
  private final ToolGate gate;
  private final ToolCallingManager manager;

  GatedManager(ToolGate gate, ToolCallingManager manager) {
    this.gate = gate;
    this.manager = manager;
  }

  @Override
  public List<ToolDefinition> resolveToolDefinitions(ToolCallingChatOptions options) {
    return manager.resolveToolDefinitions(options);
  }

  @Override
  public ToolExecutionResult executeToolCalls(Prompt prompt, ChatResponse response) {
    if (!(prompt.getOptions() instanceof ToolCallingChatOptions options)) {
      throw new IllegalStateException("the request has no tools");
    }
    List<AssistantMessage.ToolCall> calls = calls(response);
    Turn turn = new Turn(calls);
    List<ToolCallback> given = options.getToolCallbacks();
    List<ToolCallback> tools =
        given == null ? List.of() : given.stream().map(tool -> gated(tool, turn)).toList();
    for (AssistantMessage.ToolCall call : calls) {
      if (tools.stream().noneMatch(tool -> tool.getToolDefinition().name().equals(call.name()))) {
        throw new IllegalStateException(
            "the request has no tool "
                + call.name()
                + ": give it to the request itself, where the gate sees it");
      }
    }
    ToolCallingChatOptions behind = options.mutate().toolCallbacks(tools).build();
    ToolExecutionResult result =
        manager.executeToolCalls(new Prompt(prompt.getInstructions(), behind), response);
    if (!turn.refused()) {
      return result;
    }
    // A refusal is for the model to read, and is no result of the run.
    return ToolExecutionResult.builder()
        .conversationHistory(result.conversationHistory())
        .returnDirect(false)
        .build();
  }

  private ToolCallback gated(ToolCallback tool, Turn turn) {
    ToolCallback gated = tool instanceof GatedCallback ? tool : gate.callback(tool);
    return ((GatedCallback) gated).in(turn);
  }

  private static List<AssistantMessage.ToolCall> calls(ChatResponse response) {
    return response.getResults().stream()
        .map(Generation::getOutput)
        .flatMap(message -> message.getToolCalls().stream())
        .toList();
  }
}

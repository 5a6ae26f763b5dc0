package dev.signoff.springai;

import java.util.ArrayList;
import java.util.List;
import org.springframework.ai.chat.messages.AssistantMessage;

/** The calls of one message of the model. A tool is not told which of them it runs. */
final class Turn {
  private final List<AssistantMessage.ToolCall> left;
  private boolean refused;

  Turn(List<AssistantMessage.ToolCall> calls) {
    this.left = new ArrayList<>(calls);
  }

  /**
   * The id of the next call of a tool with this input: of two that are the same, whichever comes
   * first has the first id.
   *
   * @return null if there is none
   */
  synchronized String take(String name, String input) {
    for (AssistantMessage.ToolCall call : left) {
      if (call.name().equals(name) && input(call).equals(input)) {
        left.remove(call);
        return call.id();
      }
    }
    return null;
  }

  // Spring AI makes an empty object of nothing.
  private static String input(AssistantMessage.ToolCall call) {
    String arguments = call.arguments();
    return arguments == null || arguments.isBlank() ? "{}" : arguments;
  }

  synchronized void refuse() {
    refused = true;
  }

  synchronized boolean refused() {
    return refused;
  }
}

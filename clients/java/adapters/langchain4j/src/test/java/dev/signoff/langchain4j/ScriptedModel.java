package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import java.util.List;

/** A model that asks for the same calls first, and then says what their results were. */
final class ScriptedModel implements ChatModel {
  private final List<ToolExecutionRequest> calls;

  ScriptedModel(ToolExecutionRequest... calls) {
    this.calls = List.of(calls);
  }

  static ToolExecutionRequest call(String id, String name, String arguments) {
    return ToolExecutionRequest.builder().id(id).name(name).arguments(arguments).build();
  }

  @Override
  public ChatResponse doChat(ChatRequest request) {
    return ChatResponse.builder().aiMessage(answer(request.messages())).build();
  }

  private AiMessage answer(List<ChatMessage> messages) {
    int turn = messages.size();
    while (turn > 0 && messages.get(turn - 1) instanceof ToolExecutionResultMessage) {
      turn--;
    }
    if (turn == messages.size()) {
      return AiMessage.from(calls);
    }
    List<String> results =
        messages.subList(turn, messages.size()).stream()
            .map(message -> (ToolExecutionResultMessage) message)
            .map(result -> result.id() + ": " + result.text())
            .toList();
    return AiMessage.from(String.join("\n", results));
  }

  /** The same, as a stream. */
  StreamingChatModel streaming() {
    return new StreamingChatModel() {
      @Override
      public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
        handler.onCompleteResponse(ScriptedModel.this.doChat(request));
      }
    };
  }
}

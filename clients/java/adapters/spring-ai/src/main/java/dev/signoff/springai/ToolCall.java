package dev.signoff.springai;

import org.springframework.ai.chat.model.ToolContext;

/**
 * A call that is to be asked for.
 *
 * @param name the tool
 * @param id the model's id of the call; null where no {@link ToolGate#manager} runs it
 * @param input what the model wrote
 * @param context the context of the request's tools; null where a tool is called without one
 */
public record ToolCall(String name, String id, String input, ToolContext context) {}

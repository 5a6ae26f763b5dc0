package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.invocation.InvocationContext;

/**
 * A call that is to be asked for.
 *
 * @param request what the model asked for
 * @param context the invocation of the AI service; null where an executor is called without one
 */
public record ToolCall(ToolExecutionRequest request, InvocationContext context) {}

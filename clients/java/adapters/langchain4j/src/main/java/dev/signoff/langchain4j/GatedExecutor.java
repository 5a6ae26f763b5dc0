package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.invocation.InvocationContext;
import dev.langchain4j.service.memory.ChatMemoryService;
import dev.langchain4j.service.tool.ToolExecutionResult;
import dev.langchain4j.service.tool.ToolExecutor;
import dev.signoff.client.Gate;
import dev.signoff.client.OnRefusal;
import dev.signoff.client.Refusal;
import dev.signoff.client.SignoffClient;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.BiFunction;

/** Runs a tool if its call is approved, with what was approved. */
final class GatedExecutor implements ToolExecutor {
  private final SignoffClient client;
  private final BiFunction<Gate, ToolCall, Gate> options;
  private final String toolName;
  private final ToolInput input;
  private final ToolExecutor tool;

  GatedExecutor(
      SignoffClient client,
      BiFunction<Gate, ToolCall, Gate> options,
      String toolName,
      ToolInput input,
      ToolExecutor tool) {
    this.client = client;
    this.options = options;
    this.toolName = toolName;
    this.input = input;
    this.tool = tool;
  }

  @Override
  public String execute(ToolExecutionRequest request, Object memoryId) {
    InvocationContext context = InvocationContext.builder().chatMemoryId(memoryId).build();
    return executeWithContext(request, context).resultText();
  }

  @Override
  public ToolExecutionResult executeWithContext(
      ToolExecutionRequest request, InvocationContext context) {
    if (!toolName.equals(request.name())) {
      // Executors of MCP servers call the tool that the request names.
      throw new IllegalArgumentException(
          "a call of " + request.name() + " came to the executor of " + toolName);
    }
    ToolInput.Read read = input.read(request, context);
    try {
      return gate(request, context, read)
          .call(read.arguments(), run -> run(request, context, run.arguments()));
    } catch (FailedTool failed) {
      return failed.result;
    } catch (Refusal refusal) {
      // An error, so that the model reads it also where a result would end the run at once.
      return ToolExecutionResult.builder().isError(true).resultText(refusal.getMessage()).build();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      // Without a cause: handlers of errors tell the model of the cause in its place.
      throw new IllegalStateException(
          "NOT RUN. The run was stopped before the call to " + toolName + " was made.");
    }
  }

  private ToolExecutionResult run(
      ToolExecutionRequest request, InvocationContext context, Map<String, Object> approved)
      throws FailedTool {
    ToolExecutionResult result;
    try {
      result = tool.executeWithContext(ToolInput.with(request, approved), context);
    } catch (Exception e) {
      // Undeclared, as tools in Kotlin throw it: it is not an interrupt of the wait.
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("tool " + toolName + " was interrupted while it ran");
      }
      throw e;
    }
    if (result.isError()) {
      throw new FailedTool(result);
    }
    return result;
  }

  private Gate gate(ToolExecutionRequest request, InvocationContext context, ToolInput.Read read) {
    Gate gate = client.gate(toolName);
    if (context != null) {
      String run = run(context);
      if (run != null) {
        gate = gate.runId(run);
        gate = isBlank(request.id()) ? gate : gate.callId(request.id());
      }
      gate = isBlank(context.interfaceName()) ? gate : gate.agentName(simple(context));
    }
    Gate refined =
        Objects.requireNonNull(
            options.apply(gate, new ToolCall(request, context)), "options returned null");
    return refined
        .onRefusal(OnRefusal.RAISE)
        .argumentsCheck(
            arguments -> {
              read.requireNoMore();
              input.requireFit(request, context, arguments);
            });
  }

  /**
   * The conversation, if it has a name; else this invocation of the AI service, if there is one.
   * All conversations without a name share the id "default", even of different users.
   */
  private static String run(InvocationContext context) {
    Object memory = context.chatMemoryId();
    boolean named = memory instanceof String || memory instanceof Number || memory instanceof UUID;
    if (named && !memory.equals(ChatMemoryService.DEFAULT) && !memory.toString().isBlank()) {
      return memory.toString();
    }
    return context.invocationId() == null ? null : context.invocationId().toString();
  }

  private static String simple(InvocationContext context) {
    String name = context.interfaceName();
    return name.substring(Math.max(name.lastIndexOf('.'), name.lastIndexOf('$')) + 1);
  }

  private static boolean isBlank(String text) {
    return text == null || text.isBlank();
  }

  /** The tool says that it failed, by its result. */
  private static final class FailedTool extends Exception {
    private static final long serialVersionUID = 1;

    private final transient ToolExecutionResult result;

    FailedTool(ToolExecutionResult result) {
      super(text(result));
      this.result = result;
    }

    private static String text(ToolExecutionResult result) {
      try {
        return result.resultText();
      } catch (RuntimeException e) {
        return "the tool returned an error that is not text";
      }
    }
  }
}

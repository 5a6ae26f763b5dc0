package dev.signoff.langchain4j;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.service.tool.AiServiceTool;
import dev.langchain4j.service.tool.DefaultToolExecutor;
import dev.langchain4j.service.tool.ToolExecutor;
import dev.langchain4j.service.tool.ToolProvider;
import dev.langchain4j.service.tool.ToolProviderRequest;
import dev.langchain4j.service.tool.ToolProviderResult;
import dev.langchain4j.service.tool.ToolService;
import dev.signoff.client.Gate;
import dev.signoff.client.SignoffClient;
import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/**
 * Gates tools: each call asks the server, waits, and runs with the approved arguments.
 *
 * <p>It returns gated copies, and does not change its arguments: make sure that only its results
 * reach an AI service. It is thread-safe.
 */
public final class ToolGate {
  /** Where there is no such class, no tool has it: LangChain4j has it since 1.17. */
  private static final String COMPENSATE_FOR = "dev.langchain4j.agent.tool.CompensateFor";

  private final SignoffClient client;
  private final BiFunction<Gate, ToolCall, Gate> options;

  private ToolGate(SignoffClient client, BiFunction<Gate, ToolCall, Gate> options) {
    this.client = Objects.requireNonNull(client, "client");
    this.options = Objects.requireNonNull(options, "options");
  }

  /**
   * A gate for tools.
   *
   * @param client asks the server
   * @return the gate
   */
  public static ToolGate of(SignoffClient client) {
    return new ToolGate(client, (gate, call) -> gate);
  }

  /**
   * The gate with options of all calls.
   *
   * @param options sets them, as in {@code gate -> gate.agentName("mailer")}
   * @return another gate, with these options in place of earlier ones
   */
  public ToolGate options(UnaryOperator<Gate> options) {
    Objects.requireNonNull(options, "options");
    return new ToolGate(client, (gate, call) -> options.apply(gate));
  }

  /**
   * The gate with options that differ from call to call. If the function throws, the tool does not
   * run; the AI service's handler of tools' errors gets the exception.
   *
   * @param options sets them. The gate that it gets has the ids and the agent's name that
   *     LangChain4j knows
   * @return another gate, with these options in place of earlier ones
   */
  public ToolGate optionsFor(BiFunction<Gate, ToolCall, Gate> options) {
    return new ToolGate(client, options);
  }

  /**
   * The tools of objects that have methods with {@code @Tool}.
   *
   * @param objects the objects, as {@code AiServices.tools} takes them
   * @return the tools, for {@code AiServices.tools}
   * @throws IllegalArgumentException if an object has a method with {@code @CompensateFor}, which
   *     would run without approval
   */
  public List<AiServiceTool> tools(Object... objects) {
    List<AiServiceTool> tools = new ArrayList<>();
    for (Object each : objects) {
      requireNoCompensation(each);
      ToolService.findTools(each).forEach(tool -> tools.add(tool(tool)));
    }
    return tools;
  }

  /**
   * Tools that are specified one by one.
   *
   * @param tools the tools, as {@code AiServices.tools} takes them
   * @return the gated tools, for {@code AiServices.tools}
   */
  public Map<ToolSpecification, ToolExecutor> tools(Map<ToolSpecification, ToolExecutor> tools) {
    Map<ToolSpecification, ToolExecutor> gated = new LinkedHashMap<>();
    tools.forEach((specification, tool) -> gated.put(specification, executor(specification, tool)));
    return gated;
  }

  /**
   * One tool.
   *
   * @param tool the tool
   * @return the gated tool
   */
  public AiServiceTool tool(AiServiceTool tool) {
    return tool.toBuilder()
        .toolExecutor(executor(tool.toolSpecification(), tool.toolExecutor()))
        .build();
  }

  /**
   * All tools of a provider, such as those of MCP servers.
   *
   * @param provider the provider
   * @return a provider of the gated tools, for {@code AiServices.toolProvider}
   */
  public ToolProvider provider(ToolProvider provider) {
    Objects.requireNonNull(provider, "provider");
    return new ToolProvider() {
      @Override
      public ToolProviderResult provideTools(ToolProviderRequest request) {
        ToolProviderResult result = provider.provideTools(request);
        if (result == null) {
          return null;
        }
        return new ToolProviderResult(
            result.aiServiceTools().stream().map(ToolGate.this::tool).toList());
      }

      @Override
      public boolean isDynamic() {
        return provider.isDynamic();
      }
    };
  }

  /**
   * What runs one tool.
   *
   * @param specification the description of the tool that the model gets
   * @param executor what runs it
   * @return what runs it if its call is approved
   * @throws IllegalArgumentException if the tool is gated already
   */
  public ToolExecutor executor(ToolSpecification specification, ToolExecutor executor) {
    Objects.requireNonNull(specification, "specification");
    Objects.requireNonNull(executor, "executor");
    if (executor instanceof GatedExecutor) {
      throw new IllegalArgumentException(
          "tool " + specification.name() + " is gated already: each call would ask twice");
    }
    // A class of its own may read its arguments otherwise.
    ToolInput input =
        executor.getClass() == DefaultToolExecutor.class
            ? new MethodInput(((DefaultToolExecutor) executor).originalMethod())
            : new JsonInput(specification);
    return new GatedExecutor(client, options, specification.name(), input, executor);
  }

  private static void requireNoCompensation(Object tools) {
    for (Class<?> type = tools.getClass(); type != null; type = type.getSuperclass()) {
      for (Method method : type.getDeclaredMethods()) {
        for (Annotation annotation : method.getAnnotations()) {
          if (annotation.annotationType().getName().equals(COMPENSATE_FOR)) {
            throw new IllegalArgumentException(
                "method %s of %s has @CompensateFor: it would run without approval. Make it a tool"
                        .formatted(method.getName(), tools.getClass().getName())
                    + " of its own, or take it out");
          }
        }
      }
    }
  }
}

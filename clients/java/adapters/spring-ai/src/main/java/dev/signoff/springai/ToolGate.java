package dev.signoff.springai;

import dev.signoff.client.Gate;
import dev.signoff.client.SignoffClient;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.springframework.ai.model.tool.ToolCallingManager;
import org.springframework.ai.support.ToolCallbacks;
import org.springframework.ai.tool.ToolCallback;
import org.springframework.ai.tool.ToolCallbackProvider;

/**
 * Gates tools: each call asks the server, waits, and runs with the approved arguments.
 *
 * <p>{@link #manager} gates whatever tools a chat client's requests have. {@link #tools}, {@link
 * #callback} and {@link #provider} gate tools one by one; they return gated copies, and do not
 * change their arguments. It is thread-safe.
 */
public final class ToolGate {
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
   * The gate with options that differ from call to call. If the function throws, the run ends, and
   * the tool does not run.
   *
   * @param options sets them. The gate that it gets has the ids that are known
   * @return another gate, with these options in place of earlier ones
   */
  public ToolGate optionsFor(BiFunction<Gate, ToolCall, Gate> options) {
    return new ToolGate(client, options);
  }

  /**
   * Gates all tools that are called through it, in the default way to run them.
   *
   * @return what runs tools, for a {@code ToolCallingAdvisor}, or as a bean
   */
  public ToolCallingManager manager() {
    return manager(ToolCallingManager.builder().build());
  }

  /**
   * Gates all tools that are called through it. A tool that is not in the request itself does not
   * run, because the gate would not see it.
   *
   * @param manager runs what is approved
   * @return what runs tools, for a {@code ToolCallingAdvisor}, or as a bean
   * @throws IllegalArgumentException if it gates tools already
   */
  public ToolCallingManager manager(ToolCallingManager manager) {
    Objects.requireNonNull(manager, "manager");
    if (manager instanceof GatedManager) {
      throw new IllegalArgumentException("the manager gates tools already: calls would ask twice");
    }
    return new GatedManager(this, manager);
  }

  /**
   * The tools of objects that have methods with {@code @Tool}.
   *
   * @param objects the objects
   * @return the gated tools
   */
  public ToolCallback[] tools(Object... objects) {
    return callbacks(ToolCallbacks.from(objects));
  }

  /**
   * All tools of a provider, such as those of MCP servers.
   *
   * @param provider the provider
   * @return a provider of the gated tools
   */
  public ToolCallbackProvider provider(ToolCallbackProvider provider) {
    Objects.requireNonNull(provider, "provider");
    return () -> callbacks(provider.getToolCallbacks());
  }

  private ToolCallback[] callbacks(ToolCallback[] tools) {
    return Stream.of(tools).map(this::callback).toArray(ToolCallback[]::new);
  }

  /**
   * One tool.
   *
   * @param tool the tool
   * @return the gated tool
   * @throws IllegalArgumentException if it is gated already
   */
  public ToolCallback callback(ToolCallback tool) {
    Objects.requireNonNull(tool, "tool");
    if (tool instanceof GatedCallback) {
      throw new IllegalArgumentException(
          "tool "
              + tool.getToolDefinition().name()
              + " is gated already: each call would ask twice");
    }
    return new GatedCallback(client, options, tool, ToolInput.of(tool), null);
  }
}

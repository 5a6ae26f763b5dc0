package dev.signoff.client;

import java.util.Objects;

/** A function behind a gate, with the parameters that it declares. */
final class WrappedFunction<A, I, R, E extends Exception> implements GatedFunction<A, R, E> {
  private final Connection connection;
  private final CallSettings settings;
  private final Parameters<A, I> parameters;
  private final ToolFunction<I, R, E> function;

  WrappedFunction(
      Connection connection,
      CallSettings settings,
      Parameters<A, I> parameters,
      ToolFunction<I, R, E> function) {
    this.connection = connection;
    this.settings = settings;
    this.parameters = parameters;
    this.function = function;
  }

  @Override
  public R call(A arguments) throws E, Refusal, InterruptedException {
    Parameters.Asked<I> asked = show(arguments);
    return GatedCall.asking(connection, settings, asked.arguments())
        .make(run -> run.edited() ? parameters.read(run.arguments()) : asked.rebuilt(), function);
  }

  @Override
  public Handle ask(A arguments) throws Refusal, InterruptedException {
    return GatedCall.asking(connection, settings, show(arguments).arguments()).ask();
  }

  @Override
  public R resume(Handle handle) throws E, Refusal, InterruptedException {
    return GatedCall.resuming(connection, settings, handle)
        .make(run -> parameters.read(run.arguments()), function);
  }

  private Parameters.Asked<I> show(A arguments) throws Refusal.InvalidArguments {
    return parameters.ask(settings.toolName, Objects.requireNonNull(arguments, "arguments"));
  }
}

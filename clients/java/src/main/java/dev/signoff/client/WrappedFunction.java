package dev.signoff.client;

import java.util.Objects;

/** A function behind a gate, with the parameters that it declares. */
final class WrappedFunction<A, I, R, E extends Exception> implements GatedFunction<A, R, E> {
  private final Connection connection;
  private final CallSettings settings;
  private final Parameters<A, I> parameters;
  private final ToolFunction<I, R, E> function;
  private final RefusalResult<R> refused;

  WrappedFunction(
      Connection connection,
      CallSettings settings,
      Parameters<A, I> parameters,
      ToolFunction<I, R, E> function,
      RefusalResult<R> refused) {
    this.connection = connection;
    this.settings = settings.withDerived(parameters.schema(), connection.advice());
    this.parameters = parameters;
    this.function = function;
    this.refused = refused;
  }

  @Override
  public R call(A arguments) throws E, Refusal, InterruptedException {
    Objects.requireNonNull(arguments, "arguments");
    return GatedCall.run(() -> grant(arguments), function, refused);
  }

  private GatedCall.Granted<I> grant(A arguments) throws Refusal, InterruptedException {
    Parameters.Asked<I> asked = parameters.ask(settings.toolName, arguments);
    return GatedCall.asking(connection, settings, asked.arguments())
        .grant(run -> run.edited() ? parameters.read(run.arguments()) : asked.rebuilt());
  }

  @Override
  public Handle ask(A arguments) throws Refusal, InterruptedException {
    Objects.requireNonNull(arguments, "arguments");
    Parameters.Asked<I> asked = parameters.ask(settings.toolName, arguments);
    return GatedCall.asking(connection, settings, asked.arguments()).ask();
  }

  @Override
  public R resume(Handle handle) throws E, Refusal, InterruptedException {
    GatedCall call = GatedCall.resuming(connection, settings, handle);
    return GatedCall.run(
        () -> call.grant(run -> parameters.read(run.arguments())), function, refused);
  }
}

package dev.signoff.client;

import dev.signoff.v1.Person;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs a tool only after an approval: asks, waits, claims, runs and reports.
 *
 * <p>Immutable: each setter returns another gate. Keep one for a tool, and refine it for a call.
 * Calls block. A caller stops waiting by interrupting the thread (as {@code future.cancel(true)} of
 * an executor's future does) or by cancelling the {@link io.grpc.Context} that it calls in; both
 * end in an {@link InterruptedException}.
 */
public final class Gate {
  private final Connection connection;
  private final CallSettings settings;

  Gate(Connection connection, CallSettings settings) {
    this.connection = connection;
    this.settings = settings;
  }

  private Gate with(Consumer<CallSettings> change) {
    CallSettings changed = settings.copy();
    change.accept(changed);
    return new Gate(connection, changed);
  }

  // An empty id would silently become a random one.
  private static String nonEmpty(String id, String name) {
    if (Objects.requireNonNull(id, name).isEmpty()) {
      throw new IllegalArgumentException(name + " must not be empty");
    }
    return id;
  }

  // Raw types and unchecked casts let anything into collections of strings.
  private static void requireText(Object text, String name) {
    if (!(text instanceof String)) {
      throw new IllegalArgumentException(name + " must be a string, not " + text);
    }
  }

  /**
   * The agent that makes the call.
   *
   * @param agentName its name, at most 128 characters
   * @return the gate with it
   */
  public Gate agentName(String agentName) {
    Objects.requireNonNull(agentName, "agentName");
    return with(call -> call.agentName = agentName);
  }

  /**
   * The run of the agent (conversation, job) that the call belongs to.
   *
   * @param runId the run, 1 to 128 characters
   * @return the gate with it
   */
  public Gate runId(String runId) {
    return with(call -> call.runId = nonEmpty(runId, "runId"));
  }

  /**
   * The agents that handed the task on.
   *
   * @param chain in order, at most 16, without the agent itself
   * @return the gate with it
   */
  public Gate chain(List<String> chain) {
    List<?> agents = new ArrayList<>(Objects.requireNonNull(chain, "chain"));
    for (int i = 0; i < agents.size(); i++) {
      requireText(agents.get(i), "chain[" + i + "]");
    }
    List<String> copy = List.copyOf(chain);
    return with(call -> call.chain = copy);
  }

  /**
   * Why the agent wants to run the tool, for reviewers.
   *
   * @param reason the text, at most 4 KiB
   * @return the gate with it
   */
  public Gate reason(String reason) {
    Objects.requireNonNull(reason, "reason");
    return with(call -> call.reason = reason);
  }

  /**
   * Labels, for rules of the policy and to find the approval again.
   *
   * @param labels at most 32; names of at most 63 of {@code A-Z a-z 0-9 _ . / -}, values of at most
   *     256 characters
   * @return the gate with them, in place of earlier ones
   */
  public Gate labels(Map<String, String> labels) {
    Map<?, ?> given = new HashMap<>(Objects.requireNonNull(labels, "labels"));
    given.forEach(
        (name, value) -> {
          requireText(name, "the name of each of labels");
          requireText(value, "labels." + name);
        });
    Map<String, String> copy = Map.copyOf(labels);
    return with(call -> call.labels = copy);
  }

  /**
   * How long to wait for a decision; the server's default unless set. The policy may shorten it.
   *
   * @param timeout 1 s to 7 days
   * @return the gate with it
   */
  public Gate timeout(Duration timeout) {
    Objects.requireNonNull(timeout, "timeout");
    if (!Deadlines.isPositiveAndFinite(timeout)) {
      throw new IllegalArgumentException("timeout must be more than zero, and finite");
    }
    return with(call -> call.timeout = timeout);
  }

  /**
   * A JSON Schema that the arguments must satisfy, edited ones included.
   *
   * @param schema the schema, at most 16 KiB as canonical JSON; it is copied
   * @return the gate with it
   */
  public Gate argumentsSchema(Map<String, ?> schema) {
    Objects.requireNonNull(schema, "argumentsSchema");
    return with(call -> call.argumentsSchema(schema));
  }

  /**
   * The person on whose behalf the agent asks, who then cannot decide. Only for credentials that
   * may assert it.
   *
   * @param issuer the authority that knows the person; empty for the server itself
   * @param subject the person's name there
   * @return the gate with it
   */
  public Gate onBehalfOf(String issuer, String subject) {
    Objects.requireNonNull(issuer, "onBehalfOf: issuer");
    nonEmpty(subject, "onBehalfOf: subject");
    Person person = Person.newBuilder().setIssuer(issuer).setSubject(subject).build();
    return with(call -> call.onBehalfOf = person);
  }

  /**
   * The idempotency key of the call: the same key finds the same approval, so the call runs at most
   * once. Unless set, it is derived from {@link #runId} and {@link #callId}, or random.
   *
   * @param requestId the key, 1 to 128 characters
   * @return the gate with it
   */
  public Gate requestId(String requestId) {
    return with(call -> call.requestId = nonEmpty(requestId, "requestId"));
  }

  /**
   * The name of the call within its run: a second run of the agent with the same two ids finds the
   * earlier approval.
   *
   * @param callId the name, not empty; needs {@link #runId}
   * @return the gate with it
   */
  public Gate callId(String callId) {
    return with(call -> call.callId = nonEmpty(callId, "callId"));
  }

  /**
   * The time of retries while the server is unreachable: before its first answer, for the claim and
   * for the report. 30 s unless set. One last try follows, of 5 s at most. While the approval waits
   * for a decision, its own deadline counts instead.
   *
   * @param patience not negative
   * @return the gate with it
   */
  public Gate patience(Duration patience) {
    if (Objects.requireNonNull(patience, "patience").isNegative()) {
      throw new IllegalArgumentException("patience must not be negative");
    }
    return with(call -> call.patience = patience);
  }

  /**
   * Gets the progress of the wait, about every 15 s, on the calling thread.
   *
   * @param onProgress gets each message; its exceptions are ignored
   * @return the gate with it
   */
  public Gate onProgress(Consumer<Progress> onProgress) {
    Objects.requireNonNull(onProgress, "onProgress");
    return with(call -> call.onProgress = onProgress);
  }

  /**
   * Whether to withdraw the approval when the caller stops waiting, which takes 5 s at most. It
   * stays open otherwise.
   *
   * @param cancelOnAbandon whether to withdraw it
   * @return the gate with it
   */
  public Gate cancelOnAbandon(boolean cancelOnAbandon) {
    return with(call -> call.cancelOnAbandon = cancelOnAbandon);
  }

  /**
   * A handle with which another thread stops the call: it stops waiting, and takes no claim. See
   * {@link CancelHandle}.
   *
   * @param cancelHandle the handle
   * @return the gate with it
   */
  public Gate cancelHandle(CancelHandle cancelHandle) {
    Objects.requireNonNull(cancelHandle, "cancelHandle");
    return with(call -> call.cancelHandle = cancelHandle);
  }

  /**
   * Whether to send the schema derived from the record of a wrapped function with each request, so
   * that the server rejects an edit that does not fit. Default {@code true}; {@link
   * #argumentsSchema} replaces the schema.
   *
   * @param deriveSchema whether to send it
   * @return the gate with it
   */
  public Gate deriveSchema(boolean deriveSchema) {
    return with(call -> call.deriveSchema = deriveSchema);
  }

  /**
   * Checks the arguments before anybody is asked, and the approved arguments before the claim. For
   * adapters, whose tools read their arguments in their own ways.
   *
   * @param argumentsCheck gets the arguments as the function would, and throws an {@link
   *     IllegalArgumentException} if the tool cannot take them unchanged. Its message, which
   *     follows "the set of arguments" in a sentence, is the problem of {@link
   *     Refusal.InvalidArguments}, or of {@link Refusal.InvalidEdit}. Any other exception ends the
   *     call, and nothing runs
   * @return the gate with it
   */
  public Gate argumentsCheck(Consumer<Map<String, Object>> argumentsCheck) {
    Objects.requireNonNull(argumentsCheck, "argumentsCheck");
    return with(call -> call.argumentsCheck = argumentsCheck);
  }

  /**
   * How to handle a refusal of a call, in place of the client's option. {@link OnRefusal#RETURN} is
   * for calls and wrapped functions whose result can be text; a lambda does not have the class of
   * its result, so name it after the lambda. {@link #ask} and {@link #await} always throw refusals.
   *
   * @param onRefusal how to handle it
   * @return the gate with it
   */
  public Gate onRefusal(OnRefusal onRefusal) {
    Objects.requireNonNull(onRefusal, "onRefusal");
    return with(call -> call.onRefusal = onRefusal);
  }

  /**
   * Required options: a call without them is an error of use, before anybody is asked. So no policy
   * judges a call that lost its labels.
   *
   * @param options names of this gate's methods, such as {@code "labels"} and {@code "runId"}, in
   *     place of earlier ones
   * @return the gate that requires them
   * @throws IllegalArgumentException for an unknown option
   */
  public Gate requiredOptions(String... options) {
    Set<CallOption> required =
        Stream.of(options).map(CallOption::named).collect(Collectors.toUnmodifiableSet());
    return with(call -> call.requiredOptions = required);
  }

  /**
   * Asks for approval of one call, waits for the decision, and runs the function if the call is
   * approved.
   *
   * @param arguments the call's arguments: null, {@link Boolean}, {@link String}, {@link Byte},
   *     {@link Short}, {@link Integer}, {@link Long}, {@link Float}, {@link Double}, {@link
   *     java.math.BigInteger}, {@link java.math.BigDecimal}, {@link List} and {@link Map} with
   *     string keys, at most 32 deep. They are copied
   * @param function runs the tool, with the arguments that it gets
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the function's result
   * @throws E the function's exception
   * @throws Refusal if the function did not run
   * @throws InterruptedException if the caller stopped waiting before the function ran, or before
   *     its future was done
   * @throws IllegalStateException if there is a {@link #callId} without a {@link #runId}, if an
   *     option of {@link #requiredOptions} is missing, or if the function returned unfinished work
   */
  public <R, E extends Exception> R call(Map<String, ?> arguments, ToolFunction<Run, R, E> function)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return call(arguments, function, RefusalResult.of(settings, function));
  }

  /**
   * Like {@link #call(Map, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param arguments as there
   * @param function as there
   * @param result the class of the function's result
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the function's result, or the text of the refusal
   * @throws E the function's exception
   * @throws Refusal if the function did not run, and refusals are not returned
   * @throws InterruptedException as there
   * @throws IllegalArgumentException if refusals are returned, and the result cannot be text
   */
  public <R, E extends Exception> R call(
      Map<String, ?> arguments, ToolFunction<Run, R, E> function, Class<R> result)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return call(arguments, function, RefusalResult.of(settings, result));
  }

  private <R, E extends Exception> R call(
      Map<String, ?> arguments, ToolFunction<Run, R, E> function, RefusalResult<R> refused)
      throws E, Refusal, InterruptedException {
    Objects.requireNonNull(arguments, "arguments");
    return GatedCall.run(
        () -> {
          Arguments checked = Arguments.of(settings.toolName, arguments);
          return GatedCall.asking(connection, settings, checked).grant(run -> run);
        },
        function,
        refused);
  }

  /**
   * Asks for approval of one call, and returns as soon as the server has recorded the request, with
   * any status. {@link #resume} runs the call, in this process or another.
   *
   * @param arguments as in {@link #call}
   * @return the handle of the call
   * @throws Refusal if the server has not confirmed the request
   * @throws InterruptedException if the caller stopped waiting
   * @throws IllegalStateException as in {@link #call}
   */
  public Handle ask(Map<String, ?> arguments) throws Refusal, InterruptedException {
    Objects.requireNonNull(arguments, "arguments");
    Arguments checked = Arguments.of(settings.toolName, arguments);
    return GatedCall.asking(connection, settings, checked).ask();
  }

  /**
   * Waits for the decision on an asked call, and claims nothing. Returns when the call is approved.
   * {@link #patience} bounds the wait until the server's first answer.
   *
   * @param handle the handle of {@link #ask}
   * @throws Refusal if the call is not approved
   * @throws InterruptedException if the caller stopped waiting
   * @throws IllegalArgumentException if the handle is for another tool
   */
  public void await(Handle handle) throws Refusal, InterruptedException {
    GatedCall.resuming(connection, settings, handle).await();
  }

  /**
   * Waits for an asked call, and runs the function if the call is approved. The arguments come from
   * the server, and must be the asked ones or an edit of them. If several processes resume one
   * handle, one runs; the others get {@link Refusal.AlreadyClaimed}.
   *
   * @param handle the handle of {@link #ask}, from this or another process
   * @param function runs the tool, with the arguments that it gets
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the function's result
   * @throws E the function's exception
   * @throws Refusal if the function did not run
   * @throws InterruptedException as in {@link #call}
   * @throws IllegalArgumentException if the handle is for another tool
   * @throws IllegalStateException if the function returned unfinished work
   */
  public <R, E extends Exception> R resume(Handle handle, ToolFunction<Run, R, E> function)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return resume(handle, function, RefusalResult.of(settings, function));
  }

  /**
   * Like {@link #resume(Handle, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param handle as there
   * @param function as there
   * @param result the class of the function's result
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the function's result, or the text of the refusal
   * @throws E the function's exception
   * @throws Refusal if the function did not run, and refusals are not returned
   * @throws InterruptedException as there
   * @throws IllegalArgumentException as there, or if refusals are returned, and the result cannot
   *     be text
   */
  public <R, E extends Exception> R resume(
      Handle handle, ToolFunction<Run, R, E> function, Class<R> result)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return resume(handle, function, RefusalResult.of(settings, result));
  }

  private <R, E extends Exception> R resume(
      Handle handle, ToolFunction<Run, R, E> function, RefusalResult<R> refused)
      throws E, Refusal, InterruptedException {
    GatedCall call = GatedCall.resuming(connection, settings, handle);
    return GatedCall.run(() -> call.grant(run -> run), function, refused);
  }

  /**
   * Wraps a function: its arguments become the call's. With a {@link #requestId} or {@link #callId}
   * all its calls are one call.
   *
   * @param function runs the tool, with the arguments that it gets
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the gated function; arguments are as in {@link #call}
   */
  public <R, E extends Exception> GatedFunction<Map<String, ?>, R, E> wrap(
      ToolFunction<Map<String, Object>, R, E> function) {
    Results.requireBegun(function);
    return wrapped(Parameters.OfMap.INSTANCE, function, RefusalResult.of(settings, function));
  }

  /**
   * Like {@link #wrap(ToolFunction)}, with the class of the result, which {@link OnRefusal#RETURN}
   * needs.
   *
   * @param function as there
   * @param result the class of the function's result
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the gated function
   * @throws IllegalArgumentException if refusals are returned, and the result cannot be text
   */
  public <R, E extends Exception> GatedFunction<Map<String, ?>, R, E> wrap(
      ToolFunction<Map<String, Object>, R, E> function, Class<R> result) {
    Results.requireBegun(function);
    return wrapped(Parameters.OfMap.INSTANCE, function, RefusalResult.of(settings, result));
  }

  private <A, I, R, E extends Exception> GatedFunction<A, R, E> wrapped(
      Parameters<A, I> parameters, ToolFunction<I, R, E> function, RefusalResult<R> refused) {
    return new WrappedFunction<>(connection, settings, parameters, function, refused);
  }

  /**
   * Wraps a function of a record: the names and values of its components become the arguments of
   * the call. Components are booleans, strings, numbers, enums, times of {@code java.time} (but no
   * {@link java.time.ZonedDateTime}), {@link java.util.UUID}s, {@link java.nio.file.Path}s, {@link
   * List}s, {@link Set}s, {@link Map}s with string keys, {@link java.util.Optional}s, such records,
   * or {@link Object}s as {@link #call} takes them. Declare an optional component as {@code
   * Optional}. The JSON Schema derived from these types is sent with each request: see {@link
   * #deriveSchema}.
   *
   * <p>The function gets a record rebuilt from the approved arguments, edited or not. A record
   * whose constructor or accessors change them is {@link Refusal.InvalidArguments}, before anybody
   * is asked. An edit must fit the record: exactly its components, numbers that the component's
   * type represents exactly, and values that the constructor accepts and keeps. Otherwise it is
   * {@link Refusal.InvalidEdit}, before the claim.
   *
   * @param type the record
   * @param function runs the tool, with the record that it gets
   * @param <A> the record
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the gated function
   * @throws IllegalArgumentException if a component's type has no JSON form
   */
  public <A extends Record, R, E extends Exception> GatedFunction<A, R, E> wrap(
      Class<A> type, ToolFunction<A, R, E> function) {
    Results.requireBegun(function);
    return wrapped(new RecordArguments<>(type), function, RefusalResult.of(settings, function));
  }

  /**
   * Like {@link #wrap(Class, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param type as there
   * @param function as there
   * @param result the class of the function's result
   * @param <A> the record
   * @param <R> the function's result
   * @param <E> the function's exception
   * @return the gated function
   * @throws IllegalArgumentException as there, or if refusals are returned, and the result cannot
   *     be text
   */
  public <A extends Record, R, E extends Exception> GatedFunction<A, R, E> wrap(
      Class<A> type, ToolFunction<A, R, E> function, Class<R> result) {
    Results.requireBegun(function);
    return wrapped(new RecordArguments<>(type), function, RefusalResult.of(settings, result));
  }
}

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
 * The way to run a tool only with a yes: it asks, waits, claims, runs and reports.
 *
 * <p>Immutable: each setter returns another gate, so that one can be kept for a tool and refined
 * for a call. Calls block. A caller gives up by interrupting the thread (as {@code
 * future.cancel(true)} of an executor's future does) or by cancelling the {@link io.grpc.Context}
 * that it calls in; both end in an {@link InterruptedException}.
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

  // An id that was meant to be set and is empty would be a random one without a word.
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
   * @param chain the first one first, at most 16, without the agent itself
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
   * @param reason its own words, at most 4 KiB
   * @return the gate with it
   */
  public Gate reason(String reason) {
    Objects.requireNonNull(reason, "reason");
    return with(call -> call.reason = reason);
  }

  /**
   * Labels, for rules of the policy and for finding the approval again.
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
   * How long to wait for a decision; the server says, if this is not set. The policy may shorten
   * it.
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
   * The idempotency key of the call: the same one finds the same approval, and so the call is made
   * once at most. If it is not set, it is made of {@link #runId} and {@link #callId}, or at random.
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
   * For how long to try to reach the server: before it has answered, when claiming and when
   * reporting. 30 s unless set. There is one more try after it, of 5 s at most. While the approval
   * waits for a decision its own deadline counts instead.
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
   * What is told how things stand while a decision is waited for, every 15 s or so, on the calling
   * thread.
   *
   * @param onProgress gets each message; what it throws is ignored
   * @return the gate with it
   */
  public Gate onProgress(Consumer<Progress> onProgress) {
    Objects.requireNonNull(onProgress, "onProgress");
    return with(call -> call.onProgress = onProgress);
  }

  /**
   * Whether the approval is withdrawn when the caller gives up waiting, which takes 5 s at most. It
   * stays open otherwise.
   *
   * @param cancelOnAbandon whether it is
   * @return the gate with it
   */
  public Gate cancelOnAbandon(boolean cancelOnAbandon) {
    return with(call -> call.cancelOnAbandon = cancelOnAbandon);
  }

  /**
   * A handle by which another thread stops the call: it waits no longer, and takes no claim. See
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
   * Whether the schema that follows from the record of a wrapped function is sent with each
   * request, so that the server refuses an edit that does not fit. It is, unless this is set to
   * false, or {@link #argumentsSchema} to a schema of your own.
   *
   * @param deriveSchema whether it is
   * @return the gate with it
   */
  public Gate deriveSchema(boolean deriveSchema) {
    return with(call -> call.deriveSchema = deriveSchema);
  }

  /**
   * What looks at the arguments before anybody is asked, and at those that were approved before the
   * call is claimed. For adapters, whose tools read their arguments in ways of their own.
   *
   * @param argumentsCheck gets the arguments as the function would, and throws an {@link
   *     IllegalArgumentException} if the tool cannot take them as they are. Its message, words that
   *     follow "the set of arguments", is the problem of {@link Refusal.InvalidArguments}, or of
   *     {@link Refusal.InvalidEdit}. Whatever else it throws ends the call, and nothing is run
   * @return the gate with it
   */
  public Gate argumentsCheck(Consumer<Map<String, Object>> argumentsCheck) {
    Objects.requireNonNull(argumentsCheck, "argumentsCheck");
    return with(call -> call.argumentsCheck = argumentsCheck);
  }

  /**
   * What becomes of a refusal of a call, in place of what the options of the client say. {@link
   * OnRefusal#RETURN} is for calls and wrapped functions whose result can be text; a lambda does
   * not say what it returns, so name the class of its result after it. {@link #ask} and {@link
   * #await} always throw refusals.
   *
   * @param onRefusal what becomes of it
   * @return the gate with it
   */
  public Gate onRefusal(OnRefusal onRefusal) {
    Objects.requireNonNull(onRefusal, "onRefusal");
    return with(call -> call.onRefusal = onRefusal);
  }

  /**
   * Options without which a call is an error of use, before anybody is asked. A policy that asks on
   * labels does not judge a call that lost them.
   *
   * @param options names of this gate's methods, such as {@code "labels"} and {@code "runId"}, in
   *     place of earlier ones
   * @return the gate that requires them
   * @throws IllegalArgumentException if there is no such option
   */
  public Gate requiredOptions(String... options) {
    Set<CallOption> required =
        Stream.of(options).map(CallOption::named).collect(Collectors.toUnmodifiableSet());
    return with(call -> call.requiredOptions = required);
  }

  /**
   * Asks for approval of one call, waits for the decision, and runs the function if the call may be
   * made.
   *
   * @param arguments the call's arguments: null, {@link Boolean}, {@link String}, {@link Byte},
   *     {@link Short}, {@link Integer}, {@link Long}, {@link Float}, {@link Double}, {@link
   *     java.math.BigInteger}, {@link java.math.BigDecimal}, {@link List} and {@link Map} with
   *     string keys, at most 32 deep. They are copied
   * @param function runs the tool, with the arguments that it is given
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return what the function returned
   * @throws E what the function threw
   * @throws Refusal if the function was not run
   * @throws InterruptedException if the caller gave up, and the function was not run, or the future
   *     that it returned was not done
   * @throws IllegalStateException if there is a {@link #callId} without a {@link #runId}, if an
   *     option of {@link #requiredOptions} is missing, or if the function returned work that has
   *     not begun
   */
  public <R, E extends Exception> R call(Map<String, ?> arguments, ToolFunction<Run, R, E> function)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return call(arguments, function, RefusalResult.of(settings, function));
  }

  /**
   * The same as {@link #call(Map, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param arguments as there
   * @param function as there
   * @param result what the function returns
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return what the function returned, or the text of the refusal
   * @throws E what the function threw
   * @throws Refusal if the function was not run, and refusals are not returned
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
   * Asks for approval of one call, and returns as soon as the server has recorded the request,
   * whatever its status is. The call is run by {@link #resume}, in this process or another.
   *
   * @param arguments as in {@link #call}
   * @return the handle of the call
   * @throws Refusal if the request is not known to be recorded
   * @throws InterruptedException if the caller gave up
   * @throws IllegalStateException as in {@link #call}
   */
  public Handle ask(Map<String, ?> arguments) throws Refusal, InterruptedException {
    Objects.requireNonNull(arguments, "arguments");
    Arguments checked = Arguments.of(settings.toolName, arguments);
    return GatedCall.asking(connection, settings, checked).ask();
  }

  /**
   * Waits for the decision on a call that was asked for, and claims nothing. Returns when the call
   * is approved. {@link #patience} bounds the wait until the server's first answer.
   *
   * @param handle what {@link #ask} returned
   * @throws Refusal if the call is not approved
   * @throws InterruptedException if the caller gave up
   * @throws IllegalArgumentException if the handle is for another tool
   */
  public void await(Handle handle) throws Refusal, InterruptedException {
    GatedCall.resuming(connection, settings, handle).await();
  }

  /**
   * Waits for a call that was asked for, and runs the function if the call may be made. The
   * arguments come from the server, and must be those that were asked for, or an edit of them. Of
   * several that resume one handle, one runs; the others get {@link Refusal.AlreadyClaimed}.
   *
   * @param handle what {@link #ask} returned, here or in another process
   * @param function runs the tool, with the arguments that it is given
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return what the function returned
   * @throws E what the function threw
   * @throws Refusal if the function was not run
   * @throws InterruptedException as in {@link #call}
   * @throws IllegalArgumentException if the handle is for another tool
   * @throws IllegalStateException if the function returned work that has not begun
   */
  public <R, E extends Exception> R resume(Handle handle, ToolFunction<Run, R, E> function)
      throws E, Refusal, InterruptedException {
    Results.requireBegun(function);
    return resume(handle, function, RefusalResult.of(settings, function));
  }

  /**
   * The same as {@link #resume(Handle, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param handle as there
   * @param function as there
   * @param result what the function returns
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return what the function returned, or the text of the refusal
   * @throws E what the function threw
   * @throws Refusal if the function was not run, and refusals are not returned
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
   * Puts a function behind the gate: its arguments are those of the call. With a {@link #requestId}
   * or {@link #callId} all its calls are the same one.
   *
   * @param function runs the tool, with the arguments that it is given
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return the gated function; arguments are as in {@link #call}
   */
  public <R, E extends Exception> GatedFunction<Map<String, ?>, R, E> wrap(
      ToolFunction<Map<String, Object>, R, E> function) {
    Results.requireBegun(function);
    return wrapped(Parameters.OfMap.INSTANCE, function, RefusalResult.of(settings, function));
  }

  /**
   * The same as {@link #wrap(ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param function as there
   * @param result what the function returns
   * @param <R> what the function returns
   * @param <E> what the function may throw
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
   * Puts a function of a record behind the gate: the names and values of its components are the
   * arguments of the call. Components are booleans, strings, numbers, enums, times of {@code
   * java.time} (but no {@link java.time.ZonedDateTime}), {@link java.util.UUID}s, {@link
   * java.nio.file.Path}s, {@link List}s, {@link Set}s, {@link Map}s with string keys, {@link
   * java.util.Optional}s, such records, or {@link Object}s as {@link #call} takes them. A component
   * that may be null is an {@code Optional}. The JSON Schema that follows from these types is sent
   * with each request: see {@link #deriveSchema}.
   *
   * <p>The function gets a record that is made anew of what was approved, edited or not. A record
   * whose constructor or accessors make something else of it is {@link Refusal.InvalidArguments},
   * before anybody is asked. Edited arguments must fit the record: each component present, none
   * beyond, each number one that the component's type holds exactly, and a constructor that takes
   * and keeps them. They are {@link Refusal.InvalidEdit} otherwise, before the claim.
   *
   * @param type the record
   * @param function runs the tool, with the record that it is given
   * @param <A> the record
   * @param <R> what the function returns
   * @param <E> what the function may throw
   * @return the gated function
   * @throws IllegalArgumentException if a component's type cannot be made of JSON
   */
  public <A extends Record, R, E extends Exception> GatedFunction<A, R, E> wrap(
      Class<A> type, ToolFunction<A, R, E> function) {
    Results.requireBegun(function);
    return wrapped(new RecordArguments<>(type), function, RefusalResult.of(settings, function));
  }

  /**
   * The same as {@link #wrap(Class, ToolFunction)}, with the class of the result, which {@link
   * OnRefusal#RETURN} needs.
   *
   * @param type as there
   * @param function as there
   * @param result what the function returns
   * @param <A> the record
   * @param <R> what the function returns
   * @param <E> what the function may throw
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

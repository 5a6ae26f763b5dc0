package dev.signoff.client;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.BaseStream;

/**
 * Results of functions. Work that runs elsewhere is awaited, and work that has not begun is
 * rejected: otherwise SUCCEEDED would be reported before the work was done, and it would run
 * outside the gate.
 */
final class Results {
  /** How deep futures and work are looked for in values. */
  private static final int MAX_DEPTH = 32;

  /** Types whose objects do their work when they are asked to, by name where others have them. */
  private static final Set<String> NOT_BEGUN =
      Set.of(
          "java.lang.Runnable",
          "java.util.Iterator",
          "java.util.Spliterator",
          "java.util.concurrent.Callable",
          "java.util.concurrent.Flow$Publisher",
          "java.util.function.BooleanSupplier",
          "java.util.function.Consumer",
          "java.util.function.Function",
          "java.util.function.Supplier",
          "java.util.stream.BaseStream",
          "dev.signoff.client.GatedFunction",
          "dev.signoff.client.ToolFunction",
          "io.reactivex.rxjava3.core.CompletableSource",
          "io.reactivex.rxjava3.core.MaybeSource",
          "io.reactivex.rxjava3.core.ObservableSource",
          "io.reactivex.rxjava3.core.SingleSource",
          "io.smallrye.mutiny.Uni",
          "kotlin.Function",
          "kotlin.sequences.Sequence",
          "kotlinx.coroutines.Job",
          "kotlinx.coroutines.flow.Flow",
          "org.reactivestreams.Publisher",
          "scala.Function0",
          "scala.concurrent.Future");

  private static final ClassValue<Boolean> NOT_BEGUN_TYPES =
      new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
          return isListed(type);
        }
      };

  private final String toolName;
  private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

  /** The first future that failed. */
  private Throwable failure;

  private Results(String toolName) {
    this.toolName = toolName;
  }

  /**
   * Refuses a function that says it returns work that has not begun. A lambda does not say what it
   * returns: its result is looked at when it is there.
   */
  static void requireBegun(ToolFunction<?, ?, ?> function) {
    Class<?> result = declared(function);
    if (isNotBegun(result)) {
      throw new IllegalArgumentException(
          "function: " + function.getClass().getName() + " returns " + unbegun(result));
    }
  }

  /** The class that a function declares to return; that of nothing if it does not say. */
  static Class<?> declared(ToolFunction<?, ?, ?> function) {
    Objects.requireNonNull(function, "function");
    for (Class<?> type = function.getClass(); type != null; type = type.getSuperclass()) {
      for (Type each : type.getGenericInterfaces()) {
        if (each instanceof ParameterizedType known && known.getRawType() == ToolFunction.class) {
          return ComponentTypes.raw(known.getActualTypeArguments()[1]);
        }
      }
    }
    return void.class;
  }

  /**
   * Waits until the work is done that a result stands for.
   *
   * @return how it failed; empty if it did not
   * @throws IllegalStateException if the result is work that has not begun
   * @throws InterruptedException if the caller stops waiting; the awaited work is cancelled
   */
  static Optional<Throwable> settle(String toolName, Object result) throws InterruptedException {
    Results results = new Results(toolName);
    results.settle(result, 0);
    return Optional.ofNullable(results.failure);
  }

  private void settle(Object value, int depth) throws InterruptedException {
    if (value == null || depth > MAX_DEPTH || !seen.add(value)) {
      return;
    }
    if (value instanceof CompletionStage<?> stage) {
      settle(await(stage), depth + 1);
    } else if (value instanceof Future<?> future) {
      settle(await(future), depth + 1);
    } else if (isLambda(value.getClass()) || isNotBegun(value.getClass())) {
      close(value);
      throw new IllegalStateException(
          "the function of " + toolName + " returned " + unbegun(value.getClass()));
    } else {
      for (Object part : parts(value)) {
        settle(part, depth + 1);
      }
    }
  }

  /** What a value holds, where looking at it runs nothing. */
  private static Collection<?> parts(Object value) {
    // Collections of others may do their work when they are looked at.
    boolean plain = value.getClass().getName().startsWith("java.");
    if (value instanceof Collection<?> collection && plain) {
      return copy(collection);
    }
    if (value instanceof Map<?, ?> map && plain) {
      return copy(map.values());
    }
    if (value instanceof Optional<?> optional) {
      return optional.stream().toList();
    }
    if (value instanceof Object[] array) {
      return Arrays.asList(array);
    }
    return value instanceof Record record ? components(record) : List.of();
  }

  private static Collection<?> copy(Collection<?> collection) {
    try {
      return Arrays.asList(collection.toArray());
    } catch (RuntimeException e) {
      // Others change it meanwhile: the function has run, and its result stands.
      return List.of();
    }
  }

  private static List<Object> components(Record record) {
    List<Object> values = new ArrayList<>();
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        values.add(component.getAccessor().invoke(record));
      } catch (ReflectiveOperationException | RuntimeException e) {
        // What cannot be read here is left to those who can.
        continue;
      }
    }
    return values;
  }

  /** What the stage comes to; null if it fails. */
  private Object await(CompletionStage<?> stage) throws InterruptedException {
    CountDownLatch done = new CountDownLatch(1);
    AtomicReference<Object> result = new AtomicReference<>();
    AtomicReference<Throwable> error = new AtomicReference<>();
    stage.whenComplete(
        (value, thrown) -> {
          result.set(value);
          error.set(thrown);
          done.countDown();
        });
    try {
      done.await();
    } catch (InterruptedException e) {
      if (stage instanceof Future<?> future) {
        future.cancel(true);
      }
      throw givenUp();
    }
    if (error.get() != null) {
      fail(error.get());
    }
    return result.get();
  }

  private Object await(Future<?> future) throws InterruptedException {
    try {
      return future.get();
    } catch (InterruptedException e) {
      future.cancel(true);
      throw givenUp();
    } catch (ExecutionException | CancellationException e) {
      fail(e);
      return null;
    }
  }

  private void fail(Throwable error) {
    boolean wrapper = error instanceof CompletionException || error instanceof ExecutionException;
    Throwable own = wrapper && error.getCause() != null ? error.getCause() : error;
    failure = failure == null ? own : failure;
  }

  private static InterruptedException givenUp() {
    return new InterruptedException("the caller stopped waiting for the function's future");
  }

  private static boolean isLambda(Class<?> type) {
    return type.isHidden() && type.isSynthetic();
  }

  private static boolean isNotBegun(Class<?> type) {
    return !Future.class.isAssignableFrom(type)
        && !CompletionStage.class.isAssignableFrom(type)
        && NOT_BEGUN_TYPES.get(type);
  }

  private static boolean isListed(Class<?> type) {
    if (type == null) {
      return false;
    }
    if (NOT_BEGUN.contains(type.getName()) || isListed(type.getSuperclass())) {
      return true;
    }
    for (Class<?> each : type.getInterfaces()) {
      if (isListed(each)) {
        return true;
      }
    }
    return false;
  }

  private static String unbegun(Class<?> type) {
    return type.getTypeName()
        + ", which is work that has not begun: finish it in the function, and return its"
        + " result";
  }

  private static void close(Object value) {
    if (value instanceof BaseStream<?, ?> stream) {
      stream.close();
    }
  }
}

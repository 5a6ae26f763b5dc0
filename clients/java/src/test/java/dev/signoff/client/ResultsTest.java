package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.signoff.v1.ExecutionResult;
import dev.signoff.v1.ReportExecutionRequest;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The work of a function is done before SUCCEEDED is reported, and is not done outside the gate.
 */
class ResultsTest {
  private static final AtomicInteger WORK = new AtomicInteger();

  private final ExecutorService executor = Executors.newCachedThreadPool();
  private FakeServer server;
  private SignoffClient client;

  @BeforeEach
  void start() throws IOException {
    WORK.set(0);
    server = new FakeServer();
    server.onAsk.then(server::approve);
    server.onClaim.then(server::grant);
    server.onReport.then(FakeServer::accept);
    client = server.client();
  }

  @AfterEach
  void stop() {
    executor.shutdownNow();
    client.close();
    server.close();
  }

  private Runner run(Supplier<Object> work) {
    return Runner.of(() -> client.gate("send").call(Map.of(), run -> work.get()));
  }

  private void assertReported(ExecutionResult result, String message) throws Exception {
    ReportExecutionRequest report = server.reported.take();
    assertEquals(result, report.getResult());
    assertEquals(message, report.getMessage());
  }

  /** Work that takes until the latch is counted down. */
  private Callable<String> sending(CountDownLatch begin) {
    return () -> {
      begin.await();
      WORK.incrementAndGet();
      return "sent";
    };
  }

  private void assertAwaited(Object future, CountDownLatch begin) throws Exception {
    Runner runner = run(() -> future);
    runner.untilAwaiting();
    assertTrue(server.reported.isEmpty());
    begin.countDown();
    assertSame(future, runner.result());
    assertEquals(1, WORK.get());
    assertReported(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, "");
  }

  @Test
  void futuresAreAwaited() throws Exception {
    CountDownLatch begin = new CountDownLatch(1);
    assertAwaited(executor.submit(sending(begin)), begin);
  }

  private CompletableFuture<String> promised(CountDownLatch begin) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return sending(begin).call();
          } catch (Exception e) {
            throw new CompletionException(e);
          }
        },
        executor);
  }

  @Test
  void stagesAreAwaited() throws Exception {
    CountDownLatch begin = new CountDownLatch(1);
    CompletionStage<String> stage = promised(begin).minimalCompletionStage();
    assertAwaited(stage, begin);
  }

  record Answer(String text, Future<String> sending) {}

  @Test
  void futuresInValuesAreAwaited() throws Exception {
    CountDownLatch one = new CountDownLatch(1);
    assertAwaited(Map.of("list", Arrays.asList(null, Optional.of(promised(one)))), one);
    CountDownLatch two = new CountDownLatch(1);
    WORK.set(0);
    assertAwaited(new Object[] {new Answer("later", promised(two))}, two);
    CountDownLatch three = new CountDownLatch(1);
    WORK.set(0);
    assertAwaited(CompletableFuture.completedFuture(promised(three)), three);
  }

  @Test
  void futuresThatFailAreReportedAndReturned() throws Exception {
    CompletableFuture<String> failed =
        CompletableFuture.failedFuture(new IOException("the mail server is down"));
    assertSame(failed, run(() -> failed).result());
    assertReported(ExecutionResult.EXECUTION_RESULT_FAILED, "the mail server is down");
    Future<String> other =
        executor.submit(
            () -> {
              throw new IOException("no such list");
            });
    assertSame(other, run(() -> other).result());
    assertReported(ExecutionResult.EXECUTION_RESULT_FAILED, "no such list");
    CompletableFuture<String> cancelled = new CompletableFuture<>();
    cancelled.cancel(true);
    assertSame(cancelled, run(() -> cancelled).result());
    assertEquals(ExecutionResult.EXECUTION_RESULT_FAILED, server.reported.take().getResult());
  }

  @Test
  void whoGivesUpHasTheFutureCancelled() throws Exception {
    CompletableFuture<String> never = new CompletableFuture<>();
    Runner runner = run(() -> never);
    runner.untilAwaiting();
    runner.interrupt();
    runner.failure(InterruptedException.class);
    assertTrue(never.isCancelled());
    assertReported(
        ExecutionResult.EXECUTION_RESULT_FAILED,
        "the caller stopped waiting for the function's future");
  }

  static List<Supplier<Object>> unbegun() {
    Iterator<Integer> iterator =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public Integer next() {
            return WORK.incrementAndGet();
          }
        };
    Flow.Publisher<Integer> publisher = subscriber -> WORK.incrementAndGet();
    return List.of(
        () -> Stream.generate(WORK::incrementAndGet),
        () -> iterator,
        () -> (Supplier<Integer>) WORK::incrementAndGet,
        () -> (Callable<Integer>) WORK::incrementAndGet,
        () -> (Runnable) WORK::incrementAndGet,
        () -> new Thread(WORK::incrementAndGet),
        () -> publisher,
        () -> (ToolFunction<Integer, Integer, RuntimeException>) n -> WORK.incrementAndGet(),
        () ->
            Proxy.newProxyInstance(
                ResultsTest.class.getClassLoader(),
                new Class<?>[] {GatedFunction.class},
                (self, method, given) -> method.getName().equals("call") ? 1 : 0),
        () -> List.of(Map.of("later", (Runnable) WORK::incrementAndGet)),
        () -> CompletableFuture.completedFuture((Runnable) WORK::incrementAndGet));
  }

  @ParameterizedTest
  @MethodSource("unbegun")
  void workThatHasNotBegunIsRefused(Supplier<Object> work) throws Exception {
    IllegalStateException error = run(work).failure(IllegalStateException.class);
    assertTrue(error.getMessage().contains("which is work that has not begun"), error::getMessage);
    assertTrue(error.getMessage().startsWith("the function of send returned "));
    assertReported(ExecutionResult.EXECUTION_RESULT_FAILED, error.getMessage());
    assertEquals(0, WORK.get());
  }

  @Test
  void streamsThatAreRefusedAreClosed() throws Exception {
    AtomicBoolean closed = new AtomicBoolean();
    Stream<Integer> stream = Stream.of(1).onClose(() -> closed.set(true));
    run(() -> stream).failure(IllegalStateException.class);
    assertTrue(closed.get());
  }

  @Test
  void otherValuesAreReturnedAsTheyAre() throws Exception {
    List<Object> cycle = new java.util.ArrayList<>();
    cycle.add(cycle);
    List<Object> values =
        List.of("text", 1, Path.of("a/b"), cycle, new int[] {1}, new Answer("done", null));
    for (Object value : values) {
      assertSame(value, run(() -> value).result());
      assertReported(ExecutionResult.EXECUTION_RESULT_SUCCEEDED, "");
    }
  }

  private static final class Lazy
      implements ToolFunction<Map<String, Object>, Stream<String>, RuntimeException> {
    @Override
    public Stream<String> run(Map<String, Object> input) {
      return Stream.of("a");
    }
  }

  private static final class Later
      implements ToolFunction<Map<String, Object>, CompletableFuture<String>, RuntimeException> {
    @Override
    public CompletableFuture<String> run(Map<String, Object> input) {
      return CompletableFuture.completedFuture("sent");
    }
  }

  @Test
  void functionsThatSaySoAreRefusedWhenTheyAreWrapped() throws Exception {
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> client.gate("send").wrap(new Lazy()));
    assertTrue(error.getMessage().contains("Lazy returns java.util.stream.Stream"));
    assertEquals("sent", client.gate("send").wrap(new Later()).call(Map.of()).get());
    assertFalse(server.asked.isEmpty());
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RecordArgumentsTest {
  record Line(String text, int count) {}

  record Order(
      long id,
      byte tiny,
      short small,
      float ratio,
      double price,
      boolean urgent,
      Integer boxed,
      Optional<Integer> perhaps,
      BigInteger great,
      BigDecimal exact,
      Object any,
      List<Line> lines,
      Map<String, Double> rates,
      Line line) {}

  record Positive(int n) {
    Positive {
      if (n <= 0) {
        throw new IllegalArgumentException("not positive");
      }
    }
  }

  private static final Order ORDER =
      new Order(
          1,
          (byte) 2,
          (short) 3,
          0.5f,
          0.1,
          true,
          7,
          Optional.empty(),
          BigInteger.TEN,
          new BigDecimal("19.99"),
          "x",
          Arrays.asList(new Line("a", 1), new Line("", 0)),
          Map.of("eur", 1.25),
          new Line("b", 2));

  private static final RecordArguments<Order> ORDERS = new RecordArguments<>(Order.class);

  /** Arguments as a reviewer may edit them. */
  private static Map<String, Object> edited() throws Refusal {
    return new HashMap<>(ORDERS.ask("t", ORDER).arguments().given());
  }

  private static Misfit misfit(Map<String, Object> arguments) {
    return assertThrows(Misfit.Found.class, () -> ORDERS.read(arguments)).misfit;
  }

  @Test
  void everyTypeGoesThereAndBack() throws Exception {
    RecordArguments.Asked<Order> asked = ORDERS.ask("t", ORDER);
    assertEquals(ORDER, asked.rebuilt());
    assertNotSame(ORDER, asked.rebuilt());
    assertEquals(ORDER, ORDERS.read(edited()));
  }

  @Test
  void valuesAreRebuiltInTheDeclaredTypes() throws Exception {
    Map<String, Object> arguments = edited();
    arguments.put("price", 10L);
    arguments.put("ratio", 0L);
    arguments.put("great", "10");
    arguments.put("exact", "19.0");
    arguments.put("perhaps", 5L);
    arguments.put("any", 3L);
    Order order = ORDERS.read(arguments);
    assertEquals(10.0, order.price());
    assertEquals(0f, order.ratio());
    assertEquals(BigInteger.TEN, order.great());
    assertEquals(new BigDecimal("19.0"), order.exact());
    assertEquals(Optional.of(5), order.perhaps());
    assertEquals(3L, order.any());
  }

  record Amount(double value, Object any) {}

  @Test
  void whatRunsIsWhatIsShown() throws Exception {
    Amount rebuilt = new RecordArguments<>(Amount.class).ask("t", new Amount(-0.0, 10.0)).rebuilt();
    assertEquals(0.0, rebuilt.value());
    assertEquals(Double.POSITIVE_INFINITY, 1 / rebuilt.value());
    assertEquals(10L, rebuilt.any());
  }

  static Stream<org.junit.jupiter.params.provider.Arguments> misfits() {
    long beyond = 1L << 53;
    return Stream.of(
        arguments("id", 0.5, "is not an integer"),
        arguments(
            "id", (double) beyond, "is not an integer from -9007199254740991 to 9007199254740991"),
        arguments("id", null, "must not be null"),
        arguments("id", "5", "is not a number"),
        arguments("tiny", 128L, "is not an integer from -128 to 127"),
        arguments("small", "3", "is not a number"),
        arguments("ratio", 0.1, "is a number that a float cannot hold exactly"),
        arguments("ratio", 1e300, "is a number that a float cannot hold exactly"),
        arguments("price", true, "is not a number"),
        arguments("urgent", 1L, "is not a boolean"),
        arguments("boxed", 1L << 40, "is not an integer from -2147483648 to 2147483647"),
        arguments("boxed", null, "must not be null"),
        arguments("perhaps", "5", "is not a number"),
        arguments("great", 10L, "is not an integer as text, such as \"12\""),
        arguments(
            "exact",
            19.99,
            "is not a decimal as text, such as \"10.00\", of at most 1,000 characters"),
        arguments("line", null, "must not be null"),
        arguments("lines", Map.of(), "is not a list"),
        arguments("line", List.of(), "is not an object"),
        arguments("rates", "x", "is not an object"));
  }

  @ParameterizedTest
  @MethodSource("misfits")
  void whatDoesNotFitIsRefused(String path, Object value, String problem) throws Refusal {
    Map<String, Object> arguments = edited();
    arguments.put(path, value);
    assertEquals(new Misfit(path, problem), misfit(arguments));
  }

  @Test
  void pathsLeadInside() throws Refusal {
    Map<String, Object> arguments = edited();
    arguments.put(
        "lines", List.of(Map.of("text", "a", "count", 1L), Map.of("text", 1L, "count", 1L)));
    assertEquals(new Misfit("lines[1].text", "is not a string"), misfit(arguments));
    arguments = edited();
    arguments.put("rates", Map.of("eur", "x"));
    assertEquals("rates.eur", misfit(arguments).path());
    arguments = edited();
    arguments.put("line", Map.of("text", "a"));
    assertEquals(new Misfit("line", "is missing `count`"), misfit(arguments));
  }

  @Test
  void nothingIsLeftOutOrMadeUp() throws Refusal {
    Map<String, Object> missing = edited();
    missing.remove("boxed");
    assertEquals(new Misfit("", "is missing `boxed`"), misfit(missing));
    Map<String, Object> unknown = edited();
    unknown.put("more", 1L);
    assertEquals(new Misfit("more", "is not a parameter of the function"), misfit(unknown));
  }

  @Test
  void constructorsMayRefuse() {
    Misfit.Found found =
        assertThrows(
            Misfit.Found.class, () -> new RecordArguments<>(Positive.class).read(Map.of("n", 0L)));
    assertEquals("does not fit: not positive", found.misfit.problem());
  }

  @Test
  void numbersThatAreShownOtherwiseAreRefused() {
    record Long64(List<Long> ids) {}
    RecordArguments<Long64> mapping = new RecordArguments<>(Long64.class);
    Refusal.InvalidArguments refusal =
        assertThrows(
            Refusal.InvalidArguments.class,
            () -> mapping.ask("t", new Long64(List.of(1L, 1L << 53))));
    assertEquals("ids[1]", refusal.path());
  }

  record WithDate(Date date) {}

  record WithZone(ZonedDateTime time) {}

  record WithNames(Map<Integer, String> names) {}

  record WithChar(char c) {}

  record Generic<T>(T value) {}

  record WithGeneric(Generic<String> generic) {}

  record WithAnyEnum(Enum<?> constant) {}

  record WithTwice(Optional<Optional<String>> text) {}

  record WithSortedSet(SortedSet<String> set) {}

  record WithArray(int[] numbers) {}

  record WithText(CharSequence text) {}

  record WithNumber(Number number) {}

  record WithListOfAny(List<?> list) {}

  record WithSubtype(ArrayList<String> list) {}

  record WithFunction(Supplier<String> text) {}

  record WithFuture(CompletableFuture<String> text) {}

  record Nested(List<Map<String, WithDate>> dates) {}

  static List<Class<? extends Record>> hiding() {
    return List.of(
        WithDate.class,
        WithZone.class,
        WithNames.class,
        WithChar.class,
        Generic.class,
        WithGeneric.class,
        WithAnyEnum.class,
        WithTwice.class,
        WithSortedSet.class,
        WithArray.class,
        WithText.class,
        WithNumber.class,
        WithListOfAny.class,
        WithSubtype.class,
        WithFunction.class,
        WithFuture.class,
        Nested.class);
  }

  @ParameterizedTest
  @MethodSource("hiding")
  void typesThatDoNotShowWhatTheyHold(Class<? extends Record> type) {
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(type));
    // A generic record as a whole does not say what it holds.
    String where =
        type == Generic.class
            ? "Generic has"
            : type.getSimpleName() + "." + type.getRecordComponents()[0].getName();
    assertTrue(error.getMessage().startsWith(where), error::getMessage);
  }

  /** Shows less than it holds. */
  record Masked(String secret) {
    @Override
    public String secret() {
      return "***";
    }

    String whole() {
      return secret;
    }
  }

  @Test
  void whatAnAccessorHidesDoesNotRun() throws Exception {
    Masked rebuilt = new RecordArguments<>(Masked.class).ask("t", new Masked("all")).rebuilt();
    assertEquals("***", rebuilt.whole());
  }

  record Trimmed(String text) {
    Trimmed {
      text = text.strip();
    }
  }

  record Doubled(List<Line> lines) {
    Doubled {
      lines = lines.stream().map(line -> new Line(line.text(), line.count() * 2)).toList();
    }
  }

  @Test
  void constructorsMayChangeWhatTheyKeepAfterwards() throws Exception {
    assertEquals(
        new Trimmed("a"),
        new RecordArguments<>(Trimmed.class).ask("t", new Trimmed(" a")).rebuilt());
    Refusal.InvalidArguments refusal =
        assertThrows(
            Refusal.InvalidArguments.class,
            () ->
                new RecordArguments<>(Doubled.class)
                    .ask("t", new Doubled(List.of(new Line("a", 0), new Line("b", 1)))));
    assertEquals("lines[1].count", refusal.path());
    assertEquals("is changed by the record Doubled", refusal.problem());
  }

  /** Cannot be read. */
  record Mute(Line line, int n) {
    @Override
    public int n() {
      throw new IllegalStateException("not now");
    }
  }

  @Test
  void accessorsMayThrow() {
    Refusal.InvalidArguments refusal =
        assertThrows(
            Refusal.InvalidArguments.class,
            () -> new RecordArguments<>(Mute.class).ask("t", new Mute(new Line("a", 1), 1)));
    assertEquals("n", refusal.path());
    assertEquals("cannot be read: not now", refusal.problem());
  }
}

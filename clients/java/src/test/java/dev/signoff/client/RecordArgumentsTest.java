package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

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
          null,
          BigInteger.TEN,
          new BigDecimal("19.99"),
          "x",
          Arrays.asList(new Line("a", 1), null),
          Map.of("eur", 1.25),
          new Line("b", 2));

  private static Order read(Map<String, Object> arguments) throws Refusal.InvalidArguments {
    return new RecordArguments<>(Order.class).read("t", "id", arguments);
  }

  private static Map<String, Object> edited() throws Refusal {
    Arguments sent = Arguments.of("t", new RecordArguments<>(Order.class).write(ORDER));
    return new HashMap<>(Arguments.received(sent.message()).given());
  }

  @Test
  void everyTypeGoesThereAndBack() throws Refusal {
    Map<String, Object> written = new RecordArguments<>(Order.class).write(ORDER);
    assertEquals(ORDER, read(Arguments.of("t", written).given()));
    assertEquals(ORDER, read(edited()));
  }

  @Test
  void whatDoesNotFitIsRefused() throws Refusal {
    Map<String, Object> unfit =
        Map.of(
            "id", 0.5, "tiny", 128L, "small", "3", "ratio", 0.1, "price", true, "urgent", 1L,
            "boxed", 1L << 40, "great", 0.5, "lines", Map.of(), "line", List.of());
    for (Map.Entry<String, Object> entry : unfit.entrySet()) {
      Map<String, Object> arguments = edited();
      arguments.put(entry.getKey(), entry.getValue());
      Refusal.InvalidArguments refusal =
          assertThrows(Refusal.InvalidArguments.class, () -> read(arguments));
      assertEquals(entry.getKey(), refusal.path());
      assertEquals("id", refusal.approvalId());
    }
  }

  private static String pathOf(Map<String, Object> arguments) {
    return assertThrows(Refusal.InvalidArguments.class, () -> read(arguments)).path();
  }

  @Test
  void pathsLeadInside() throws Refusal {
    Map<String, Object> arguments = edited();
    arguments.put(
        "lines", List.of(Map.of("text", "a", "count", 1L), Map.of("text", "a", "count", "1")));
    assertEquals("lines[1].count", pathOf(arguments));
    arguments = edited();
    arguments.put("rates", Map.of("eur", "x"));
    assertEquals("rates.eur", pathOf(arguments));
  }

  @Test
  void nothingIsLeftOutOrMadeUp() throws Refusal {
    Map<String, Object> missing = edited();
    missing.remove("boxed");
    assertEquals("boxed", pathOf(missing));
    Map<String, Object> unknown = edited();
    unknown.put("more", 1L);
    assertEquals("more", pathOf(unknown));
    Map<String, Object> nothing = edited();
    nothing.put("id", null);
    assertEquals("id", pathOf(nothing));
  }

  @Test
  void constructorsMayRefuse() {
    Refusal.InvalidArguments refusal =
        assertThrows(
            Refusal.InvalidArguments.class,
            () -> new RecordArguments<>(Positive.class).read("t", "", Map.of("n", 0L)));
    assertEquals("does not fit: not positive", refusal.problem());
  }

  record WithDate(Date date) {}

  record WithSet(List<Set<String>> sets) {}

  record WithNames(Map<Integer, String> names) {}

  record WithChar(char c) {}

  record Generic<T>(T value) {}

  @Test
  void typesThatJsonDoesNotHave() {
    assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(WithDate.class));
    assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(WithSet.class));
    assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(WithNames.class));
    assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(WithChar.class));
    assertThrows(IllegalArgumentException.class, () -> new RecordArguments<>(Generic.class));
  }
}

package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Struct;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ArgumentsTest {
  static List<Object> taken() {
    return List.of(
        true,
        "text",
        (byte) 1,
        (short) 2,
        3,
        4L,
        0.5f,
        0.1,
        -0.0,
        1e300,
        BigInteger.TEN,
        new BigDecimal("19.99"),
        new BigDecimal("1.50"),
        new BigDecimal("1E+15"),
        List.of(1),
        Map.of("b", 1),
        "😀");
  }

  static List<Object> refused() {
    return List.of(
        'c',
        new Date(),
        new int[] {1},
        Set.of(1),
        Optional.of(1),
        new AtomicInteger(1),
        1L << 53,
        -(1L << 53),
        Double.NaN,
        Float.POSITIVE_INFINITY,
        BigInteger.TWO.pow(53),
        new BigDecimal("9007199254740993"),
        new BigDecimal("0.1000000000000000055511151231257827"),
        new BigDecimal("1e400"),
        new BigDecimal("1e21"),
        "\ud800",
        new StringBuilder("text"),
        Thread.State.NEW);
  }

  @ParameterizedTest
  @MethodSource
  void taken(Object value) throws Refusal {
    Arguments asked = Arguments.of("t", Map.of("a", value));
    assertEquals(asked, Arguments.of("t", asked.given()));
  }

  @Test
  void rebuiltFromCanonicalJson() throws Refusal {
    Map<String, Object> given = new LinkedHashMap<>();
    given.put("b", 10.0);
    given.put("a", -0.0);
    given.put("\ufb33", 1.5f);
    given.put("\ud83d\ude00", List.of(Map.of("n", new BigDecimal("1.50"))));
    given.put("A", BigInteger.TEN);
    Map<String, Object> rebuilt = Arguments.of("t", given).given();
    assertEquals("{A=10, a=0, b=10, \ud83d\ude00=[{n=1.5}], \ufb33=1.5}", rebuilt.toString());
    assertEquals(10L, rebuilt.get("b"));
    assertEquals(0L, rebuilt.get("a"));
    assertEquals(1.5, rebuilt.get("\ufb33"));
  }

  @ParameterizedTest
  @MethodSource
  void refused(Object value) {
    for (Object arguments :
        new Object[] {Map.of("a", value), Map.of("a", Arrays.asList(null, value))}) {
      Refusal.InvalidArguments refusal =
          assertThrows(Refusal.InvalidArguments.class, () -> Arguments.of("t", arguments));
      assertEquals('a', refusal.path().charAt(0));
    }
  }

  @Test
  void namesMustBeStrings() {
    for (Object name : new Object[] {1, "\udc00", 'a'}) {
      Map<?, ?> arguments = Map.of("a", Map.of(name, 1));
      Refusal.InvalidArguments refusal =
          assertThrows(Refusal.InvalidArguments.class, () -> Arguments.of("t", arguments));
      assertEquals("a", refusal.path());
    }
    Map<?, ?> withNull = Collections.singletonMap(null, 1);
    assertThrows(Refusal.InvalidArguments.class, () -> Arguments.of("t", withNull));
  }

  @Test
  void cyclesAreTooDeep() {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    assertThrows(Refusal.InvalidArguments.class, () -> Arguments.of("t", Map.of("a", cycle)));
  }

  @Test
  void laterChangesDoNotCount() throws Refusal {
    List<Object> list = new ArrayList<>(List.of(1));
    Map<String, Object> map = new HashMap<>(Map.of("list", list));
    Arguments arguments = Arguments.of("t", map);
    list.add(2);
    map.put("more", 3);
    assertEquals(Map.of("list", List.of(1L)), arguments.given());
    assertThrows(UnsupportedOperationException.class, () -> arguments.given().clear());
  }

  @Test
  void receivedNumbers() throws Refusal {
    Map<String, Object> sent =
        new HashMap<>(Map.of("whole", 2.0, "zero", -0.0, "half", 0.5, "great", 1e21));
    sent.put("nothing", null);
    Map<String, Object> received =
        new HashMap<>(Map.of("whole", 2L, "zero", 0L, "half", 0.5, "great", 1e21));
    received.put("nothing", null);
    assertEquals(received, Arguments.received(Arguments.of("t", sent).message()).given());
    long greatest = Numbers.GREATEST_INTEGER;
    assertEquals(greatest, Numbers.toObject(greatest));
    assertEquals(greatest + 1.0, Numbers.toObject(greatest + 1.0));
  }

  @Test
  void notJsonHasNoDigest() {
    Struct.Builder struct = Struct.newBuilder();
    struct.putFields(
        "a", com.google.protobuf.Value.newBuilder().setNumberValue(Double.NaN).build());
    assertThrows(IllegalArgumentException.class, () -> Canonical.digest("t", struct.build()));
  }

  @Test
  void textIsCutAtCharacters() {
    assertEquals("a€", Text.cut("a€€", 6));
    assertEquals("a", Text.cut("a😀", 4));
    assertEquals("a😀", Text.cut("a😀", 5));
    assertEquals("a?", Text.cut("a\ud800", 5));
  }
}

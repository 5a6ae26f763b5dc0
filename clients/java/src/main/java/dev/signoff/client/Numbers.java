package dev.signoff.client;

import java.io.IOException;
import java.lang.invoke.MethodType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;
import java.util.Optional;
import org.erdtman.jcs.NumberToJSON;

/** Numbers of Java, and those of JSON, which are doubles. */
final class Numbers {
  /** Up to here a double holds every integer, and no other integer looks the same. */
  static final long GREATEST_INTEGER = (1L << 53) - 1;

  private static final BigInteger GREATEST = BigInteger.valueOf(GREATEST_INTEGER);
  private static final String TOO_GREAT = "is an integer that a double cannot hold exactly";
  private static final String NOT_EXACT = "is a number that a double cannot hold exactly";

  private Numbers() {}

  /** Why a number cannot be an argument; empty if it can. */
  static String problem(Number number) {
    if (number instanceof Byte
        || number instanceof Short
        || number instanceof Integer
        || number instanceof Long) {
      long whole = number.longValue();
      return whole < -GREATEST_INTEGER || whole > GREATEST_INTEGER ? TOO_GREAT : "";
    }
    if (number instanceof Double || number instanceof Float) {
      return Double.isFinite(number.doubleValue()) ? "" : "is not a finite number";
    }
    if (number.getClass() == BigInteger.class) {
      return ((BigInteger) number).abs().compareTo(GREATEST) > 0 ? TOO_GREAT : "";
    }
    if (number.getClass() == BigDecimal.class) {
      return problem((BigDecimal) number);
    }
    return "has a type that JSON does not have: " + number.getClass().getName();
  }

  // Exact means that the number which reviewers see is this one: 0.1 is, though the double next to
  // it is another.
  private static String problem(BigDecimal number) {
    double nearest = number.doubleValue();
    if (!Double.isFinite(nearest) || new BigDecimal(shown(nearest)).compareTo(number) != 0) {
      return NOT_EXACT;
    }
    boolean whole = number.signum() == 0 || number.stripTrailingZeros().scale() <= 0;
    return whole && Math.abs(nearest) > GREATEST_INTEGER ? TOO_GREAT : "";
  }

  private static String shown(double number) {
    try {
      return NumberToJSON.serializeNumber(number);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /**
   * What a number of JSON is in Java: a {@link Long} if it is whole and held exactly, else a {@link
   * Double}.
   */
  static Object toObject(double number) {
    boolean whole = number == Math.rint(number) && Math.abs(number) <= GREATEST_INTEGER;
    return whole ? (Object) (long) number : (Object) number;
  }

  /** The least and the greatest integers that the types hold and JSON shows exactly. */
  private static final Map<Class<?>, long[]> INTEGERS =
      Map.of(
          byte.class, new long[] {Byte.MIN_VALUE, Byte.MAX_VALUE},
          short.class, new long[] {Short.MIN_VALUE, Short.MAX_VALUE},
          int.class, new long[] {Integer.MIN_VALUE, Integer.MAX_VALUE},
          long.class, new long[] {-GREATEST_INTEGER, GREATEST_INTEGER});

  private static Class<?> primitive(Class<?> declared) {
    return MethodType.methodType(declared).unwrap().returnType();
  }

  /** The least and the greatest integer of a declared type; empty if it has fractions. */
  static Optional<long[]> range(Class<?> declared) {
    return Optional.ofNullable(INTEGERS.get(primitive(declared)));
  }

  /**
   * A number of JSON, as {@link #toObject} makes it, in a type that is declared.
   *
   * @throws Misfit.Found if the type does not hold exactly this number
   */
  static Object as(Class<?> declared, Number number, String path) throws Misfit.Found {
    Class<?> type = primitive(declared);
    if (type == double.class) {
      return number.doubleValue();
    }
    if (type == float.class) {
      float narrow = number.floatValue();
      if (narrow != number.doubleValue()) {
        throw new Misfit.Found(path, "is a number that a float cannot hold exactly");
      }
      return narrow;
    }
    double value = number.doubleValue();
    if (value != Math.rint(value)) {
      throw new Misfit.Found(path, "is not an integer");
    }
    long[] range = INTEGERS.get(type);
    if (value < range[0] || value > range[1]) {
      throw new Misfit.Found(path, "is not an integer from " + range[0] + " to " + range[1]);
    }
    long whole = (long) value;
    if (type == byte.class) {
      return (byte) whole;
    } else if (type == short.class) {
      return (short) whole;
    } else if (type == int.class) {
      return (int) whole;
    }
    return whole;
  }
}

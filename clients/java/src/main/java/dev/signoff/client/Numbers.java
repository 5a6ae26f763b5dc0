package dev.signoff.client;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
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

  /** The number as another type, if that holds it exactly. */
  static Optional<Object> as(Class<?> type, Number number) {
    BigDecimal exact = exact(number);
    try {
      if (type == byte.class || type == Byte.class) {
        return Optional.of(exact.byteValueExact());
      } else if (type == short.class || type == Short.class) {
        return Optional.of(exact.shortValueExact());
      } else if (type == int.class || type == Integer.class) {
        return Optional.of(exact.intValueExact());
      } else if (type == long.class || type == Long.class) {
        return Optional.of(exact.longValueExact());
      } else if (type == BigInteger.class) {
        return Optional.of(exact.toBigIntegerExact());
      } else if (type == BigDecimal.class) {
        return Optional.of(exact);
      } else if (type == double.class || type == Double.class) {
        return Optional.of(number.doubleValue());
      } else if (type == float.class || type == Float.class) {
        float narrow = number.floatValue();
        return narrow == number.doubleValue() ? Optional.of(narrow) : Optional.empty();
      }
    } catch (ArithmeticException e) {
      return Optional.empty();
    }
    return Optional.empty();
  }

  private static BigDecimal exact(Number number) {
    if (number instanceof BigDecimal decimal) {
      return decimal;
    }
    if (number instanceof BigInteger whole) {
      return new BigDecimal(whole);
    }
    if (number instanceof Double || number instanceof Float) {
      return new BigDecimal(shown(number.doubleValue()));
    }
    return BigDecimal.valueOf(number.longValue());
  }
}

package dev.signoff.client;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The types of Java's library that are written as text, and the one form of each. */
final class TextTypes {
  private static final String DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
  private static final String TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?";
  private static final String OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";

  private static final String SECONDS = "[0-9]{1,12}(\\.[0-9]{1,9})?S";
  private static final String MINUTES = "[0-9]{1,12}M(" + SECONDS + ")?";
  private static final String HOURS = "[0-9]{1,12}H([0-9]{1,12}M)?(" + SECONDS + ")?";
  private static final String CLOCK = "T(" + HOURS + "|" + MINUTES + "|" + SECONDS + ")";
  private static final String DURATION = "^-?P([0-9]{1,9}D(" + CLOCK + ")?|" + CLOCK + ")$";

  /** The same again, to take it apart. */
  private static final Pattern DURATION_PARTS =
      Pattern.compile(
          "(-?)P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?"
              + "(?:([0-9]+)(?:\\.([0-9]+))?S)?)?");

  private static final int MAX_DECIMAL = 1000;

  /** Of four digits, as the patterns demand. */
  private static final DateTimeFormatter DAYS = DateTimeFormatter.ofPattern("uuuu-MM-dd");

  private static final DateTimeFormatter SECONDS_OF_DAY = DateTimeFormatter.ofPattern("HH:mm:ss");

  static final Map<Class<?>, ValueType> ALL =
      Map.ofEntries(
          Map.entry(
              BigInteger.class,
              new TextType(
                  "an integer as text, such as \"12\"",
                  "",
                  "^-?(0|[1-9][0-9]*)$",
                  0,
                  BigInteger::new,
                  Object::toString)),
          Map.entry(
              BigDecimal.class,
              new TextType(
                  "a decimal as text, such as \"10.00\", of at most 1,000 characters",
                  "",
                  "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$",
                  MAX_DECIMAL,
                  BigDecimal::new,
                  value -> plain((BigDecimal) value))),
          Map.entry(
              Instant.class,
              new TextType(
                  "a time such as \"2026-11-29T20:00:00Z\"",
                  "date-time",
                  "^" + DATE + "T" + TIME + OFFSET + "$",
                  0,
                  text -> OffsetDateTime.parse(text).toInstant(),
                  value -> written(((Instant) value).atOffset(ZoneOffset.UTC)))),
          Map.entry(
              OffsetDateTime.class,
              new TextType(
                  "a time such as \"2026-11-29T20:00:00Z\"",
                  "date-time",
                  "^" + DATE + "T" + TIME + OFFSET + "$",
                  0,
                  OffsetDateTime::parse,
                  value -> written((OffsetDateTime) value))),
          Map.entry(
              LocalDateTime.class,
              new TextType(
                  "a date and time such as \"2026-11-29T20:00:00\"",
                  "",
                  "^" + DATE + "T" + TIME + "$",
                  0,
                  LocalDateTime::parse,
                  value -> written((LocalDateTime) value))),
          Map.entry(
              LocalDate.class,
              new TextType(
                  "a date such as \"2026-11-29\"",
                  "date",
                  "^" + DATE + "$",
                  0,
                  LocalDate::parse,
                  value -> DAYS.format((LocalDate) value))),
          Map.entry(
              LocalTime.class,
              new TextType(
                  "a time of day such as \"20:00:00\"",
                  "",
                  "^" + TIME + "$",
                  0,
                  LocalTime::parse,
                  value -> written((LocalTime) value))),
          Map.entry(
              Duration.class,
              new TextType(
                  "a duration such as \"PT1M30S\"",
                  "", // that of JSON Schema has neither fractions nor a sign
                  DURATION,
                  0,
                  TextTypes::duration,
                  value -> written((Duration) value))),
          Map.entry(
              UUID.class,
              new TextType(
                  "a UUID in lower case",
                  "uuid",
                  "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
                  0,
                  UUID::fromString,
                  Object::toString)),
          Map.entry(
              Path.class,
              new TextType(
                  "a path of this machine's file system",
                  "",
                  "",
                  0,
                  Path::of,
                  value -> written((Path) value))));

  private TextTypes() {}

  /** All digits, unless they are more than anybody reads. */
  private static String plain(BigDecimal value) {
    long digits = Math.max((long) value.precision() - value.scale(), (long) value.scale());
    // 1E+1000000000 would fill the memory. A zero has no digits before the point.
    if (value.signum() != 0 && digits > MAX_DECIMAL) {
      throw new ArithmeticException("too many digits");
    }
    return value.signum() == 0 && value.scale() > MAX_DECIMAL ? "" : value.toPlainString();
  }

  private static String written(OffsetDateTime time) {
    ZoneOffset offset = time.getOffset();
    return written(time.toLocalDateTime()) + (offset.equals(ZoneOffset.UTC) ? "Z" : offset);
  }

  private static String written(LocalDateTime time) {
    return DAYS.format(time) + "T" + written(time.toLocalTime());
  }

  private static String written(LocalTime time) {
    return SECONDS_OF_DAY.format(time) + fraction(time.getNano());
  }

  /** Without zeros at its end. */
  private static String fraction(int nanos) {
    return nanos == 0 ? "" : "." + "%09d".formatted(nanos).replaceAll("0+$", "");
  }

  private static Duration duration(String text) {
    Matcher parts = DURATION_PARTS.matcher(text);
    if (!parts.matches()) {
      throw new DateTimeException(text);
    }
    String fraction = parts.group(6) == null ? "" : parts.group(6);
    Duration duration =
        Duration.ofDays(number(parts.group(2)))
            .plusHours(number(parts.group(3)))
            .plusMinutes(number(parts.group(4)))
            .plusSeconds(number(parts.group(5)))
            .plusNanos(number(fraction + "0".repeat(9 - fraction.length())));
    return parts.group(1).isEmpty() ? duration : duration.negated();
  }

  private static long number(String digits) {
    return digits == null ? 0 : Long.parseLong(digits);
  }

  private static String written(Duration duration) {
    Duration positive = duration.abs();
    StringBuilder text = new StringBuilder(duration.isNegative() ? "-PT" : "PT");
    if (positive.toHours() > 0) {
      text.append(positive.toHours()).append('H');
    }
    if (positive.toMinutesPart() > 0) {
      text.append(positive.toMinutesPart()).append('M');
    }
    boolean hasSeconds = positive.toSecondsPart() > 0 || positive.getNano() > 0;
    if (hasSeconds || positive.isZero()) {
      text.append(positive.toSecondsPart()).append(fraction(positive.getNano())).append('S');
    }
    return text.toString();
  }

  // In another file system, such as that of an archive, the same text names another file.
  private static String written(Path path) {
    if (!path.getFileSystem().equals(FileSystems.getDefault())) {
      throw new IllegalArgumentException("of another file system");
    }
    return path.toString();
  }
}

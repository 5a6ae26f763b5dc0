package dev.signoff.client;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

/** A type whose values are written as text of a pattern. */
final class TextType extends ValueType {
  private final String what;
  private final String format;
  private final Pattern pattern;
  private final int maxLength;
  private final Function<String, Object> reader;
  private final Function<Object, String> writer;

  /**
   * Makes a type.
   *
   * @param what for people: an example, after "is not"
   * @param format the name of JSON Schema; empty for none
   * @param pattern of JSON Schema; empty for any text
   * @param maxLength 0 for any
   * @param reader of text that has the pattern; throws a {@link RuntimeException} if that is not
   *     enough
   * @param writer throws a {@link RuntimeException} if the value has no text
   */
  TextType(
      String what,
      String format,
      String pattern,
      int maxLength,
      Function<String, Object> reader,
      Function<Object, String> writer) {
    this.what = what;
    this.format = format;
    this.pattern = Pattern.compile(pattern.isEmpty() ? "(?s).*" : pattern);
    this.maxLength = maxLength;
    this.reader = reader;
    this.writer = writer;
  }

  private boolean fits(String text) {
    // The whole text: `$` alone also matches before a line's end.
    return (maxLength == 0 || text.length() <= maxLength) && pattern.matcher(text).matches();
  }

  @Override
  Object writeValue(Object value, String path) throws Misfit.Found {
    try {
      String text = writer.apply(value);
      if (fits(text)) {
        return text;
      }
    } catch (RuntimeException e) {
      throw new Misfit.Found(path, "cannot be written as " + what);
    }
    throw new Misfit.Found(path, "cannot be written as " + what);
  }

  @Override
  Object readValue(Object json, String path) throws Misfit.Found {
    if (json instanceof String text && fits(text)) {
      try {
        Object value = reader.apply(text);
        // Some are read and cannot be written: a time whose year in UTC has five digits.
        if (fits(writer.apply(value))) {
          return value;
        }
      } catch (RuntimeException e) {
        throw new Misfit.Found(path, "is not " + what);
      }
    }
    throw new Misfit.Found(path, "is not " + what);
  }

  @Override
  Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
    derivation.count();
    Map<String, Object> schema = new LinkedHashMap<>();
    schema.put("type", "string");
    if (!format.isEmpty()) {
      schema.put("format", format);
    }
    if (!pattern.pattern().equals("(?s).*")) {
      schema.put("pattern", pattern.pattern());
    }
    if (maxLength > 0) {
      schema.put("maxLength", maxLength);
    }
    return schema;
  }
}

package dev.signoff.springai;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import org.springframework.ai.util.JsonHelper;

/** JSON, read and written as Spring AI does it for tools. */
final class Json {
  static final JsonHelper HELPER = new JsonHelper();

  private Json() {}

  /** What a model wrote; models write nothing for no arguments. */
  static Map<String, Object> read(String json) {
    return json == null || json.isBlank() ? Map.of() : HELPER.fromJsonToMap(json);
  }

  static String write(Map<String, Object> object) {
    return HELPER.toJson(object);
  }

  /** A value of a tool's type. The client refuses numbers that JSON cannot hold. */
  static Object of(Object value) {
    return value == null
            || value instanceof String
            || value instanceof Boolean
            || value instanceof Number
        ? value
        : HELPER.fromJson(HELPER.toJson(value), Object.class);
  }

  /** Requires that a tool reads arguments as they are; what is null may be left out. */
  static void requireSame(Map<String, Object> arguments, ToolInput.Read read) {
    if (!read.beyond().isEmpty()) {
      throw new IllegalArgumentException("has " + read.beyond() + ", which the tool does not take");
    }
    read.arguments()
        .forEach(
            (name, value) -> {
              if (!arguments.containsKey(name)) {
                throw new IllegalArgumentException("lacks " + name);
              }
              if (!same(arguments.get(name), value)) {
                throw new IllegalArgumentException(
                    "has a value of " + name + " that the tool would read as another");
              }
            });
  }

  /** Whether two values are the same JSON: 1 and 1.0 are. */
  private static boolean same(Object one, Object other) {
    if (one instanceof Number && other instanceof Number) {
      return decimal(one).compareTo(decimal(other)) == 0;
    }
    if (one instanceof Map<?, ?> left && other instanceof Map<?, ?> right) {
      return left.keySet().equals(right.keySet())
          && left.keySet().stream().allMatch(name -> same(left.get(name), right.get(name)));
    }
    if (one instanceof List<?> left && other instanceof List<?> right) {
      for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
        if (!same(left.get(i), right.get(i))) {
          return false;
        }
      }
      return left.size() == right.size();
    }
    return one == null ? other == null : one.equals(other);
  }

  private static BigDecimal decimal(Object number) {
    return new BigDecimal(number.toString());
  }

  /** The path of the first value that was given and not read; empty if there is none. */
  static String beyond(Object given, Object read, String path) {
    if (given instanceof Map<?, ?> left && read instanceof Map<?, ?> right) {
      for (Map.Entry<?, ?> each : left.entrySet()) {
        String here = path.isEmpty() ? each.getKey().toString() : path + "." + each.getKey();
        boolean dropped = !right.containsKey(each.getKey()) && each.getValue() != null;
        String found = dropped ? here : beyond(each.getValue(), right.get(each.getKey()), here);
        if (!found.isEmpty()) {
          return found;
        }
      }
    }
    if (given instanceof List<?> left && read instanceof List<?> right) {
      for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
        String found = beyond(left.get(i), right.get(i), path + "[" + i + "]");
        if (!found.isEmpty()) {
          return found;
        }
      }
    }
    return "";
  }
}

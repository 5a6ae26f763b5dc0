package dev.signoff.langchain4j;

import dev.langchain4j.internal.Json;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;

/** Objects of JSON, read and written as LangChain4j does it. */
final class JsonObjects {
  private static final Type MAP =
      new ParameterizedType() {
        @Override
        public Type[] getActualTypeArguments() {
          return new Type[] {String.class, Object.class};
        }

        @Override
        public Type getRawType() {
          return Map.class;
        }

        @Override
        public Type getOwnerType() {
          return null;
        }
      };

  private JsonObjects() {}

  /** What a model wrote; models write nothing for no arguments. */
  static Map<String, Object> read(String json) {
    if (json == null || json.isBlank()) {
      return Map.of();
    }
    Map<String, Object> read = Json.fromJson(json, MAP);
    if (read == null) {
      throw new IllegalArgumentException("the arguments are null");
    }
    return read;
  }

  static String write(Map<String, Object> object) {
    return Json.toJson(object);
  }

  /** Whether two values are the same JSON: 1 and 1.0 are. */
  static boolean same(Object one, Object other) {
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

  private static BigDecimal decimal(Object number) {
    return new BigDecimal(number.toString());
  }
}

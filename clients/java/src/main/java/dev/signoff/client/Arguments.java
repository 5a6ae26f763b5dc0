package dev.signoff.client;

import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The arguments of a call, checked: the message that is sent, and the values that are rebuilt from
 * it as from its canonical JSON. Both are copies, which cannot be changed.
 *
 * @param given the values: keys in canonical order, whole numbers as {@link Long}s, other numbers
 *     as {@link Double}s
 * @param message what is sent, shown and digested
 */
record Arguments(Map<String, Object> given, Struct message) {
  /** How many objects and lists may lie in each other, the outermost counted. */
  static final int MAX_DEPTH = 32;

  /** Checks arguments that are to be asked for. */
  static Arguments of(String toolName, Object arguments) throws Refusal.InvalidArguments {
    return new Check(toolName).arguments(arguments);
  }

  /** Arguments that came from the server. */
  static Arguments received(Struct message) {
    return new Arguments(toMap(message), message);
  }

  private static Map<String, Object> toMap(Struct struct) {
    Map<String, Object> map = new LinkedHashMap<>();
    // Strings sort by their UTF-16 units, as canonical JSON does.
    new TreeMap<>(struct.getFieldsMap()).forEach((name, value) -> map.put(name, toObject(value)));
    return Collections.unmodifiableMap(map);
  }

  private static Object toObject(Value value) {
    return switch (value.getKindCase()) {
      case BOOL_VALUE -> value.getBoolValue();
      case STRING_VALUE -> value.getStringValue();
      case NUMBER_VALUE -> Numbers.toObject(value.getNumberValue());
      case STRUCT_VALUE -> toMap(value.getStructValue());
      case LIST_VALUE -> {
        List<Object> list = new ArrayList<>();
        value.getListValue().getValuesList().forEach(element -> list.add(toObject(element)));
        yield Collections.unmodifiableList(list);
      }
      case NULL_VALUE, KIND_NOT_SET -> null;
    };
  }

  /** The canonical JSON of one value of arguments. */
  static String canonical(Object value, String path) throws Misfit.Found {
    try {
      Map<String, Object> one = Collections.singletonMap("", value);
      byte[] json = Canonical.json(of("", one).message());
      return new String(json, StandardCharsets.UTF_8);
    } catch (Refusal.InvalidArguments e) {
      throw new Misfit.Found(path + e.path(), e.problem());
    }
  }

  private static Struct toStruct(Map<?, ?> map) {
    Struct.Builder struct = Struct.newBuilder();
    map.forEach((name, value) -> struct.putFields((String) name, toValue(value)));
    return struct.build();
  }

  /** Of what was checked. */
  private static Value toValue(Object object) {
    Value.Builder value = Value.newBuilder();
    if (object == null) {
      value.setNullValue(NullValue.NULL_VALUE);
    } else if (object instanceof Boolean flag) {
      value.setBoolValue(flag);
    } else if (object instanceof String text) {
      value.setStringValue(text);
    } else if (object instanceof Number number) {
      // JSON has one zero: this makes that of -0.0 as well.
      value.setNumberValue(number.doubleValue() + 0.0);
    } else if (object instanceof Map<?, ?> map) {
      value.setStructValue(toStruct(map));
    } else {
      ListValue.Builder list = ListValue.newBuilder();
      ((List<?>) object).forEach(element -> list.addValues(toValue(element)));
      value.setListValue(list);
    }
    return value.build();
  }

  /** One pass over arguments that may be anything. */
  private record Check(String toolName) {
    Arguments arguments(Object arguments) throws Refusal.InvalidArguments {
      if (!(arguments instanceof Map<?, ?> map)) {
        throw unfit("", "is not a JSON object");
      }
      return received(toStruct(copy(map, "", 1)));
    }

    private Object copy(Object object, String path, int depth) throws Refusal.InvalidArguments {
      if (object == null || object instanceof Boolean) {
        return object;
      }
      if (object instanceof String text) {
        if (!Text.isUnicode(text)) {
          throw unfit(path, "is not valid Unicode");
        }
        return text;
      }
      if (object instanceof Number number) {
        String problem = Numbers.problem(number);
        if (!problem.isEmpty()) {
          throw unfit(path, problem);
        }
        return number;
      }
      if (object instanceof Map<?, ?> map) {
        return copy(map, path, depth + 1);
      }
      if (object instanceof List<?> list) {
        return copy(list, path, depth + 1);
      }
      throw unfit(path, "has a type that JSON does not have: " + object.getClass().getName());
    }

    private Map<String, Object> copy(Map<?, ?> map, String path, int depth)
        throws Refusal.InvalidArguments {
      requireDepth(path, depth);
      Map<String, Object> copy = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        if (!(entry.getKey() instanceof String name)) {
          throw unfit(path, "has a name that is not a string");
        }
        if (!Text.isUnicode(name)) {
          throw unfit(path, "has a name that is not valid Unicode");
        }
        copy.put(name, copy(entry.getValue(), path.isEmpty() ? name : path + "." + name, depth));
      }
      return copy;
    }

    private List<Object> copy(List<?> list, String path, int depth)
        throws Refusal.InvalidArguments {
      requireDepth(path, depth);
      List<Object> copy = new ArrayList<>();
      for (Object element : list) {
        copy.add(copy(element, path + "[" + copy.size() + "]", depth));
      }
      return copy;
    }

    private void requireDepth(String path, int depth) throws Refusal.InvalidArguments {
      if (depth > MAX_DEPTH) {
        throw unfit(path, "is nested deeper than " + MAX_DEPTH + " levels");
      }
    }

    private Refusal.InvalidArguments unfit(String path, String problem) {
      return new Refusal.InvalidArguments(toolName, "", new Misfit(path, problem));
    }
  }
}

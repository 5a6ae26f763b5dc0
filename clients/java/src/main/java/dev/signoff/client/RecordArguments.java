package dev.signoff.client;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Records as arguments: each component is an argument of its name. Nothing is left out, and nothing
 * is made up.
 */
final class RecordArguments<A extends Record> {
  private static final Set<Class<?>> SCALARS =
      Set.of(
          Object.class,
          String.class,
          Boolean.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Float.class,
          Double.class,
          BigInteger.class,
          BigDecimal.class);

  private final Class<A> type;

  /** Whether someone may change what a record of the type holds. */
  private boolean changeable;

  RecordArguments(Class<A> type) {
    this.type = type;
    requireJson(type, type.getName(), new HashSet<>());
  }

  private void requireJson(Type type, String where, Set<Type> seen) {
    Class<?> raw = raw(type);
    changeable |= raw == List.class || raw == Map.class || raw == Object.class;
    if (raw.isPrimitive() && raw != char.class || SCALARS.contains(raw) || !seen.add(type)) {
      return;
    }
    if (raw.isRecord()) {
      for (RecordComponent component : raw.getRecordComponents()) {
        requireJson(component.getGenericType(), where + "." + component.getName(), seen);
      }
    } else if (raw == List.class) {
      requireJson(parameter(type, 0), where, seen);
    } else if (raw == Map.class && (parameter(type, 0) == String.class || type == Map.class)) {
      requireJson(parameter(type, 1), where, seen);
    } else {
      throw new IllegalArgumentException(
          where + " has a type that JSON does not have: " + type.getTypeName());
    }
  }

  private static Class<?> raw(Type type) {
    if (type instanceof ParameterizedType parameterized) {
      return (Class<?>) parameterized.getRawType();
    }
    if (type instanceof Class<?> plain) {
      return plain;
    }
    throw new IllegalArgumentException(
        "no arguments can be made of the type " + type.getTypeName());
  }

  private static Type parameter(Type type, int index) {
    return type instanceof ParameterizedType parameterized
        ? parameterized.getActualTypeArguments()[index]
        : Object.class;
  }

  /** The arguments that a record stands for. */
  Map<String, Object> write(A arguments) {
    return writeRecord(type.cast(arguments));
  }

  private static Map<String, Object> writeRecord(Record arguments) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (RecordComponent component : arguments.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        Object value = component.getAccessor().invoke(arguments);
        map.put(component.getName(), write(component.getGenericType(), value));
      } catch (IllegalAccessException | InvocationTargetException e) {
        throw new IllegalArgumentException(
            "the component " + component.getName() + " cannot be read", e);
      }
    }
    return map;
  }

  // By the types of the components, as they are read: a record where any object may be could not be
  // found again, so it stays what it is, and is refused as no JSON.
  private static Object write(Type type, Object value) {
    Class<?> raw = raw(type);
    if (raw.isRecord() && value instanceof Record nested) {
      return writeRecord(nested);
    }
    if (raw == List.class && value instanceof List<?> list) {
      List<Object> written = new ArrayList<>();
      list.forEach(element -> written.add(write(parameter(type, 0), element)));
      return written;
    }
    if (raw == Map.class && value instanceof Map<?, ?> map) {
      Map<Object, Object> written = new LinkedHashMap<>();
      map.forEach((name, element) -> written.put(name, write(parameter(type, 1), element)));
      return written;
    }
    return value;
  }

  /**
   * The record to run with: the one that is given, or a copy if someone may change it while it
   * waits.
   */
  A keep(String toolName, A given, Arguments checked) throws Refusal.InvalidArguments {
    return changeable ? read(toolName, "", checked.given()) : given;
  }

  /** The record that arguments stand for, and that stands for these arguments and no others. */
  A read(String toolName, String approvalId, Map<String, Object> arguments)
      throws Refusal.InvalidArguments {
    try {
      A made = type.cast(readRecord(type, arguments, ""));
      if (!digest(writeAgain(made)).equals(digest(arguments))) {
        throw new Unfit("", "is changed by the record " + type.getSimpleName());
      }
      return made;
    } catch (Unfit e) {
      throw new Refusal.InvalidArguments(toolName, approvalId, e.path, e.getMessage());
    }
  }

  private Map<String, Object> writeAgain(A made) throws Unfit {
    try {
      return write(made);
    } catch (IllegalArgumentException e) {
      throw new Unfit("", "does not fit: " + e.getMessage());
    }
  }

  // Of any tool: it is only compared. A record may also make of arguments what is none any more.
  private static String digest(Map<String, Object> arguments) throws Unfit {
    try {
      return Canonical.digest("", Arguments.of("", arguments).message());
    } catch (Refusal.InvalidArguments e) {
      throw new Unfit(e.path(), e.problem());
    }
  }

  private static Object readRecord(Class<?> type, Map<?, ?> arguments, String path) throws Unfit {
    RecordComponent[] components = type.getRecordComponents();
    Set<Object> unknown = new HashSet<>(arguments.keySet());
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      if (!unknown.remove(name)) {
        throw new Unfit(join(path, name), "is missing");
      }
      values[i] = read(components[i].getGenericType(), arguments.get(name), join(path, name));
    }
    if (!unknown.isEmpty()) {
      throw new Unfit(
          join(path, Collections.min(unknown.stream().map(String.class::cast).toList())),
          "is not known");
    }
    try {
      Class<?>[] types =
          Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      throw new Unfit(path, "does not fit: " + Text.of(e.getCause()));
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("the record " + type.getName() + " cannot be made", e);
    }
  }

  private static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private static Object read(Type type, Object value, String path) throws Unfit {
    Class<?> raw = raw(type);
    if (value == null && !raw.isPrimitive() || raw == Object.class) {
      return value;
    }
    if (raw.isRecord() && value instanceof Map<?, ?> map) {
      return readRecord(raw, map, path);
    }
    if (raw == List.class && value instanceof List<?> list) {
      List<Object> read = new ArrayList<>();
      for (Object element : list) {
        read.add(read(parameter(type, 0), element, path + "[" + read.size() + "]"));
      }
      return Collections.unmodifiableList(read);
    }
    if (raw == Map.class && value instanceof Map<?, ?> map) {
      Map<String, Object> read = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String name = (String) entry.getKey();
        read.put(name, read(parameter(type, 1), entry.getValue(), join(path, name)));
      }
      return Collections.unmodifiableMap(read);
    }
    boolean same = raw.isInstance(value) || raw == boolean.class && value instanceof Boolean;
    if (same && !(value instanceof Number)) {
      return value;
    }
    if (value instanceof Number number) {
      return Numbers.as(raw, number).orElseThrow(() -> unfit(raw, path));
    }
    throw unfit(raw, path);
  }

  private static Unfit unfit(Class<?> type, String path) {
    return new Unfit(path, "is not a value of the type " + type.getSimpleName());
  }

  /** What cannot be read, and where. */
  private static final class Unfit extends Exception {
    private static final long serialVersionUID = 1;
    private final String path;

    Unfit(String path, String problem) {
      super(problem);
      this.path = path;
    }
  }
}

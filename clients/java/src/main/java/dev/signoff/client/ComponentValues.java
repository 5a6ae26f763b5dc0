package dev.signoff.client;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Values of components, to the values of JSON and back, as the components declare them. */
final class ComponentValues {
  private ComponentValues() {}

  /** What a record holds, as its accessors say. */
  static Map<String, Object> write(Record record, String path) throws Misfit.Found {
    Map<String, Object> map = new LinkedHashMap<>();
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      String inside = join(path, component.getName());
      try {
        component.getAccessor().setAccessible(true);
        Object value = component.getAccessor().invoke(record);
        map.put(component.getName(), write(component.getGenericType(), value, inside));
      } catch (InvocationTargetException e) {
        throw new Misfit.Found(inside, "cannot be read: " + Text.of(e.getCause()));
      } catch (IllegalAccessException e) {
        throw new IllegalArgumentException("the component " + inside + " cannot be read", e);
      }
    }
    return map;
  }

  // By the types of the components, as they are read: a record where any object may be could not be
  // found again, so it stays what it is, and is refused because JSON does not have it.
  private static Object write(Type type, Object value, String path) throws Misfit.Found {
    Class<?> raw = ComponentTypes.raw(type);
    if (raw.isRecord() && value instanceof Record nested) {
      return write(nested, path);
    }
    if (raw == List.class && value instanceof List<?> list) {
      List<Object> written = new ArrayList<>();
      for (Object element : list) {
        String inside = path + "[" + written.size() + "]";
        written.add(write(ComponentTypes.parameter(type, 0), element, inside));
      }
      return written;
    }
    if (raw == Map.class && value instanceof Map<?, ?> map) {
      Map<Object, Object> written = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String inside = join(path, String.valueOf(entry.getKey()));
        Object element = write(ComponentTypes.parameter(type, 1), entry.getValue(), inside);
        written.put(entry.getKey(), element);
      }
      return written;
    }
    return value;
  }

  /** Makes a record of arguments: each component present, none beyond. */
  static Object readRecord(Class<?> type, Map<?, ?> arguments, String path) throws Misfit.Found {
    RecordComponent[] components = type.getRecordComponents();
    Set<Object> unknown = new HashSet<>(arguments.keySet());
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      if (!unknown.remove(name)) {
        throw new Misfit.Found(path, "is missing `" + name + "`");
      }
      values[i] = read(components[i].getGenericType(), arguments.get(name), join(path, name));
    }
    if (!unknown.isEmpty()) {
      String first = Collections.min(unknown.stream().map(String.class::cast).toList());
      throw new Misfit.Found(join(path, first), "is unknown");
    }
    return make(type, components, values, path);
  }

  private static Object make(
      Class<?> type, RecordComponent[] components, Object[] values, String path)
      throws Misfit.Found {
    try {
      Class<?>[] types =
          Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      throw new Misfit.Found(path, "does not fit: " + Text.of(e.getCause()));
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("the record " + type.getName() + " cannot be made", e);
    }
  }

  static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private static Object read(Type type, Object value, String path) throws Misfit.Found {
    Class<?> raw = ComponentTypes.raw(type);
    if (value == null && raw.isPrimitive()) {
      throw new Misfit.Found(path, "must not be null");
    }
    if (value == null || raw == Object.class) {
      return value;
    }
    if (raw.isRecord()) {
      if (value instanceof Map<?, ?> map) {
        return readRecord(raw, map, path);
      }
      throw new Misfit.Found(path, "is not an object");
    }
    if (raw == List.class) {
      return readList(ComponentTypes.parameter(type, 0), value, path);
    }
    if (raw == Map.class) {
      return readMap(ComponentTypes.parameter(type, 1), value, path);
    }
    if (raw == String.class) {
      return require(value instanceof String, value, path, "is not a string");
    }
    if (raw == boolean.class || raw == Boolean.class) {
      return require(value instanceof Boolean, value, path, "is not a boolean");
    }
    if (value instanceof Number number) {
      return Numbers.as(raw, number, path);
    }
    throw new Misfit.Found(path, "is not a number");
  }

  private static Object require(boolean fits, Object value, String path, String problem)
      throws Misfit.Found {
    if (!fits) {
      throw new Misfit.Found(path, problem);
    }
    return value;
  }

  private static List<Object> readList(Type element, Object value, String path)
      throws Misfit.Found {
    if (!(value instanceof List<?> list)) {
      throw new Misfit.Found(path, "is not a list");
    }
    List<Object> read = new ArrayList<>();
    for (Object each : list) {
      read.add(read(element, each, path + "[" + read.size() + "]"));
    }
    return Collections.unmodifiableList(read);
  }

  private static Map<String, Object> readMap(Type element, Object value, String path)
      throws Misfit.Found {
    if (!(value instanceof Map<?, ?> map)) {
      throw new Misfit.Found(path, "is not an object");
    }
    Map<String, Object> read = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      String name = (String) entry.getKey();
      read.put(name, read(element, entry.getValue(), join(path, name)));
    }
    return Collections.unmodifiableMap(read);
  }
}

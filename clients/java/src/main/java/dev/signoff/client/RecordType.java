package dev.signoff.client;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Records: objects whose names are those of the components. */
final class RecordType extends ValueType {
  private final Class<?> type;
  private final RecordComponent[] components;

  /** In the order of the components; filled in later, since a record may be a part of itself. */
  private final List<ValueType> types = new ArrayList<>();

  RecordType(Class<?> type) {
    this.type = type;
    this.components = type.getRecordComponents();
  }

  /** Adds the type of the next component. */
  void add(ValueType component) {
    types.add(component);
  }

  @Override
  Object writeValue(Object value, String path) throws Misfit.Found {
    Map<String, Object> written = new LinkedHashMap<>();
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      String inside = join(path, name);
      try {
        components[i].getAccessor().setAccessible(true);
        written.put(name, types.get(i).write(components[i].getAccessor().invoke(value), inside));
      } catch (InvocationTargetException e) {
        throw new Misfit.Found(inside, "cannot be read: " + Text.of(e.getCause()));
      } catch (IllegalAccessException e) {
        throw new IllegalArgumentException("the component " + inside + " cannot be read", e);
      }
    }
    return written;
  }

  /** Makes a record of arguments: each component present, none beyond. */
  @Override
  Object readValue(Object json, String path) throws Misfit.Found {
    require(json instanceof Map<?, ?>, json, path, "is not an object");
    Map<?, ?> members = (Map<?, ?>) json;
    Set<Object> unknown = new HashSet<>(members.keySet());
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      if (!unknown.remove(name)) {
        throw new Misfit.Found(path, "is missing `" + name + "`");
      }
      values[i] = types.get(i).read(members.get(name), join(path, name));
    }
    if (!unknown.isEmpty()) {
      String first = Collections.min(unknown.stream().map(String.class::cast).toList());
      throw new Misfit.Found(join(path, first), "is not a parameter of the function");
    }
    return make(values, path);
  }

  private Object make(Object[] values, String path) throws Misfit.Found {
    try {
      Class<?>[] declared =
          Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      Constructor<?> constructor = type.getDeclaredConstructor(declared);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      throw new Misfit.Found(path, "does not fit: " + Text.of(e.getCause()));
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("the record " + type.getName() + " cannot be made", e);
    }
  }

  @Override
  Object normal(Object json, String path) throws Misfit.Found {
    Map<String, Object> normal = new LinkedHashMap<>();
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      normal.put(name, types.get(i).normal(((Map<?, ?>) json).get(name), join(path, name)));
    }
    return normal;
  }

  @Override
  Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
    derivation.enter(type);
    Map<String, Object> properties = new LinkedHashMap<>();
    for (int i = 0; i < components.length; i++) {
      properties.put(components[i].getName(), types.get(i).schema(derivation));
    }
    derivation.leave(type);
    return Map.of(
        "type",
        "object",
        "properties",
        properties,
        "required",
        List.copyOf(properties.keySet()),
        "additionalProperties",
        false);
  }
}

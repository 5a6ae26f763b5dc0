package dev.signoff.client;

import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The types that components of records of arguments may have: those whose values JSON shows whole.
 */
final class ComponentTypes {
  private static final Set<Class<?>> NUMBERS =
      Set.of(
          byte.class,
          short.class,
          int.class,
          long.class,
          float.class,
          double.class,
          Byte.class,
          Short.class,
          Integer.class,
          Long.class,
          Float.class,
          Double.class);

  /** Of records that were seen, for those that are parts of themselves. */
  private final Map<Class<?>, RecordType> records = new HashMap<>();

  private ComponentTypes() {}

  /**
   * How a record is written and read, with all that it holds.
   *
   * @throws IllegalArgumentException if a reviewer would not see a component whole
   */
  static ValueType of(Class<? extends Record> type) {
    return new ComponentTypes().of(type, type.getSimpleName());
  }

  private ValueType of(Type type, String where) {
    Class<?> raw = raw(type);
    if (raw == Object.class) {
      return new ScalarType.Any();
    } else if (raw == boolean.class || raw == Boolean.class) {
      return new ScalarType.Flag();
    } else if (raw == String.class) {
      return new ScalarType.Plain();
    } else if (NUMBERS.contains(raw)) {
      return new ScalarType.Numeric(raw);
    } else if (TextTypes.ALL.containsKey(raw)) {
      return TextTypes.ALL.get(raw);
    } else if (raw.isEnum()) {
      return new ScalarType.Constant(raw);
    } else if (raw == List.class) {
      return new ContainerType.OfList(of(parameter(type, 0), where));
    } else if (raw == Set.class) {
      return new ContainerType.OfSet(of(parameter(type, 0), where));
    } else if (raw == Map.class && (parameter(type, 0) == String.class || type == Map.class)) {
      return new ContainerType.OfMap(of(parameter(type, 1), where));
    } else if (raw == Optional.class && raw(parameter(type, 0)) != Optional.class) {
      return new ContainerType.OfOptional(of(parameter(type, 0), where));
    } else if (raw.isRecord() && raw.getTypeParameters().length == 0) {
      return ofRecord(raw, where);
    }
    throw new IllegalArgumentException(
        where
            + " has a type that JSON does not have: "
            + type.getTypeName()
            + ". Use a string, a boolean, a number, an enum, a time of java.time, a UUID, a Path, a"
            + " List or Set, a Map with string keys, an Optional, or a record of such");
  }

  private ValueType ofRecord(Class<?> raw, String where) {
    RecordType known = records.get(raw);
    if (known != null) {
      return known;
    }
    RecordType made = new RecordType(raw);
    records.put(raw, made);
    for (RecordComponent component : raw.getRecordComponents()) {
      requireAccess(component, where);
      made.add(of(component.getGenericType(), where + "." + component.getName()));
    }
    return made;
  }

  private static void requireAccess(RecordComponent component, String where) {
    try {
      component.getAccessor().setAccessible(true);
    } catch (InaccessibleObjectException e) {
      throw new IllegalArgumentException(
          where + " cannot be read: open its package to dev.signoff.client", e);
    }
  }

  /** The class of a type; that of nothing for variables and wildcards, which declare none. */
  static Class<?> raw(Type type) {
    if (type instanceof ParameterizedType parameterized) {
      return (Class<?>) parameterized.getRawType();
    }
    return type instanceof Class<?> plain ? plain : void.class;
  }

  static Type parameter(Type type, int index) {
    return type instanceof ParameterizedType parameterized
        ? parameterized.getActualTypeArguments()[index]
        : Object.class;
  }
}

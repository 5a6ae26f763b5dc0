package dev.signoff.client;

import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The types that components of records of arguments may have: those whose values JSON shows whole.
 */
final class ComponentTypes {
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

  private ComponentTypes() {}

  /**
   * Checks a record and all that it holds.
   *
   * @throws IllegalArgumentException if a reviewer would not see a component whole
   */
  static void requireJson(Class<? extends Record> type) {
    requireJson(type, type.getSimpleName(), new HashSet<>());
  }

  private static void requireJson(Type type, String where, Set<Type> seen) {
    Class<?> raw = raw(type);
    if (raw.isPrimitive() && raw != char.class && raw != void.class
        || SCALARS.contains(raw)
        || !seen.add(type)) {
      return;
    }
    if (raw.isRecord() && raw.getTypeParameters().length == 0) {
      for (RecordComponent component : raw.getRecordComponents()) {
        requireAccess(component, where);
        requireJson(component.getGenericType(), where + "." + component.getName(), seen);
      }
    } else if (raw == List.class) {
      requireJson(parameter(type, 0), where, seen);
    } else if (raw == Map.class && (parameter(type, 0) == String.class || type == Map.class)) {
      requireJson(parameter(type, 1), where, seen);
    } else {
      throw new IllegalArgumentException(
          where
              + " has a type that JSON does not have: "
              + type.getTypeName()
              + ". Use a string, a boolean, a number, a List, a Map with string keys, or a record"
              + " of such");
    }
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

package dev.signoff.client;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * How the values of one declared type are written as JSON, and read back: {@code docs/values.md} of
 * the project has the mapping.
 */
abstract class ValueType {
  /** Writes a value that a component holds. */
  final Object write(Object value, String path) throws Misfit.Found {
    requireThere(value, path);
    try {
      return writeValue(value, path);
    } catch (ClassCastException e) {
      // Raw types and unchecked casts let anything into collections.
      throw new Misfit.Found(path, "has another type than is declared");
    }
  }

  /** Reads JSON as {@link Arguments} gives it. */
  final Object read(Object json, String path) throws Misfit.Found {
    requireThere(json, path);
    return readValue(json, path);
  }

  private void requireThere(Object value, String path) throws Misfit.Found {
    if (value == null && !isNullable()) {
      throw new Misfit.Found(path, "must not be null");
    }
  }

  /** Whether null is a value of the type. */
  boolean isNullable() {
    return false;
  }

  abstract Object writeValue(Object value, String path) throws Misfit.Found;

  abstract Object readValue(Object json, String path) throws Misfit.Found;

  /**
   * JSON that was read, in the one form that its value is written in. Not by way of the value where
   * that is a record: its class may change what it is given.
   */
  Object normal(Object json, String path) throws Misfit.Found {
    return write(read(json, path), path);
  }

  /** The JSON Schema of the JSON that is read. */
  abstract Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut;

  static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  static Object require(boolean fits, Object value, String path, String problem)
      throws Misfit.Found {
    if (!fits) {
      throw new Misfit.Found(path, problem);
    }
    return value;
  }

  /** The derivation of one schema, which must end, and stay small. */
  static final class Derivation {
    /** Each type takes 2 bytes at least. */
    private int left = SchemaSize.MAX_BYTES / 2;

    private final Set<Class<?>> inside = new HashSet<>();

    /** Counts a type. */
    void count() throws LeftOut {
      left--;
      if (left < 0) {
        throw new LeftOut("it is larger than 16 KiB");
      }
    }

    void enter(Class<?> type) throws LeftOut {
      count();
      if (!inside.add(type)) {
        throw new LeftOut(type.getSimpleName() + " contains itself");
      }
    }

    void leave(Class<?> type) {
      inside.remove(type);
    }

    /** There is no schema that can be sent. */
    static final class LeftOut extends Exception {
      private static final long serialVersionUID = 1;

      LeftOut(String why) {
        super(why);
      }
    }
  }
}

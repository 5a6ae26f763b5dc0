package dev.signoff.client;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Types that hold values of another type. */
final class ContainerType {
  private ContainerType() {}

  private static String at(String path, int index) {
    return path + "[" + index + "]";
  }

  /** Lists. */
  static final class OfList extends ValueType {
    private final ValueType element;

    OfList(ValueType element) {
      this.element = element;
    }

    @Override
    Object writeValue(Object value, String path) throws Misfit.Found {
      List<Object> written = new ArrayList<>();
      for (Object each : (List<?>) value) {
        written.add(element.write(each, at(path, written.size())));
      }
      return written;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      require(json instanceof List<?>, json, path, "is not a list");
      List<Object> read = new ArrayList<>();
      for (Object each : (List<?>) json) {
        read.add(element.read(each, at(path, read.size())));
      }
      return Collections.unmodifiableList(read);
    }

    @Override
    Object normal(Object json, String path) throws Misfit.Found {
      List<Object> normal = new ArrayList<>();
      for (Object each : (List<?>) json) {
        normal.add(element.normal(each, at(path, normal.size())));
      }
      return normal;
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("type", "array", "items", element.schema(derivation));
    }
  }

  /** Sets, as lists sorted by the canonical JSON of their elements. */
  static final class OfSet extends ValueType {
    private final ValueType element;

    OfSet(ValueType element) {
      this.element = element;
    }

    @Override
    Object writeValue(Object value, String path) throws Misfit.Found {
      List<Object> written = new ArrayList<>();
      for (Object each : (Set<?>) value) {
        written.add(element.write(each, at(path, written.size())));
      }
      return sorted(written, path);
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      require(json instanceof List<?>, json, path, "is not a list");
      Set<Object> read = new LinkedHashSet<>();
      int index = 0;
      for (Object each : (List<?>) normal(json, path)) {
        boolean isNew = read.add(element.read(each, at(path, index)));
        require(isNew, json, path, "has a duplicate element");
        index++;
      }
      return Collections.unmodifiableSet(read);
    }

    @Override
    Object normal(Object json, String path) throws Misfit.Found {
      List<Object> normal = new ArrayList<>();
      for (Object each : (List<?>) json) {
        // Reads it first: its normal form is only that of JSON which fits.
        element.read(each, at(path, normal.size()));
        normal.add(element.normal(each, at(path, normal.size())));
      }
      return sorted(normal, path);
    }

    private static List<Object> sorted(List<Object> written, String path) throws Misfit.Found {
      // Strings sort by their UTF-16 units.
      Map<String, Object> sorted = new TreeMap<>();
      int index = 0;
      for (Object each : written) {
        String key = Arguments.canonical(each, at(path, index));
        require(!sorted.containsKey(key), each, path, "has a duplicate element");
        sorted.put(key, each);
        index++;
      }
      return new ArrayList<>(sorted.values());
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("type", "array", "items", element.schema(derivation), "uniqueItems", true);
    }
  }

  /** Maps from text. */
  static final class OfMap extends ValueType {
    private final ValueType element;

    OfMap(ValueType element) {
      this.element = element;
    }

    @Override
    Object writeValue(Object value, String path) throws Misfit.Found {
      // Keys of a raw map may be anything: they are checked with the arguments as a whole.
      Map<Object, Object> written = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        String inside = join(path, String.valueOf(entry.getKey()));
        written.put(entry.getKey(), element.write(entry.getValue(), inside));
      }
      return written;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      require(json instanceof Map<?, ?>, json, path, "is not an object");
      Map<String, Object> read = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) json).entrySet()) {
        String name = (String) entry.getKey();
        read.put(name, element.read(entry.getValue(), join(path, name)));
      }
      return Collections.unmodifiableMap(read);
    }

    @Override
    Object normal(Object json, String path) throws Misfit.Found {
      Map<String, Object> normal = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) json).entrySet()) {
        String name = (String) entry.getKey();
        normal.put(name, element.normal(entry.getValue(), join(path, name)));
      }
      return normal;
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("type", "object", "additionalProperties", element.schema(derivation));
    }
  }

  /** A value, or null. */
  static final class OfOptional extends ValueType {
    private final ValueType element;

    OfOptional(ValueType element) {
      this.element = element;
    }

    @Override
    boolean isNullable() {
      return true;
    }

    @Override
    Object writeValue(Object value, String path) throws Misfit.Found {
      if (value == null) {
        throw new Misfit.Found(path, "must not be null: use Optional.empty()");
      }
      Optional<?> optional = (Optional<?>) value;
      return optional.isPresent() ? element.write(optional.get(), path) : null;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      return json == null ? Optional.empty() : Optional.of(element.read(json, path));
    }

    @Override
    Object normal(Object json, String path) throws Misfit.Found {
      return json == null ? null : element.normal(json, path);
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("anyOf", List.of(element.schema(derivation), Map.of("type", "null")));
    }
  }
}

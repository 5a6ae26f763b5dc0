package dev.signoff.client;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Types whose values are scalars of JSON, or any JSON. */
final class ScalarType {
  private ScalarType() {}

  /** Any JSON, as it is. */
  static final class Any extends ValueType {
    @Override
    boolean isNullable() {
      return true;
    }

    // An object of another type could not be found again: it stays what it is, and is refused
    // because JSON does not have it.
    @Override
    Object writeValue(Object value, String path) {
      return value;
    }

    @Override
    Object readValue(Object json, String path) {
      return json;
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of();
    }
  }

  /** True and false. */
  static final class Flag extends ValueType {
    @Override
    Object writeValue(Object value, String path) {
      return value;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      return require(json instanceof Boolean, json, path, "is not a boolean");
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("type", "boolean");
    }
  }

  /** Text. */
  static final class Plain extends ValueType {
    @Override
    Object writeValue(Object value, String path) {
      return value;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      return require(json instanceof String, json, path, "is not a string");
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Map.of("type", "string");
    }
  }

  /** Integers and floating point numbers, in the class that is declared. */
  static final class Numeric extends ValueType {
    private final Class<?> declared;

    Numeric(Class<?> declared) {
      this.declared = declared;
    }

    @Override
    Object writeValue(Object value, String path) {
      return value;
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      if (json instanceof Number number) {
        return Numbers.as(declared, number, path);
      }
      throw new Misfit.Found(path, "is not a number");
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      derivation.count();
      return Numbers.range(declared)
          .<Map<String, Object>>map(
              range -> Map.of("type", "integer", "minimum", range[0], "maximum", range[1]))
          .orElse(Map.of("type", "number"));
    }
  }

  /** Constants of an enum, by their names. */
  static final class Constant extends ValueType {
    private final List<Enum<?>> constants;
    private final List<String> names;

    Constant(Class<?> declared) {
      constants =
          Arrays.stream(declared.getEnumConstants())
              .<Enum<?>>map(constant -> (Enum<?>) constant)
              .toList();
      names = constants.stream().<String>map(Enum::name).toList();
    }

    @Override
    Object writeValue(Object value, String path) {
      return ((Enum<?>) value).name();
    }

    @Override
    Object readValue(Object json, String path) throws Misfit.Found {
      // A list of text has no text of another kind, and no null.
      int index = json instanceof String text ? names.indexOf(text) : -1;
      require(index >= 0, json, path, "is not one of " + String.join(", ", names));
      return constants.get(index);
    }

    @Override
    Map<String, Object> schema(Derivation derivation) throws Derivation.LeftOut {
      for (int i = 0; i <= names.size(); i++) {
        derivation.count();
      }
      return Map.of("enum", names);
    }
  }
}

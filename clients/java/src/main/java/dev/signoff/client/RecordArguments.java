package dev.signoff.client;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Records as arguments: each component is an argument of its name. Nothing is left out, and nothing
 * is made up: the record that runs is made of the arguments that were shown, and stands for these
 * and no others.
 */
final class RecordArguments<A extends Record> implements Parameters<A, A> {
  private final Class<A> type;
  private final ValueType values;
  private final DerivedSchema schema;

  RecordArguments(Class<A> type) {
    this.type = Objects.requireNonNull(type, "type");
    this.values = ComponentTypes.of(type);
    this.schema = DerivedSchema.of(values);
  }

  @Override
  public DerivedSchema schema() {
    return schema;
  }

  @Override
  public Asked<A> ask(String toolName, A given) throws Refusal.InvalidArguments {
    try {
      Arguments shown = Arguments.of(toolName, write(given));
      return new Asked<>(shown, read(shown.given()));
    } catch (Misfit.Found e) {
      throw new Refusal.InvalidArguments(toolName, "", e.misfit);
    }
  }

  private Object write(A record) throws Misfit.Found {
    return values.write(type.cast(record), "");
  }

  /** The record that arguments stand for, and that stands for these arguments and no others. */
  @Override
  public A read(Map<String, Object> arguments) throws Misfit.Found {
    A made = type.cast(values.read(arguments, ""));
    Map<String, Object> expected = shown(values.normal(arguments, ""));
    Map<String, Object> again = shown(write(made));
    if (!again.equals(expected)) {
      String path = firstDifference(expected, again, "");
      throw new Misfit.Found(path, "is changed by the record " + type.getSimpleName());
    }
    return made;
  }

  // Of any tool: it is only compared. A record may also make of arguments what is none any more.
  private static Map<String, Object> shown(Object written) throws Misfit.Found {
    try {
      return Arguments.of("", written).given();
    } catch (Refusal.InvalidArguments e) {
      throw new Misfit.Found(e.path(), e.problem());
    }
  }

  private static String firstDifference(Object one, Object other, String path) {
    if (one instanceof Map<?, ?> left
        && other instanceof Map<?, ?> right
        && left.keySet().equals(right.keySet())) {
      for (Map.Entry<?, ?> entry : left.entrySet()) {
        Object counterpart = right.get(entry.getKey());
        if (!Objects.equals(entry.getValue(), counterpart)) {
          String inside = ValueType.join(path, (String) entry.getKey());
          return firstDifference(entry.getValue(), counterpart, inside);
        }
      }
    }
    if (one instanceof List<?> left
        && other instanceof List<?> right
        && left.size() == right.size()) {
      Iterator<?> counterparts = right.iterator();
      int index = 0;
      for (Object element : left) {
        Object counterpart = counterparts.next();
        if (!Objects.equals(element, counterpart)) {
          return firstDifference(element, counterpart, path + "[" + index + "]");
        }
        index++;
      }
    }
    return path;
  }
}

package dev.signoff.client;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.util.Map;
import java.util.Optional;

/**
 * A schema, measured as the server does.
 *
 * @param bytes of canonical JSON
 * @param nodes objects and booleans
 * @param levels of objects and arrays
 */
record SchemaSize(int bytes, int patterns, int nodes, int levels) {
  /** The server's limit, unless it is set to less. */
  static final int MAX_BYTES = 16 << 10;

  /** The server takes more, but then not with arguments of any size. */
  private static final int MAX_PATTERNS = 40;

  private static final int MAX_NODES = 2_000;

  /** The server's library for protobuf decodes few more. */
  private static final int MAX_LEVELS = 32;

  /** The limit that a schema is over, as words that follow a colon; empty if it can be sent. */
  static Optional<String> overLimit(Struct schema) {
    SchemaSize size = of(schema).withBytes(Canonical.json(schema).length);
    record Limit(String what, int has, int can) {}
    for (Limit limit :
        new Limit[] {
          new Limit("bytes", size.bytes, MAX_BYTES),
          new Limit("patterns", size.patterns, MAX_PATTERNS),
          new Limit("objects and booleans", size.nodes, MAX_NODES),
          new Limit("levels", size.levels, MAX_LEVELS),
        }) {
      if (limit.has > limit.can) {
        return Optional.of(
            "it has " + limit.has + " " + limit.what + "; the maximum is " + limit.can);
      }
    }
    return Optional.empty();
  }

  private static SchemaSize of(Struct object) {
    SchemaSize size = new SchemaSize(0, 0, 1, 1);
    for (Map.Entry<String, Value> member : object.getFieldsMap().entrySet()) {
      boolean isPattern = member.getKey().equals("pattern") && member.getValue().hasStringValue();
      size = size.plus(of(member.getValue())).plus(new SchemaSize(0, isPattern ? 1 : 0, 0, 0));
    }
    return size;
  }

  private static SchemaSize of(Value value) {
    return switch (value.getKindCase()) {
      case BOOL_VALUE -> new SchemaSize(0, 0, 1, 0);
      case STRUCT_VALUE -> of(value.getStructValue());
      case LIST_VALUE -> {
        SchemaSize size = new SchemaSize(0, 0, 0, 1);
        for (Value member : value.getListValue().getValuesList()) {
          size = size.plus(of(member));
        }
        yield size;
      }
      default -> new SchemaSize(0, 0, 0, 0);
    };
  }

  private SchemaSize plus(SchemaSize part) {
    return new SchemaSize(
        0, patterns + part.patterns, nodes + part.nodes, Math.max(levels, part.levels + 1));
  }

  private SchemaSize withBytes(int bytes) {
    return new SchemaSize(bytes, patterns, nodes, levels);
  }
}

package dev.signoff.springai;

import java.util.LinkedHashMap;
import java.util.Map;

/** Of a tool that reads the JSON itself, such as one of an MCP server: its schema is known. */
final class SchemaInput implements ToolInput {
  private final Map<?, ?> properties;
  private final boolean open;

  SchemaInput(String schema) {
    Map<String, Object> read = Json.read(schema);
    this.properties = read.get("properties") instanceof Map<?, ?> named ? named : Map.of();
    Object additional = read.get("additionalProperties");
    boolean says = additional != null && !Boolean.FALSE.equals(additional);
    // A schema of another form, such as a reference, does not tell its names here.
    boolean closed = read.isEmpty() || read.containsKey("properties") || read.containsKey("type");
    this.open = says || !closed;
  }

  @Override
  public Read read(Map<String, Object> given) {
    for (Map.Entry<String, Object> each : given.entrySet()) {
      if (!open && !properties.containsKey(each.getKey())) {
        return new Read(new LinkedHashMap<>(given), each.getKey());
      }
    }
    return new Read(new LinkedHashMap<>(given), "");
  }
}

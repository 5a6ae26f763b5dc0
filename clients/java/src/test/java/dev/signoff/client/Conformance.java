package dev.signoff.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** The vectors that the clients of all languages share. */
final class Conformance {
  private static final Path DIR = Path.of("../../tests/conformance");

  private Conformance() {}

  static Stream<JsonObject> read(String file, String list) {
    return list(file, list).stream().map(JsonElement::getAsJsonObject);
  }

  /** A whole file. */
  static JsonObject file(String file) {
    try {
      return JsonParser.parseString(Files.readString(DIR.resolve(file))).getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<Integer> unknownStatuses() {
    return list("statuses.json", "unknown").stream().map(JsonElement::getAsInt).toList();
  }

  static List<JsonElement> list(String file, String list) {
    JsonArray all = file(file).getAsJsonArray(list);
    if (all.isEmpty()) {
      throw new IllegalStateException(file + " has no " + list);
    }
    List<JsonElement> elements = new ArrayList<>();
    all.forEach(elements::add);
    return elements;
  }

  static Object exact(String json) {
    return toJava(JsonParser.parseString(json), BigDecimal::new);
  }

  static Object toJava(JsonElement json) {
    return toJava(json, Double::valueOf);
  }

  private static Object toJava(JsonElement json, Function<String, Number> fraction) {
    if (json.isJsonObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      json.getAsJsonObject()
          .entrySet()
          .forEach(entry -> map.put(entry.getKey(), toJava(entry.getValue(), fraction)));
      return map;
    }
    if (json.isJsonArray()) {
      List<Object> list = new ArrayList<>();
      json.getAsJsonArray().forEach(element -> list.add(toJava(element, fraction)));
      return list;
    }
    if (json.isJsonNull()) {
      return null;
    }
    JsonPrimitive primitive = json.getAsJsonPrimitive();
    if (primitive.isNumber()) {
      String text = primitive.getAsString();
      return text.matches("-?\\d+") ? new BigInteger(text) : fraction.apply(text);
    }
    return primitive.isBoolean() ? (Object) primitive.getAsBoolean() : primitive.getAsString();
  }
}

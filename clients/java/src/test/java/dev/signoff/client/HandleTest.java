package dev.signoff.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The JSON form of handles, as tests/conformance/handles.json says. */
class HandleTest {
  private static final Handle HANDLE =
      new Handle("a", "r", "send_email", "sha256:" + "0".repeat(64));

  static List<JsonElement> accepted() {
    return Conformance.list("handles.json", "accepted");
  }

  static List<JsonElement> refused() {
    return Conformance.list("handles.json", "refused");
  }

  @ParameterizedTest
  @MethodSource("accepted")
  void whatIsReadIsWrittenAgain(JsonElement json) {
    Handle handle = Handle.fromJson(json.toString());
    assertEquals(json, JsonParser.parseString(handle.toJson()));
    assertEquals(handle, Handle.fromJson(handle.toJson()));
    assertEquals(json.getAsJsonObject().get("request_id").getAsString(), handle.requestId());
  }

  @ParameterizedTest
  @MethodSource("refused")
  void whatIsNotAHandleIsRefused(JsonElement json) {
    assertThrows(IllegalArgumentException.class, () -> Handle.fromJson(json.toString()));
  }

  static Stream<String> notJson() {
    String json = HANDLE.toJson();
    return Stream.of(
        "",
        "{",
        json + json,
        json + " x",
        json.replace("{", "{\"tool_name\":\"other\","),
        json.replace('"', '\''),
        json.replace("\"a\"", "\"\\ud800\""));
  }

  @ParameterizedTest
  @MethodSource("notJson")
  void whatIsNotStrictJsonIsRefused(String text) {
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> Handle.fromJson(text));
    assertTrue(
        error.getMessage().startsWith("Not a handle: ")
            || error.getMessage().equals("approvalId must be valid Unicode"),
        error::getMessage);
  }

  @Test
  void partsAreChecked() {
    String digest = HANDLE.digest();
    assertThrows(IllegalArgumentException.class, () -> new Handle("", "r", "t", digest));
    assertThrows(IllegalArgumentException.class, () -> new Handle("a", "", "t", digest));
    assertThrows(IllegalArgumentException.class, () -> new Handle("a", "r", "", digest));
    assertThrows(IllegalArgumentException.class, () -> new Handle("a", "r", "t", "sha256:0"));
    assertThrows(IllegalArgumentException.class, () -> new Handle("\ud800", "r", "t", digest));
    assertThrows(NullPointerException.class, () -> new Handle(null, "r", "t", digest));
    assertThrows(NullPointerException.class, () -> Handle.fromJson(null));
  }
}

package dev.signoff.client;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.erdtman.jcs.JsonCanonicalizer;

/**
 * An asked call, which any process can run: {@link Gate#ask} makes a handle, and {@link
 * Gate#resume} takes it. It contains no secret: only the caller that asked can claim the call.
 *
 * @param approvalId the approval
 * @param requestId the request_id of the request
 * @param toolName the tool
 * @param digest the digest of the arguments as asked: {@code sha256:} and 64 hex digits
 */
public record Handle(String approvalId, String requestId, String toolName, String digest) {
  private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");
  private static final Set<String> MEMBERS =
      Set.of("approval_id", "request_id", "tool_name", "digest");

  /**
   * Makes a handle from its members.
   *
   * @param approvalId the approval
   * @param requestId the request_id of the request
   * @param toolName the tool
   * @param digest the digest of the arguments as asked
   * @throws IllegalArgumentException if a member is empty, or the digest is invalid
   */
  public Handle {
    requireText(approvalId, "approvalId");
    requireText(requestId, "requestId");
    requireText(toolName, "toolName");
    requireText(digest, "digest");
    if (!DIGEST.matcher(digest).matches()) {
      throw new IllegalArgumentException("digest must be sha256: and 64 hex digits");
    }
  }

  private static void requireText(String text, String name) {
    if (Objects.requireNonNull(text, name).isEmpty()) {
      throw new IllegalArgumentException(name + " must not be empty");
    }
    if (!Text.isUnicode(text)) {
      throw new IllegalArgumentException(name + " must be valid Unicode");
    }
  }

  /**
   * The handle as JSON, the same in every language.
   *
   * @return an object with {@code approval_id}, {@code request_id}, {@code tool_name} and {@code
   *     digest}
   */
  public String toJson() {
    Struct.Builder json = Struct.newBuilder();
    json.putFields("approval_id", value(approvalId));
    json.putFields("request_id", value(requestId));
    json.putFields("tool_name", value(toolName));
    json.putFields("digest", value(digest));
    return new String(Canonical.json(json.build()), StandardCharsets.UTF_8);
  }

  private static Value value(String text) {
    return Value.newBuilder().setStringValue(text).build();
  }

  /**
   * Reads a handle.
   *
   * @param json the result of {@link #toJson}, or of another language's client
   * @return the handle
   * @throws IllegalArgumentException if it is not the JSON of a handle
   */
  public static Handle fromJson(String json) {
    Struct members = parse(Objects.requireNonNull(json, "json"));
    if (!members.getFieldsMap().keySet().equals(MEMBERS)) {
      throw new IllegalArgumentException("Not a handle: it must have the members " + MEMBERS);
    }
    return new Handle(
        text(members, "approval_id"),
        text(members, "request_id"),
        text(members, "tool_name"),
        text(members, "digest"));
  }

  private static Struct parse(String json) {
    Value.Builder value = Value.newBuilder();
    try {
      // Strict, unlike the other parser: it refuses names that occur twice and what follows.
      String strict = new JsonCanonicalizer(json).getEncodedString();
      JsonFormat.parser().merge(strict, value);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("Not a handle: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IllegalArgumentException("Not a handle: not JSON", e);
    }
    if (!value.hasStructValue()) {
      throw new IllegalArgumentException("Not a handle: not a JSON object");
    }
    return value.getStructValue();
  }

  private static String text(Struct members, String name) {
    Value value = members.getFieldsOrThrow(name);
    if (!value.hasStringValue()) {
      throw new IllegalArgumentException("Not a handle: " + name + " must be a string");
    }
    return value.getStringValue();
  }
}

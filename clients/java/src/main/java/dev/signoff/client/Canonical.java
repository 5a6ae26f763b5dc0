package dev.signoff.client;

import com.google.protobuf.ListValue;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.erdtman.jcs.JsonCanonicalizer;

/** What is calculated over canonical JSON, RFC 8785. */
final class Canonical {
  private Canonical() {}

  /**
   * The digest of a call.
   *
   * @throws IllegalArgumentException if the arguments are not JSON, as when they hold a NaN
   */
  static String digest(String toolName, Struct arguments) {
    Struct call =
        Struct.newBuilder()
            .putFields("arguments", Value.newBuilder().setStructValue(arguments).build())
            .putFields("tool_name", text(toolName))
            .build();
    return "sha256:" + sha256(call);
  }

  /** The request_id of a call that a run of an agent names. */
  static String requestId(String runId, String callId) {
    ListValue ids = ListValue.newBuilder().addValues(text(runId)).addValues(text(callId)).build();
    return "call:" + sha256(ids);
  }

  private static Value text(String text) {
    return Value.newBuilder().setStringValue(text).build();
  }

  /** The canonical JSON of a Struct or ListValue. */
  static byte[] json(MessageOrBuilder message) {
    try {
      String json = JsonFormat.printer().omittingInsignificantWhitespace().print(message);
      return new JsonCanonicalizer(json).getEncodedUTF8();
    } catch (IOException e) {
      throw new IllegalArgumentException("not JSON", e);
    }
  }

  private static String sha256(MessageOrBuilder message) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(json(message));
      return HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}

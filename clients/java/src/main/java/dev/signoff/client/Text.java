package dev.signoff.client;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Strings of Java may hold halves of surrogate pairs, which have no encoding. */
final class Text {
  private Text() {}

  static boolean isUnicode(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }

  /** What an error says, or at least what it is. Never throws, whatever the error's class does. */
  static String of(Throwable error) {
    try {
      String text = error.getMessage();
      if (text != null && !text.isBlank()) {
        return text;
      }
    } catch (RuntimeException | Error e) {
      // Then it says nothing.
      return error.getClass().getName();
    }
    return error.getClass().getName();
  }

  /**
   * The text, or as much of its beginning as fits into so many bytes of UTF-8 without cutting a
   * character.
   */
  static String cut(String text, int bytes) {
    CharBuffer in = CharBuffer.wrap(text);
    ByteBuffer out = ByteBuffer.allocate(bytes);
    StandardCharsets.UTF_8
        .newEncoder()
        .onMalformedInput(CodingErrorAction.REPLACE)
        .encode(in, out, true);
    return StandardCharsets.UTF_8.decode(out.flip()).toString();
  }

  /** The words of others without the full stop at their end. */
  static String bare(String words) {
    return words.endsWith(".") ? words.substring(0, words.length() - 1) : words;
  }

  /** The same after a colon; nothing if they said nothing. */
  static String quoted(String words) {
    String bare = bare(words);
    return bare.isEmpty() ? "" : ": " + bare;
  }
}

package dev.signoff.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;

/** A page of {@code docs/adapters}, whose code is compiled and run. */
public final class Page {
  private final String text;

  /**
   * Reads it.
   *
   * @param name of the file
   * @throws IOException if there is none
   */
  public Page(String name) throws IOException {
    // Tests run in the folder of their module.
    text = Files.readString(Path.of("../../../../docs/adapters", name));
  }

  /**
   * A block of Java.
   *
   * @param name the comment before it; empty for the first block, which has none
   * @return its lines
   */
  public String block(String name) {
    String comment = name.isEmpty() ? "\n" : Pattern.quote("<!-- " + name + " -->\n");
    Matcher matcher = Pattern.compile(comment + "```java\n(.*?)```", Pattern.DOTALL).matcher(text);
    if (!matcher.find()) {
      throw new IllegalArgumentException("no block " + name);
    }
    return matcher.group(1);
  }

  /** {@return how many blocks of Java it has} */
  public long blocks() {
    return Pattern.compile("^```java$", Pattern.MULTILINE).matcher(text).results().count();
  }

  /**
   * Compiles a class.
   *
   * @param dir where to
   * @param name of the class, in the package of no name
   * @param source its text
   * @throws IOException if it has errors
   */
  public static void compile(Path dir, String name, String source) throws IOException {
    Path file = Files.writeString(dir.resolve(name + ".java"), source);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int status =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                said,
                said,
                "-parameters",
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                dir.toString(),
                file.toString());
    if (status != 0) {
      throw new IOException(said.toString());
    }
  }
}

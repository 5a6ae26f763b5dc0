package dev.signoff.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A second process, with the classes of the test. */
public final class Program implements AutoCloseable {
  private final Process process;
  private final Path out;

  /**
   * Starts a class that has a {@code main}, with the agent's token in its environment.
   *
   * @param server whose token
   * @param out what it prints
   * @param main the class, or a file of Java's source
   * @param arguments what its {@code main} gets
   * @throws IOException if it cannot be started
   */
  public Program(Server server, Path out, String main, String... arguments) throws IOException {
    this.out = out;
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("SIGNOFF_ADDRESS", server.address());
    builder.environment().put("SIGNOFF_TOKEN", server.token("agent"));
    process = builder.redirectErrorStream(true).redirectOutput(out.toFile()).start();
  }

  /** Kills it. */
  public void kill() {
    process.destroyForcibly().onExit().join();
  }

  /**
   * Waits until it has ended by itself.
   *
   * @return what it printed
   * @throws Exception if it takes too long, or fails
   */
  public String output() throws Exception {
    if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
      throw new IllegalStateException("the program failed: " + Files.readString(out));
    }
    return Files.readString(out);
  }

  @Override
  public void close() {
    kill();
  }
}

package dev.signoff.client;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What the client logs while a test runs. */
final class Log extends Handler implements AutoCloseable {
  // Kept: loggers that nobody holds are forgotten, with their handlers.
  private final Logger logger = Logger.getLogger("dev.signoff.client");
  private final List<String> lines = new CopyOnWriteArrayList<>();

  Log() {
    logger.addHandler(this);
  }

  /** The lines that hold a text, which tells them from those of other tests. */
  List<String> lines(String text) {
    return lines.stream().filter(line -> line.contains(text)).toList();
  }

  @Override
  public void publish(LogRecord line) {
    lines.add(line.getMessage());
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    logger.removeHandler(this);
  }
}

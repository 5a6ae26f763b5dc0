package dev.signoff.client;

import java.io.Serializable;

/**
 * An argument that cannot be one.
 *
 * @param path where, such as {@code a.b[1]}; empty for the arguments as a whole
 * @param problem what is wrong: words that follow the path in a sentence
 */
record Misfit(String path, String problem) implements Serializable {
  private static final long serialVersionUID = 1;

  String sentence() {
    String subject = path.isEmpty() ? "the set of arguments" : "argument " + path;
    return subject + " " + Text.bare(problem) + ".";
  }

  /** Thrown by those who find one. */
  static final class Found extends Exception {
    private static final long serialVersionUID = 1;

    /** What was found. */
    final Misfit misfit;

    Found(String path, String problem) {
      super(path + " " + problem);
      this.misfit = new Misfit(path, problem);
    }
  }
}

package dev.signoff.client;

import io.grpc.Status;

/**
 * Why a tool was not run. The message can be handed to a model as it is.
 *
 * <p>A checked exception, since a refusal is no defect: whoever calls a gate has to say what the
 * agent does without the tool. The class is sealed, and its kinds are the nested classes; a caller
 * that treats all alike catches this one.
 */
public abstract sealed class Refusal extends Exception {
  private static final long serialVersionUID = 1;
  private static final String NOT_RUN = " It was not run.";

  /** The tool. */
  private final String toolName;

  /** Empty if there is none. */
  private final String approvalId;

  private Refusal(String toolName, String approvalId, String text, Throwable cause) {
    super(text, cause);
    this.toolName = toolName;
    this.approvalId = approvalId;
  }

  /**
   * The tool that was not run.
   *
   * @return its name
   */
  public String toolName() {
    return toolName;
  }

  /**
   * The approval that was asked for.
   *
   * @return its id; empty if there is none, or it is not known
   */
  public String approvalId() {
    return approvalId;
  }

  /**
   * What others said, after a colon and without the full stop that follows; nothing if they said
   * nothing.
   */
  private static String quoted(String words) {
    String bare = words.endsWith(".") ? words.substring(0, words.length() - 1) : words;
    return bare.isEmpty() ? "" : ": " + bare;
  }

  /** A person rejected the call. */
  public static final class Rejected extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String comment;

    /** As issuer and subject. */
    private final String decidedBy;

    Rejected(String toolName, String approvalId, String comment, String decidedBy) {
      super(
          toolName,
          approvalId,
          "The call to "
              + toolName
              + " was rejected by a reviewer"
              + quoted(comment)
              + "."
              + NOT_RUN,
          null);
      this.comment = comment;
      this.decidedBy = decidedBy;
    }

    /**
     * What the reviewer said.
     *
     * @return the comment; may be empty
     */
    public String comment() {
      return comment;
    }

    /**
     * Who rejected it.
     *
     * @return the reviewer, as {@code ISSUER/SUBJECT}
     */
    public String decidedBy() {
      return decidedBy;
    }
  }

  /** The policy rejected the call. */
  public static final class AutoRejected extends Refusal {
    private static final long serialVersionUID = 1;

    /** Its name. */
    private final String rule;

    /** May be empty. */
    private final String ruleMessage;

    AutoRejected(String toolName, String approvalId, String rule, String ruleMessage) {
      super(
          toolName,
          approvalId,
          "The call to "
              + toolName
              + " is not allowed by the policy"
              + quoted(ruleMessage)
              + "."
              + NOT_RUN,
          null);
      this.rule = rule;
      this.ruleMessage = ruleMessage;
    }

    /**
     * The rule that decided.
     *
     * @return its name, or {@code unlisted_tools}
     */
    public String rule() {
      return rule;
    }

    /**
     * What the rule says to the caller.
     *
     * @return its message; may be empty
     */
    public String ruleMessage() {
      return ruleMessage;
    }
  }

  /** Nobody decided in time. */
  public static final class TimedOut extends Refusal {
    private static final long serialVersionUID = 1;

    TimedOut(String toolName, String approvalId) {
      super(
          toolName,
          approvalId,
          "Nobody decided about the call to " + toolName + " in time." + NOT_RUN,
          null);
    }
  }

  /** The request was withdrawn. */
  public static final class Cancelled extends Refusal {
    private static final long serialVersionUID = 1;

    Cancelled(String toolName, String approvalId) {
      super(
          toolName,
          approvalId,
          "The request to call " + toolName + " was withdrawn." + NOT_RUN,
          null);
    }
  }

  /** Another runner has the claim, or an earlier run of this one: the call may have been made. */
  public static final class AlreadyClaimed extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String result;

    /** May be empty. */
    private final String reportTime;

    /** May be empty. */
    private final String reportMessage;

    AlreadyClaimed(
        String toolName,
        String approvalId,
        String result,
        String reportTime,
        String reportMessage,
        Throwable cause) {
      super(
          toolName,
          approvalId,
          "The call to "
              + toolName
              + " was approved, but it has been started before"
              + known(result, reportTime, reportMessage),
          cause);
      this.result = result;
      this.reportTime = reportTime;
      this.reportMessage = reportMessage;
    }

    private static String known(String result, String reportTime, String reportMessage) {
      String at = reportTime.isEmpty() ? "" : " at " + reportTime;
      String end = at + quoted(reportMessage) + ". It was not run again.";
      return switch (result) {
        case "SUCCEEDED" -> ", and succeeded" + end;
        case "FAILED" -> ", and failed" + end;
        default -> ". It was not run again; whether it has been done is not known here.";
      };
    }

    /**
     * What was reported of it.
     *
     * @return {@code SUCCEEDED} or {@code FAILED}; empty while there is no report
     */
    public String result() {
      return result;
    }

    /**
     * When it was reported.
     *
     * @return the time, such as {@code 2027-01-15T08:00:09Z}; empty while there is no report
     */
    public String reportTime() {
      return reportTime;
    }

    /**
     * What the report said.
     *
     * @return its message, shortened; may be empty
     */
    public String reportMessage() {
      return reportMessage;
    }
  }

  /** The call was approved, but too long ago. */
  public static final class ClaimWindowClosed extends Refusal {
    private static final long serialVersionUID = 1;

    ClaimWindowClosed(String toolName, String approvalId, Throwable cause) {
      super(
          toolName,
          approvalId,
          "The call to " + toolName + " was approved, but too long ago to be run now." + NOT_RUN,
          cause);
    }
  }

  /** What was approved is not what would be run. */
  public static final class DigestMismatch extends Refusal {
    private static final long serialVersionUID = 1;

    DigestMismatch(String toolName, String approvalId, Throwable cause) {
      super(
          toolName,
          approvalId,
          "The call to " + toolName + " is not the one that was approved." + NOT_RUN,
          cause);
    }
  }

  /** A newer server sent a status that this client does not know. */
  public static final class UnknownStatus extends Refusal {
    private static final long serialVersionUID = 1;

    UnknownStatus(String toolName, String approvalId) {
      super(
          toolName,
          approvalId,
          "The answer about the call to "
              + toolName
              + " is not understood, so it counts as not approved."
              + NOT_RUN,
          null);
    }
  }

  /** An answer of the server contradicts the request, an earlier answer or itself. */
  public static final class InvalidAnswer extends Refusal {
    private static final long serialVersionUID = 1;

    /** Follows a colon in a sentence. */
    private final String problem;

    InvalidAnswer(String toolName, String approvalId, String problem) {
      super(
          toolName,
          approvalId,
          "The approvals server gave an invalid answer about the call to "
              + toolName
              + ": "
              + problem
              + "."
              + NOT_RUN,
          null);
      this.problem = problem;
    }

    /**
     * What is wrong with the answer.
     *
     * @return a clause, such as {@code the claim is another caller's}
     */
    public String problem() {
      return problem;
    }
  }

  /** The server could not be reached for long enough. The cause is the last failure. */
  public static final class Unavailable extends Refusal {
    private static final long serialVersionUID = 1;

    Unavailable(String toolName, String approvalId, Throwable cause) {
      super(
          toolName,
          approvalId,
          "Approval of the call to "
              + toolName
              + " could not be obtained: the approvals server cannot be reached."
              + NOT_RUN,
          cause);
    }
  }

  /** The server refused the request, or it can be seen here that it would. */
  public static final class RequestFailed extends Refusal {
    private static final long serialVersionUID = 1;

    /** Of the status. */
    private final Status.Code code;

    /** For programs. */
    private final String reason;

    /** For people. */
    private final String serverMessage;

    RequestFailed(
        String toolName,
        String approvalId,
        Status.Code code,
        String reason,
        String serverMessage,
        Throwable cause) {
      super(
          toolName,
          approvalId,
          "Approval of the call to "
              + toolName
              + " could not be obtained ("
              + reason
              + ")"
              + quoted(serverMessage)
              + "."
              + NOT_RUN,
          cause);
      this.code = code;
      this.reason = reason;
      this.serverMessage = serverMessage;
    }

    /**
     * The code of the gRPC status.
     *
     * @return the code
     */
    public Status.Code code() {
      return code;
    }

    /**
     * Why, for programs.
     *
     * @return a name of {@code ErrorReason} without its prefix, or the name of the code
     */
    public String reason() {
      return reason;
    }

    /**
     * Why, for people: what the server said. {@link #getMessage()} is the text of this refusal.
     *
     * @return the message of the status; may be empty
     */
    public String serverMessage() {
      return serverMessage;
    }
  }

  /**
   * The arguments cannot be approved as they are, or the edited ones are none that the function
   * takes.
   */
  public static final class InvalidArguments extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String path;

    /** Follows the path in a sentence. */
    private final String problem;

    InvalidArguments(String toolName, String approvalId, String path, String problem) {
      super(
          toolName,
          approvalId,
          "The call to "
              + toolName
              + " cannot be approved: "
              + (path.isEmpty() ? "the set of arguments" : "argument " + path)
              + " "
              + problem
              + "."
              + NOT_RUN,
          null);
      this.path = path;
      this.problem = problem;
    }

    /**
     * Where.
     *
     * @return the argument's path, such as {@code a.b[1]}; empty for the arguments as a whole
     */
    public String path() {
      return path;
    }

    /**
     * What is wrong there.
     *
     * @return words that follow the path in a sentence
     */
    public String problem() {
      return problem;
    }
  }
}

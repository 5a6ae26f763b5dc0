package dev.signoff.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/**
 * The reason that a tool did not run. {@link #getMessage()} is for the model: pass it on unchanged.
 * {@link #developerText()} is for people. If the two differ, the cause has the latter too, so that
 * stack traces show it.
 *
 * <p>A checked exception, because a refusal is an expected result: the caller must decide what the
 * agent does without the tool. The class is sealed, and its kinds are the nested classes; to treat
 * all alike, catch this one.
 */
public abstract sealed class Refusal extends Exception {
  private static final long serialVersionUID = 1;

  /** The tool. */
  private final String toolName;

  /** Empty if there is none. */
  private final String approvalId;

  /** May name addresses and causes. */
  private final String developerText;

  private Refusal(String toolName, String approvalId, RefusalText text, Throwable cause) {
    super(
        text.model(),
        text.developer().equals(text.model()) ? cause : explained(text.developer(), cause));
    this.toolName = toolName;
    this.approvalId = approvalId;
    this.developerText = text.developer();
  }

  // Stack traces show causes, and their readers need the developer's text.
  private static Throwable explained(String developerText, Throwable cause) {
    if (cause instanceof StatusRuntimeException failure) {
      Status status = failure.getStatus().withDescription(developerText).withCause(failure);
      return status.asRuntimeException(failure.getTrailers());
    }
    return new Exception(developerText, cause);
  }

  /** {@return the name of the tool} */
  public String toolName() {
    return toolName;
  }

  /** {@return the id of the approval; empty if there is none, or it is not known} */
  public String approvalId() {
    return approvalId;
  }

  /**
   * The text for people and logs: it may name addresses, causes and settings, which do not help a
   * model.
   *
   * @return the text; that of {@link #getMessage()} if there is no other
   */
  public String developerText() {
    return developerText;
  }

  /** The caller stopped waiting through its {@link CancelHandle}. */
  public static final class StillWaiting extends Refusal {
    private static final long serialVersionUID = 1;

    /** While the caller stopped. */
    private final boolean approved;

    StillWaiting(String toolName, String approvalId, boolean approved) {
      super(toolName, approvalId, RefusalText.stillWaiting(toolName, approvalId, approved), null);
      this.approved = approved;
    }

    /** {@return whether the call was approved when the caller stopped; it did not run} */
    public boolean approved() {
      return approved;
    }
  }

  /** A person rejected the call, or the policy remembered an earlier rejection. */
  public static final class Rejected extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String comment;

    /** As issuer and subject. */
    private final String decidedBy;

    Rejected(String toolName, String approvalId, String comment, String decidedBy) {
      super(toolName, approvalId, RefusalText.rejected(toolName, comment), null);
      this.comment = comment;
      this.decidedBy = decidedBy;
    }

    /** {@return the reviewer's comment; may be empty} */
    public String comment() {
      return comment;
    }

    /** {@return the reviewer, as {@code ISSUER/SUBJECT}} */
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
      super(toolName, approvalId, RefusalText.autoRejected(toolName, ruleMessage), null);
      this.rule = rule;
      this.ruleMessage = ruleMessage;
    }

    /** {@return the name of the rule that decided, or {@code unlisted_tools}} */
    public String rule() {
      return rule;
    }

    /** {@return the rule's message to the caller; may be empty} */
    public String ruleMessage() {
      return ruleMessage;
    }
  }

  /** No reviewer decided in time. */
  public static final class TimedOut extends Refusal {
    private static final long serialVersionUID = 1;

    TimedOut(String toolName, String approvalId) {
      super(toolName, approvalId, RefusalText.timedOut(toolName), null);
    }
  }

  /** The request was withdrawn. */
  public static final class Cancelled extends Refusal {
    private static final long serialVersionUID = 1;

    Cancelled(String toolName, String approvalId) {
      super(toolName, approvalId, RefusalText.cancelled(toolName), null);
    }
  }

  /** The call was approved, and the approval revoked before the call was claimed. */
  public static final class Revoked extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String reason;

    Revoked(String toolName, String approvalId, String reason, Throwable cause) {
      super(toolName, approvalId, RefusalText.revoked(toolName, reason), cause);
      this.reason = reason;
    }

    /** {@return why it was revoked; may be empty} */
    public String reason() {
      return reason;
    }
  }

  /** An operator has stopped calls such as this one. */
  public static final class Frozen extends Refusal {
    private static final long serialVersionUID = 1;

    /** May be empty. */
    private final String reason;

    Frozen(String toolName, String approvalId, String reason, Throwable cause) {
      super(toolName, approvalId, RefusalText.frozen(toolName, reason), cause);
      this.reason = reason;
    }

    /** {@return why such calls were stopped; may be empty} */
    public String reason() {
      return reason;
    }
  }

  /** Another runner has the claim, or an earlier run of this one: the call may have run. */
  public static final class AlreadyClaimed extends Refusal {
    private static final long serialVersionUID = 1;

    /** What the server knows. */
    private final EarlierClaim earlier;

    AlreadyClaimed(String toolName, String approvalId, EarlierClaim earlier, Throwable cause) {
      super(toolName, approvalId, RefusalText.alreadyClaimed(toolName, earlier), cause);
      this.earlier = earlier;
    }

    /** {@return who has the claim, as {@code ISSUER/SUBJECT}; empty if it is not known} */
    public String claimedBy() {
      return earlier.claimedBy();
    }

    /**
     * {@return when it was claimed, such as {@code 2027-01-15T08:00:02Z}; empty if it is not known}
     */
    public String claimTime() {
      return earlier.claimTime();
    }

    /** {@return {@code SUCCEEDED} or {@code FAILED}; empty without a report} */
    public String result() {
      return earlier.result();
    }

    /** {@return when it was reported, as in {@link #claimTime()}; empty without a report} */
    public String reportTime() {
      return earlier.reportTime();
    }

    /** {@return the report's message, shortened; may be empty} */
    public String reportMessage() {
      return earlier.message();
    }
  }

  /** The call was approved, but its claim window has closed. */
  public static final class ClaimWindowClosed extends Refusal {
    private static final long serialVersionUID = 1;

    ClaimWindowClosed(String toolName, String approvalId, Throwable cause) {
      super(toolName, approvalId, RefusalText.claimWindowClosed(toolName), cause);
    }
  }

  /** The approved call differs from the call to run. */
  public static final class DigestMismatch extends Refusal {
    private static final long serialVersionUID = 1;

    DigestMismatch(String toolName, String approvalId, Throwable cause) {
      super(toolName, approvalId, RefusalText.digestMismatch(toolName), cause);
    }
  }

  /** A newer server sent a status that this client does not know. */
  public static final class UnknownStatus extends Refusal {
    private static final long serialVersionUID = 1;

    UnknownStatus(String toolName, String approvalId, int status) {
      super(toolName, approvalId, RefusalText.unknownStatus(toolName, status), null);
    }
  }

  /** An answer of the server contradicts the request, an earlier answer or itself. */
  public static final class InvalidAnswer extends Refusal {
    private static final long serialVersionUID = 1;

    /** Follows a colon in a sentence. */
    private final String problem;

    InvalidAnswer(String toolName, String approvalId, String address, String problem) {
      super(toolName, approvalId, RefusalText.invalidAnswer(toolName, address, problem), null);
      this.problem = problem;
    }

    /** {@return what is wrong with the answer, such as {@code the claim is another caller's}} */
    public String problem() {
      return problem;
    }
  }

  /**
   * The server was unreachable for too long, or cannot be at this address. The cause is the last
   * failure.
   */
  public static final class Unavailable extends Refusal {
    private static final long serialVersionUID = 1;

    /** Follows a colon in a sentence. */
    private final String problem;

    /** When the server was lost. */
    private final boolean approved;

    Unavailable(
        String toolName,
        String approvalId,
        boolean approved,
        String address,
        String problem,
        Throwable cause) {
      super(
          toolName,
          approvalId,
          RefusalText.unavailable(toolName, approvalId, approved, address, problem),
          cause);
      this.problem = problem;
      this.approved = approved;
    }

    /** {@return whether the call was approved, and the claim failed} */
    public boolean approved() {
      return approved;
    }

    /** {@return why it is unreachable, such as {@code connection refused}} */
    public String problem() {
      return problem;
    }
  }

  /** The server rejected the request, or this client did on its behalf. */
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
        String address,
        Status.Code code,
        String reason,
        String serverMessage,
        Throwable cause) {
      super(
          toolName,
          approvalId,
          RefusalText.requestFailed(toolName, address, reason, serverMessage),
          cause);
      this.code = code;
      this.reason = reason;
      this.serverMessage = serverMessage;
    }

    /** {@return the code of the gRPC status} */
    public Status.Code code() {
      return code;
    }

    /**
     * {@return why, for programs: a name of {@code ErrorReason} without its prefix, or the name of
     * the code}
     */
    public String reason() {
      return reason;
    }

    /** {@return the message of the status; may be empty} */
    public String serverMessage() {
      return serverMessage;
    }
  }

  /**
   * The arguments cannot be approved as they are, and nothing was asked. For a resumed call: the
   * arguments do not fit the function, and nothing was claimed.
   */
  public static final class InvalidArguments extends Refusal {
    private static final long serialVersionUID = 1;

    /** Where, and what. */
    private final Misfit misfit;

    InvalidArguments(String toolName, String approvalId, Misfit misfit) {
      super(toolName, approvalId, RefusalText.invalidArguments(toolName, misfit), null);
      this.misfit = misfit;
    }

    /** {@return the argument's path, such as {@code a.b[1]}; empty for the arguments as a whole} */
    public String path() {
      return misfit.path();
    }

    /** {@return what is wrong there: words that follow the path in a sentence} */
    public String problem() {
      return misfit.problem();
    }
  }

  /**
   * A reviewer's edit does not fit the function. Nothing was claimed, so the approval can still be
   * revoked.
   */
  public static final class InvalidEdit extends Refusal {
    private static final long serialVersionUID = 1;

    /** Where, and what. */
    private final Misfit misfit;

    InvalidEdit(String toolName, String approvalId, Misfit misfit) {
      super(toolName, approvalId, RefusalText.invalidEdit(toolName, misfit), null);
      this.misfit = misfit;
    }

    /** {@return the argument's path, such as {@code a.b[1]}; empty for the arguments as a whole} */
    public String path() {
      return misfit.path();
    }

    /** {@return what is wrong there: words that follow the path in a sentence} */
    public String problem() {
      return misfit.problem();
    }
  }
}

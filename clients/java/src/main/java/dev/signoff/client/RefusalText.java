package dev.signoff.client;

/**
 * What a refusal says, in the words that all languages share: {@code
 * tests/conformance/refusals.json} of the project has them.
 *
 * @param model the text for a model: that the call was not run, why, and what not to do
 * @param developer the text for people, which may name addresses, causes and what to configure
 */
record RefusalText(String model, String developer) {
  private static RefusalText same(String text) {
    return new RefusalText(text, text);
  }

  private static RefusalText notRun(String sentence, String tool, String after) {
    return same("NOT RUN. " + sentence.formatted(tool) + after);
  }

  private static final String NO_RETRY = ". Do not try it again.";
  private static final String NO_DETOUR = " Do not work around it.";

  static RefusalText stillWaiting(String tool, String approvalId, boolean approved) {
    String stopped = "The caller stopped waiting. ";
    if (approved) {
      return new RefusalText(
          "NOT RUN. The call to %s was approved, but the caller stopped before it ran."
                  .formatted(tool)
              + NO_DETOUR,
          stopped + approvedAndNotRun(tool, approvalId));
    }
    if (approvalId.isEmpty()) {
      return new RefusalText(
          "NOT RUN. The call to %s is not approved yet.".formatted(tool) + NO_DETOUR,
          stopped + "The server had not answered the request for the call to %s.".formatted(tool));
    }
    return new RefusalText(
        "NOT RUN. The call to %s is still waiting for approval.".formatted(tool) + NO_DETOUR,
        stopped + "Approval %s of the call to %s is still pending.".formatted(approvalId, tool));
  }

  private static String approvedAndNotRun(String tool, String approvalId) {
    return "Approval %s of the call to %s is approved, but the call did not run."
        .formatted(approvalId, tool);
  }

  static RefusalText rejected(String tool, String comment) {
    return notRun("A reviewer rejected the call to %s", tool, Text.quoted(comment) + NO_RETRY);
  }

  static RefusalText autoRejected(String tool, String message) {
    return notRun(
        "The policy does not allow the call to %s", tool, Text.quoted(message) + NO_RETRY);
  }

  static RefusalText timedOut(String tool) {
    return notRun("No reviewer decided on the call to %s in time.", tool, NO_DETOUR);
  }

  static RefusalText cancelled(String tool) {
    return notRun("The request to call %s was withdrawn.", tool, NO_DETOUR);
  }

  static RefusalText revoked(String tool, String reason) {
    return notRun(
        "The approval of the call to %s was revoked", tool, Text.quoted(reason) + NO_RETRY);
  }

  static RefusalText frozen(String tool, String reason) {
    return notRun(
        "An operator has stopped the call to %s for now",
        tool, Text.quoted(reason) + "." + NO_DETOUR);
  }

  static RefusalText alreadyClaimed(String tool, EarlierClaim earlier) {
    String start = earlier.claimTime().isEmpty() ? "before" : "at " + earlier.claimTime();
    String text =
        "NOT RUN AGAIN. The call to %s was approved and started %s%s. Do not repeat it."
            .formatted(tool, start, outcome(earlier));
    String by = earlier.claimedBy();
    return new RefusalText(text, by.isEmpty() ? text : text + " (Claimed by " + by + ".)");
  }

  private static String outcome(EarlierClaim earlier) {
    String verb =
        switch (earlier.result()) {
          case "SUCCEEDED" -> "succeeded";
          case "FAILED" -> "failed";
          default -> "";
        };
    if (verb.isEmpty()) {
      return ". Its outcome is unknown";
    }
    String at = earlier.reportTime().isEmpty() ? "" : " at " + earlier.reportTime();
    return ", and " + verb + at + Text.quoted(earlier.message());
  }

  static RefusalText claimWindowClosed(String tool) {
    return notRun("The approval of the call to %s has expired.", tool, NO_DETOUR);
  }

  static RefusalText digestMismatch(String tool) {
    return notRun("The approved call differs from the call to %s that would run.", tool, NO_DETOUR);
  }

  static RefusalText unknownStatus(String tool, int status) {
    return new RefusalText(
        "NOT RUN. The approvals server sent an unknown status for the call to %s.".formatted(tool)
            + NO_DETOUR,
        "The server sent the unknown status %d for the call to %s.".formatted(status, tool)
            + " The call counts as not approved. Update the client.");
  }

  static RefusalText invalidAnswer(String tool, String address, String problem) {
    return new RefusalText(
        "NOT RUN. The approvals server sent an invalid answer for the call to %s.".formatted(tool)
            + NO_DETOUR,
        "The server at %s sent an invalid answer for the call to %s: %s."
            .formatted(address, tool, problem));
  }

  static RefusalText unavailable(
      String tool, String approvalId, boolean approved, String address, String problem) {
    String unreachable = unreachable(address, problem);
    if (approved) {
      return new RefusalText(
          "NOT RUN. The call to %s was approved, but the approvals server cannot be reached to start it."
                  .formatted(tool)
              + NO_DETOUR,
          unreachable + " " + approvedAndNotRun(tool, approvalId));
    }
    String sentence =
        !approvalId.isEmpty()
            ? "The call to %s is still waiting for approval, and"
            : "The call to %s could not be approved, because";
    return new RefusalText(
        "NOT RUN. "
            + sentence.formatted(tool)
            + " the approvals server cannot be reached."
            + NO_DETOUR,
        unreachable);
  }

  /** What is logged at the first failure, too. */
  static String unreachable(String address, String problem) {
    return "Cannot reach the approvals server at %s: %s.".formatted(address, Text.bare(problem));
  }

  static RefusalText requestFailed(String tool, String address, String reason, String message) {
    // A model can correct an invalid request; everything else is for the operator.
    String model =
        reason.equals("INVALID_REQUEST")
            ? "NOT RUN. The call to %s could not be approved%s."
                .formatted(tool, Text.quoted(message))
            : "NOT RUN. The approvals server rejected the request to call %s.".formatted(tool)
                + NO_DETOUR;
    return new RefusalText(
        model,
        "The server at %s rejected the request (%s)%s."
            .formatted(address, reason, Text.quoted(message)));
  }

  static RefusalText invalidArguments(String tool, Misfit misfit) {
    return notRun("The call to %s cannot be approved: ", tool, misfit.sentence());
  }

  static RefusalText invalidEdit(String tool, Misfit misfit) {
    return notRun(
        "A reviewer's edit does not fit the call to %s: ",
        tool, misfit.sentence() + " Ask for approval again.");
  }
}

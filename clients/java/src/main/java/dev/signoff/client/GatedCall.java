package dev.signoff.client;

import dev.signoff.v1.Approval;
import dev.signoff.v1.RequestApprovalRequest;

/** One gated call, from asking to reporting. */
final class GatedCall {
  private final Connection connection;
  private final CallSettings settings;
  private final Arguments asked;
  private final RequestApprovalRequest request;

  GatedCall(Connection connection, CallSettings settings, Arguments asked) throws Refusal {
    this.connection = connection;
    this.settings = settings;
    this.asked = asked;
    this.request = Requests.make(settings, asked);
  }

  /** Makes what the function takes, of the run that was approved. */
  interface Input<A> {
    A of(Run run) throws Refusal.InvalidArguments;
  }

  <A, R, E extends Exception> R make(Input<A> input, ToolFunction<A, R, E> function)
      throws E, Refusal, InterruptedException {
    Answers answers = new Answers(request);
    Approval approval = new Wait(connection, settings, request, answers).untilApproved();
    boolean edited = answers.isEdited(approval);
    Arguments approved = edited ? Arguments.received(approval.getArguments()) : asked;

    String claimId = new Claim(connection, settings, answers, approval).take();

    Report report = new Report(connection, settings, approval.getId(), claimId);
    R result;
    try {
      result = function.run(input.of(new Run(approval.getId(), approved.given(), edited)));
    } catch (Throwable e) {
      report.failed(e);
      throw e;
    }
    report.succeeded();
    return result;
  }
}

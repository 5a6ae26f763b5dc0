package dev.signoff.client;

import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ExecutionResult;
import dev.signoff.v1.ReportExecutionRequest;
import dev.signoff.v1.ReportExecutionResponse;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.UUID;

/**
 * Reports the outcome of a claimed call. A failure is logged, and changes nothing for the caller.
 *
 * <p>The function has run, and its effects stay. If an error of the report replaced its result, the
 * agent would take the call for failed, and might make it again: a second mail, a second payment.
 * So the function's result always stands.
 */
final class Report {
  private static final System.Logger LOG = System.getLogger("dev.signoff.client");
  private static final int MAX_MESSAGE_BYTES = 4096;

  private final Connection connection;
  private final CallSettings settings;
  private final Outage outage;
  private final ReportExecutionRequest.Builder request;

  Report(
      Connection connection,
      CallSettings settings,
      Outage outage,
      String approvalId,
      String claimId) {
    this.connection = connection;
    this.settings = settings;
    this.outage = outage;
    this.request =
        ReportExecutionRequest.newBuilder()
            .setApprovalId(approvalId)
            .setClaimId(claimId)
            .setRequestId(UUID.randomUUID().toString());
  }

  void succeeded() {
    request.setResult(ExecutionResult.EXECUTION_RESULT_SUCCEEDED);
    send(false);
  }

  void failed(Throwable error) {
    fail(Text.of(error));
    send(error instanceof InterruptedException);
  }

  /** Reports an unused claim. */
  void notRun(String why) throws InterruptedException {
    fail(why);
    make(GivingUp.LIMIT);
  }

  private void fail(String text) {
    request
        .setResult(ExecutionResult.EXECUTION_RESULT_FAILED)
        .setMessage(Text.cut(text, MAX_MESSAGE_BYTES));
  }

  /** Sends the report, and keeps the thread's interrupt flag. */
  private void send(boolean gaveUp) {
    boolean interrupted = Thread.interrupted();
    try {
      if (!gaveUp && !interrupted) {
        make(settings.patience);
        return;
      }
    } catch (InterruptedException e) {
      interrupted = !Context.current().isCancelled();
    }
    try {
      GivingUp.finish("reporting " + settings.toolName, () -> make(GivingUp.LIMIT));
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void make(Duration patience) throws InterruptedException {
    try {
      ReportExecutionRequest report = request.build();
      ReportExecutionResponse answer =
          new UnaryCall<>(connection, ApprovalServiceGrpc.getReportExecutionMethod(), report)
              .make(new Tries(connection, outage, patience));
      if (!Answers.isReported(report, answer)) {
        warn("the answer is about another claim or outcome", null);
      }
    } catch (StatusRuntimeException | Tries.OutOfPatience e) {
      warn("see the cause", e);
    }
  }

  private void warn(String why, Exception cause) {
    LOG.log(
        System.Logger.Level.WARNING,
        "Cannot report the outcome of the call to "
            + settings.toolName
            + " (approval "
            + request.getApprovalId()
            + "): "
            + why,
        cause);
  }
}

package dev.signoff.client;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.signoff.v1.Actor;
import dev.signoff.v1.Approval;
import dev.signoff.v1.ApprovalServiceGrpc;
import dev.signoff.v1.ApprovalStatus;
import dev.signoff.v1.ApprovalUpdate;
import dev.signoff.v1.CancelApprovalRequest;
import dev.signoff.v1.CancelApprovalResponse;
import dev.signoff.v1.Claim;
import dev.signoff.v1.ClaimExecutionRequest;
import dev.signoff.v1.ClaimExecutionResponse;
import dev.signoff.v1.Decision;
import dev.signoff.v1.Event;
import dev.signoff.v1.GetApprovalRequest;
import dev.signoff.v1.GetApprovalResponse;
import dev.signoff.v1.ReportExecutionRequest;
import dev.signoff.v1.ReportExecutionResponse;
import dev.signoff.v1.RequestApprovalRequest;
import dev.signoff.v1.RequestApprovalResponse;
import dev.signoff.v1.WatchApprovalRequest;
import dev.signoff.v1.WatchApprovalResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BiConsumer;

/**
 * A server that fails as a test wants it to, for faults that the real one cannot be made to have.
 */
final class FakeServer extends ApprovalServiceGrpc.ApprovalServiceImplBase
    implements AutoCloseable {
  /** Whose token the tests have. */
  static final Actor CALLER = Actor.newBuilder().setIssuer("local").setSubject("mail-bot").build();

  static final String ID = "0190a5f0-0000-7000-8000-000000000001";

  final BlockingQueue<RequestApprovalRequest> asked = new LinkedBlockingQueue<>();
  final BlockingQueue<WatchApprovalRequest> watched = new LinkedBlockingQueue<>();
  final BlockingQueue<ClaimExecutionRequest> claimed = new LinkedBlockingQueue<>();
  final BlockingQueue<ReportExecutionRequest> reported = new LinkedBlockingQueue<>();
  final BlockingQueue<CancelApprovalRequest> cancelled = new LinkedBlockingQueue<>();

  /** What each next call does; the last one stays. */
  final Script<RequestApprovalRequest, RequestApprovalResponse> onAsk = new Script<>();

  final Script<WatchApprovalRequest, WatchApprovalResponse> onWatch = new Script<>();
  final Script<ClaimExecutionRequest, ClaimExecutionResponse> onClaim = new Script<>();
  final Script<ReportExecutionRequest, ReportExecutionResponse> onReport = new Script<>();
  final Script<CancelApprovalRequest, CancelApprovalResponse> onCancel = new Script<>();
  private final Server server;
  private volatile Approval newest = Approval.getDefaultInstance();

  /** The digest that the approval has; that of what was asked for, unless it is set. */
  volatile String digest = "";

  static final class Script<Q, R> {
    private final BlockingQueue<BiConsumer<Q, StreamObserver<R>>> steps =
        new LinkedBlockingQueue<>();

    Script<Q, R> then(BiConsumer<Q, StreamObserver<R>> step) {
      steps.add(step);
      return this;
    }

    private synchronized void play(Q request, StreamObserver<R> answer) {
      BiConsumer<Q, StreamObserver<R>> step = steps.size() > 1 ? steps.remove() : steps.element();
      step.accept(request, answer);
    }
  }

  FakeServer() throws IOException {
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(this)
            .build()
            .start();
  }

  int port() {
    return server.getPort();
  }

  SignoffClient client(java.time.Duration deadline) {
    Options.Builder options =
        Options.builder().address("127.0.0.1:" + server.getPort()).deadline(deadline);
    return SignoffClient.connect(options.build(name -> null));
  }

  SignoffClient client() {
    return client(java.time.Duration.ofSeconds(30));
  }

  /** At revision 1 or, if it is decided, 2. */
  Approval.Builder approval(RequestApprovalRequest request, ApprovalStatus status) {
    String own = Canonical.digest(request.getToolName(), request.getArguments());
    Approval.Builder approval = approvalOf(request, status, digest.isEmpty() ? own : digest);
    if (Statuses.isTerminal(status)) {
      approval.setRevision(2);
      approval.getDecisionBuilder().setStatus(status).setDigest(approval.getDigest());
    }
    return approval;
  }

  private static Approval.Builder approvalOf(
      RequestApprovalRequest request, ApprovalStatus status, String digest) {
    return Approval.newBuilder()
        .setId(ID)
        .setRevision(1)
        .setStatus(status)
        .setRequestId(request.getRequestId())
        .setCaller(CALLER)
        .setToolName(request.getToolName())
        .setArguments(request.getArguments())
        .setDigest(digest);
  }

  RequestApprovalResponse update(Approval.Builder approval) {
    newest = approval.build();
    return RequestApprovalResponse.newBuilder()
        .setUpdate(ApprovalUpdate.newBuilder().setApproval(approval))
        .build();
  }

  /** Approves what is asked for. */
  void approve(RequestApprovalRequest request, StreamObserver<RequestApprovalResponse> stream) {
    stream.onNext(
        update(
            approval(request, ApprovalStatus.APPROVAL_STATUS_APPROVED)
                .setRevision(Math.max(newest.getRevision(), request.getAfterRevision()) + 1)));
    stream.onCompleted();
  }

  /** An update as WatchApproval sends it. */
  WatchApprovalResponse watchUpdate(Approval.Builder approval, Event... events) {
    newest = approval.build();
    return WatchApprovalResponse.newBuilder()
        .setUpdate(ApprovalUpdate.newBuilder().setApproval(approval).addAllEvents(List.of(events)))
        .build();
  }

  /** Grants a claim of the newest approval that was sent. */
  void grant(ClaimExecutionRequest request, StreamObserver<ClaimExecutionResponse> answer) {
    ClaimExecutionResponse.Builder granted =
        ClaimExecutionResponse.newBuilder().setClaimId("claim-1").setApproval(newest);
    granted.getApprovalBuilder().setRevision(newest.getRevision() + 1);
    granted.getApprovalBuilder().getClaimBuilder().setId("claim-1").setClaimedBy(CALLER);
    answer.onNext(granted.build());
    answer.onCompleted();
  }

  /** Approves what is asked for with arguments of a reviewer. */
  void approveEdited(
      RequestApprovalRequest request,
      Struct arguments,
      StreamObserver<RequestApprovalResponse> stream) {
    String edited = Canonical.digest(request.getToolName(), arguments);
    stream.onNext(
        update(
            approval(request, ApprovalStatus.APPROVAL_STATUS_APPROVED)
                .setRevision(2)
                .setArguments(arguments)
                .setDigest(edited)
                .setDecision(
                    Decision.newBuilder()
                        .setStatus(ApprovalStatus.APPROVAL_STATUS_APPROVED)
                        .setDigest(edited))));
    stream.onCompleted();
  }

  static void accept(
      ReportExecutionRequest request, StreamObserver<ReportExecutionResponse> answer) {
    ReportExecutionResponse.Builder taken = ReportExecutionResponse.newBuilder();
    taken.getApprovalBuilder().setId(request.getApprovalId());
    taken.getApprovalBuilder().getClaimBuilder().setId(request.getClaimId());
    taken.getApprovalBuilder().getClaimBuilder().getOutcomeBuilder().setResult(request.getResult());
    answer.onNext(taken.build());
    answer.onCompleted();
  }

  static void withdraw(
      CancelApprovalRequest request, StreamObserver<CancelApprovalResponse> answer) {
    answer.onNext(CancelApprovalResponse.getDefaultInstance());
    answer.onCompleted();
  }

  static StatusRuntimeException failure(Status.Code code, String message, Message... details) {
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage(message);
    for (Message detail : details) {
      status.addDetails(Any.pack(detail));
    }
    return StatusProto.toStatusRuntimeException(status.build());
  }

  static ErrorInfo reason(String reason) {
    return ErrorInfo.newBuilder().setDomain("signoff.v1").setReason(reason).build();
  }

  static RetryInfo retryAfter(java.time.Duration delay) {
    Duration message =
        Duration.newBuilder().setSeconds(delay.getSeconds()).setNanos(delay.getNano()).build();
    return RetryInfo.newBuilder().setRetryDelay(message).build();
  }

  @Override
  public void requestApproval(
      RequestApprovalRequest request, StreamObserver<RequestApprovalResponse> stream) {
    asked.add(request);
    onAsk.play(request, stream);
  }

  @Override
  public void watchApproval(
      WatchApprovalRequest request, StreamObserver<WatchApprovalResponse> stream) {
    watched.add(request);
    onWatch.play(request, stream);
  }

  @Override
  public void claimExecution(
      ClaimExecutionRequest request, StreamObserver<ClaimExecutionResponse> answer) {
    claimed.add(request);
    onClaim.play(request, answer);
  }

  @Override
  public void reportExecution(
      ReportExecutionRequest request, StreamObserver<ReportExecutionResponse> answer) {
    reported.add(request);
    onReport.play(request, answer);
  }

  @Override
  public void cancelApproval(
      CancelApprovalRequest request, StreamObserver<CancelApprovalResponse> answer) {
    cancelled.add(request);
    onCancel.play(request, answer);
  }

  @Override
  public void getApproval(GetApprovalRequest request, StreamObserver<GetApprovalResponse> answer) {
    Approval.Builder approval = Approval.newBuilder().setId(ID);
    if (!claimed.isEmpty()) {
      approval.setClaim(Claim.newBuilder().setId("claim-1"));
    }
    answer.onNext(GetApprovalResponse.newBuilder().setApproval(approval).build());
    answer.onCompleted();
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}

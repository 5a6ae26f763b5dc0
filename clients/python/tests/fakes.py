"""A server that misbehaves as it is told, for what cannot be had of a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from signoff._digest import digest
from signoff._statuses import is_terminal
from signoff._structs import from_struct
from signoff.v1.approval_pb2 import Actor, Approval, ApprovalStatus, Decision, ExecutionOutcome, Progress
from signoff.v1.approval_pb2 import Claim as ClaimMessage
from signoff.v1.approval_service_pb2 import (
    ApprovalUpdate,
    CancelApprovalRequest,
    CancelApprovalResponse,
    ClaimExecutionRequest,
    ClaimExecutionResponse,
    ListApprovalsRequest,
    ListApprovalsResponse,
    ReportExecutionRequest,
    ReportExecutionResponse,
    RequestApprovalRequest,
    RequestApprovalResponse,
    WatchApprovalRequest,
    WatchApprovalResponse,
)
from signoff.v1.approval_service_pb2_grpc import ApprovalServiceServicer, add_ApprovalServiceServicer_to_server

APPROVED = ApprovalStatus.APPROVAL_STATUS_APPROVED
PENDING = ApprovalStatus.APPROVAL_STATUS_PENDING

CALLER = Actor(issuer="local", subject="mail-bot")

Context = Any
Ask = Callable[[RequestApprovalRequest, Context], Iterable[RequestApprovalResponse]]
Watch = Callable[[WatchApprovalRequest, Context], Iterable[WatchApprovalResponse]]
Claim = Callable[[ClaimExecutionRequest, Context], ClaimExecutionResponse]
Report = Callable[[ReportExecutionRequest, Context], ReportExecutionResponse]
Cancel = Callable[[CancelApprovalRequest, Context], CancelApprovalResponse]


def update(
    request: RequestApprovalRequest, status: int, *, revision: int = 1, seconds: float = 60, **fields: Any
) -> RequestApprovalResponse:
    """An update of the request's approval, with a deadline in so many seconds."""
    approval = Approval(
        id="approval-1",
        revision=revision,
        status=status,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        request_id=request.request_id,
        caller=CALLER,
        tool_name=request.tool_name,
        arguments=request.arguments,
        digest=digest(request.tool_name, from_struct(request.arguments)),
        update_time=Timestamp(seconds=1_000_000),
        deadline=Timestamp(seconds=1_000_000 + int(seconds), nanos=round(seconds % 1 * 1e9)),
    )
    approval.MergeFrom(Approval(**fields))
    if is_terminal(status):
        approval.decision.MergeFrom(Decision(status=approval.status, digest=approval.digest))
    return RequestApprovalResponse(update=ApprovalUpdate(approval=approval))


def progress(seconds: float) -> RequestApprovalResponse:
    """A progress message with so much time left."""
    message = Progress(
        message="Waiting", remaining=_duration(seconds), approvals=1, quorum=2, reviewers=["group:legal"]
    )
    return RequestApprovalResponse(progress=message)


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


def fail(
    context: Context,
    code: grpc.StatusCode,
    message: str = "",
    *,
    own: str = "",
    metadata: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    others: Sequence[Message] = (),
) -> NoReturn:
    """Ends a call with an error: of the server itself if it is `own`, with that reason; `others` are details too."""
    details: list[Message] = []
    if own:
        details.append(ErrorInfo(reason=own, domain="signoff.v1", metadata=metadata))
    if retry_after is not None:
        details.append(RetryInfo(retry_delay=_duration(retry_after)))
    status = Status(code=code.value[0], message=message)
    for detail in [*details, *others]:
        status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)
    raise AssertionError("abort raises")


def approve(request: RequestApprovalRequest, _: Context) -> list[RequestApprovalResponse]:
    """Approves at once."""
    return [update(request, APPROVED, revision=request.after_revision + 1)]


class Fake(ApprovalServiceServicer):
    """Approves, grants and takes reports, unless told otherwise; `asks`, `claims` … are what it was sent.

    Of several behaviours for a call each is for one, and the last for all that follow.
    """

    def __init__(self) -> None:
        self.on_ask: list[Ask] = [approve]
        self.on_watch: list[Watch] = [self.hang]
        self.on_claim: list[Claim] = [self.grant]
        self.on_report: list[Report] = [self.take_report]
        self.on_cancel: list[Cancel] = [lambda _, __: CancelApprovalResponse()]
        self.asks: list[RequestApprovalRequest] = []
        self.watches: list[WatchApprovalRequest] = []
        self.claims: list[ClaimExecutionRequest] = []
        self.reports: list[ReportExecutionRequest] = []
        self.cancels: list[CancelApprovalRequest] = []
        self.lists: list[ListApprovalsRequest] = []
        self.listed: ListApprovalsResponse | None = None
        self.sent: dict[str, Approval] = {}
        """Approvals by their digest."""
        self.stopped = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(10))
        add_ApprovalServiceServicer_to_server(self, self._server)
        self.address = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self) -> Fake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.stop(0).wait()

    def grant(self, request: ClaimExecutionRequest, _: Context) -> ClaimExecutionResponse:
        """Grants a claim of the approval that was sent with this digest."""
        answer = ClaimExecutionResponse(approval=self.sent[request.digest], claim_id="claim-1")
        answer.approval.revision += 1
        answer.approval.claim.CopyFrom(ClaimMessage(id=answer.claim_id, claimed_by=CALLER))
        return answer

    def take_report(self, request: ReportExecutionRequest, _: Context) -> ReportExecutionResponse:
        """Takes a report."""
        claim = ClaimMessage(id=request.claim_id, outcome=ExecutionOutcome(result=request.result))
        return ReportExecutionResponse(approval=Approval(id=request.approval_id, claim=claim))

    def hang(self, _: Message, context: Context) -> Any:
        """Says nothing until the caller is gone."""
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait()
        raise ConnectionAbortedError

    def RequestApproval(  # noqa: N802
        self, request: RequestApprovalRequest, context: Context
    ) -> Iterator[RequestApprovalResponse]:
        self.asks.append(request)
        behaviour = self.on_ask.pop(0) if len(self.on_ask) > 1 else self.on_ask[0]
        for answer in behaviour(request, context):
            self.sent[answer.update.approval.digest] = answer.update.approval
            yield answer

    def WatchApproval(self, request: WatchApprovalRequest, context: Context) -> Iterator[WatchApprovalResponse]:  # noqa: N802
        self.watches.append(request)
        behaviour = self.on_watch.pop(0) if len(self.on_watch) > 1 else self.on_watch[0]
        for answer in behaviour(request, context):
            self.sent[answer.update.approval.digest] = answer.update.approval
            yield answer

    def ClaimExecution(self, request: ClaimExecutionRequest, context: Context) -> ClaimExecutionResponse:  # noqa: N802
        self.claims.append(request)
        behaviour = self.on_claim.pop(0) if len(self.on_claim) > 1 else self.on_claim[0]
        return behaviour(request, context)

    def ReportExecution(  # noqa: N802
        self, request: ReportExecutionRequest, context: Context
    ) -> ReportExecutionResponse:
        self.reports.append(request)
        behaviour = self.on_report.pop(0) if len(self.on_report) > 1 else self.on_report[0]
        return behaviour(request, context)

    def CancelApproval(self, request: CancelApprovalRequest, context: Context) -> CancelApprovalResponse:  # noqa: N802
        self.cancels.append(request)
        behaviour = self.on_cancel.pop(0) if len(self.on_cancel) > 1 else self.on_cancel[0]
        return behaviour(request, context)

    def ListApprovals(self, request: ListApprovalsRequest, context: Context) -> ListApprovalsResponse:  # noqa: N802
        self.lists.append(request)
        return self.listed or self.hang(request, context)


def fake_server() -> Fake:
    """A server whose other calls are UNIMPLEMENTED."""
    return Fake()  # type: ignore[abstract] # pyright: ignore[reportAbstractUsage]

"""The gate for blocking code: ask, wait, claim, run, report."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import grpc

from ._call import Call, Run
from ._failures import broken, failure_of
from ._permit import Permit, text_of
from ._request import request_for
from ._tries import Exhausted, HurriedTries, Tries
from ._wait import Wait, refusal_of, refused
from .refusals import DigestMismatch, Refusal
from .v1.approval_pb2 import Approval
from .v1.approval_pb2 import Progress as ProgressMessage
from .v1.approval_service_pb2 import (
    CancelApprovalRequest,
    ReportExecutionRequest,
    RequestApprovalRequest,
    RequestApprovalResponse,
)
from .v1.approval_service_pb2_grpc import ApprovalServiceStub

_T = TypeVar("_T")
_Request = TypeVar("_Request", contravariant=True)
_Answer = TypeVar("_Answer", covariant=True)

_log = logging.getLogger("signoff")


class _Method(Protocol[_Request, _Answer]):
    def __call__(self, request: _Request, timeout: float | None = None) -> _Answer: ...


class _Stream(Protocol):
    def __iter__(self) -> Iterator[RequestApprovalResponse]: ...
    def cancel(self) -> object: ...


class Gate:
    """One gated call. `_aio_gate.py` does the same, in the same order, for asyncio."""

    def __init__(self, stub: ApprovalServiceStub, deadline: float, call: Call) -> None:
        self._stub = stub
        self._deadline = deadline
        self._call = call
        self._request = request_for(call)
        self._wait = Wait(self._request, deadline)

    def run(self, function: Callable[[Run], _T]) -> _T:
        """Runs the function once it is approved; raises a Refusal if it is not to be run."""
        permit = self._claim(self._approved())
        try:
            result = function(permit.run)
        except BaseException as error:
            gave_up = not isinstance(error, Exception)
            self._report(permit.failed(text_of(error)), HurriedTries() if gave_up else Tries(self._call.patience))
            raise
        self._report(permit.succeeded(), Tries(self._call.patience))
        return result

    def _approved(self) -> Approval:
        approval = None
        try:
            while approval is None:
                approval = self._follow()
        except Refusal:
            raise
        except BaseException:
            if self._call.cancel_on_abandon:
                self._withdraw()
            raise
        refusal = refusal_of(approval, self._call.tool_name)
        if refusal:
            raise refusal
        return approval

    def _follow(self) -> Approval | None:
        """Follows one stream to the approval's end; if the stream ends before, rests and returns None."""
        stream = self._open(self._wait.begin(), None)
        cut = _Cut(stream)
        try:
            cut.after(self._wait.silent_for())
            for message in stream:
                cut.stop()
                if message.HasField("update"):
                    approval = self._wait.update(message.update)
                    if approval:
                        return approval
                elif message.HasField("progress"):
                    self._tell(message.progress)
                cut.after(self._wait.silent_for())
            rest = self._wait.rest(self._wait.ended())
        except grpc.RpcError as error:
            rest = self._wait.rest_after_cut() if cut.has_happened else self._wait.rest(failure_of(error))
        finally:
            cut.stop()
            stream.cancel()
        time.sleep(rest)
        return None

    def _open(self, request: RequestApprovalRequest, timeout: float | None) -> _Stream:
        try:
            return self._stub.RequestApproval(request, timeout=timeout)
        except ValueError as error:
            # The client was closed.
            raise refused(broken(error), self._call.tool_name, self._wait.approval_id) from error

    def _tell(self, message: ProgressMessage) -> None:
        progress = self._wait.progress(message)
        if self._call.on_progress is None:
            return
        try:
            self._call.on_progress(progress)
        except Exception:  # noqa: BLE001 - whatever it is, it says nothing about the approval
            _log.debug("on_progress of a call to %s failed", self._call.tool_name, exc_info=True)

    def _withdraw(self) -> None:
        tries = HurriedTries()
        try:
            approval_id = self._wait.approval_id or self._find(tries)
            request = CancelApprovalRequest(approval_id=approval_id, request_id=f"cancel:{uuid.uuid4()}")
            self._repeat(self._stub.CancelApproval, request, tries)
        except (Exhausted, Refusal, grpc.RpcError) as error:
            _log.warning("the request to call %s was not withdrawn: %s", self._call.tool_name, error)

    def _find(self, tries: Tries) -> str:
        """Asks once more, for the approval's id; empty if the server does not say it."""
        stream = self._open(self._wait.begin(), tries.timeout(self._deadline))
        try:
            return next((message.update.approval.id for message in stream if message.HasField("update")), "")
        finally:
            stream.cancel()

    def _claim(self, approval: Approval) -> Permit:
        permit = Permit(self._request, approval)
        try:
            permit.granted(self._repeat(self._stub.ClaimExecution, permit.claim, Tries(self._call.patience)))
        except Exhausted as exhausted:
            raise permit.refusal(exhausted.failure) from exhausted.failure.cause
        except DigestMismatch:
            self._report(permit.refused(), HurriedTries())
            raise
        except BaseException:
            self._return(permit)
            raise
        return permit

    def _return(self, permit: Permit) -> None:
        """Reports a claim that may have been granted; whether it was, the server says when it is claimed again."""
        tries = HurriedTries()
        try:
            answer = self._repeat(self._stub.ClaimExecution, permit.claim, tries)
        except Exhausted as exhausted:
            _log.info("the claim of a call to %s was given up: %s", self._call.tool_name, exhausted)
        else:
            self._report(permit.given_up(answer), tries)

    def _report(self, request: ReportExecutionRequest, tries: Tries) -> None:
        try:
            self._repeat(self._stub.ReportExecution, request, tries)
        except Exhausted as exhausted:
            _log.warning("the outcome of a call to %s was not reported: %s", self._call.tool_name, exhausted)
        except BaseException:
            if not isinstance(tries, HurriedTries):
                self._report(request, HurriedTries())
            raise

    def _repeat(self, method: _Method[_Request, _Answer], request: _Request, tries: Tries) -> _Answer:
        while True:
            try:
                return method(request, timeout=tries.timeout(self._deadline))
            except grpc.RpcError as error:
                failure = failure_of(error)
            except ValueError as error:
                # The client was closed.
                raise Exhausted(broken(error)) from error
            time.sleep(tries.rest(failure))


class _Cut:
    """Cancels a stream that says nothing for too long."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._timer: threading.Timer | None = None
        self.has_happened = False

    def after(self, seconds: float) -> None:
        """Cuts after so long, unless it is told anew before."""
        self.stop()
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Cuts no more."""
        if self._timer:
            self._timer.cancel()

    def _cut(self) -> None:
        self.has_happened = True
        self._stream.cancel()

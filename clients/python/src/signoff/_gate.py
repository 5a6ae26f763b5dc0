"""The gate for blocking code: ask, wait, claim, run, report."""

from __future__ import annotations

import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import grpc

from ._answers import is_reported
from ._call import Call, Run
from ._failures import broken, failure_of
from ._functions import end, is_coroutine_function
from ._permit import Permit, text_of
from ._request import request_for
from ._tries import Exhausted, HurriedTries, Tries
from ._wait import Wait, is_decided, refusal_of, refused, withdrawal
from .refusals import Refusal
from .v1.approval_pb2 import Approval
from .v1.approval_pb2 import Progress as ProgressMessage
from .v1.approval_service_pb2 import ReportExecutionRequest, RequestApprovalRequest, RequestApprovalResponse
from .v1.approval_service_pb2_grpc import ApprovalServiceStub

_T = TypeVar("_T")
_Request = TypeVar("_Request", contravariant=True)
_Answer = TypeVar("_Answer", covariant=True)

_SLEEP = 0.1
"""Seconds after which a caller who gives up is noticed at the latest."""

_log = logging.getLogger("signoff")


class _UnderWay(Protocol[_Answer]):
    """A call that was made, and may have been answered."""

    def result(self, timeout: float | None = None) -> _Answer: ...
    def cancel(self) -> object: ...


class _Method(Protocol[_Request, _Answer]):
    def future(self, request: _Request, timeout: float | None = None) -> _UnderWay[_Answer]: ...


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
        if is_coroutine_function(function):
            raise TypeError("coroutine functions need an AsyncClient")
        approval = self._approved()
        permit = Permit(self._request, self._wait.answers, approval)
        has_begun = False
        try:
            self._claim(permit)
            has_begun = True
            result = function(permit.run)
            if inspect.isawaitable(result):
                end(result)
                raise TypeError("the function returned an awaitable, which nobody awaits: it needs an AsyncClient")
        except BaseException as error:
            if permit.claim_id:
                self._report(permit.failed(text_of(error, has_begun)), self._tries(error))
            raise
        self._report(permit.succeeded(), Tries(self._call.patience))
        return result

    def _tries(self, error: BaseException) -> Tries:
        gave_up = not isinstance(error, Exception)
        return HurriedTries() if gave_up else Tries(self._call.patience)

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
        _sleep(rest)
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
            self._repeat(self._stub.CancelApproval, withdrawal(approval_id), tries)
        except Exhausted as exhausted:
            if not is_decided(exhausted.failure):
                _log.warning("the request to call %s was not withdrawn: %s", self._call.tool_name, exhausted)
        except Refusal as refusal:
            _log.warning("the request to call %s was not withdrawn: %s", self._call.tool_name, refusal)

    def _find(self, tries: Tries) -> str:
        """Asks again, for the approval's id."""
        while True:
            stream = self._open(self._wait.begin(), tries.timeout(self._deadline))
            try:
                for message in stream:
                    if message.HasField("update"):
                        self._wait.update(message.update)
                        return self._wait.approval_id or ""
                failure = broken(ConnectionError("the stream ended before it named the approval"))
            except grpc.RpcError as error:
                failure = failure_of(error)
            finally:
                stream.cancel()
            _sleep(tries.rest(failure))

    def _claim(self, permit: Permit) -> None:
        """Claims; what is granted to a caller that gives up is in the permit too."""
        tries = Tries(self._call.patience)
        try:
            answer = self._repeat(self._stub.ClaimExecution, permit.claim, tries, permit.keep)
        except Exhausted as exhausted:
            raise permit.refusal(exhausted.failure) from exhausted.failure.cause
        permit.check(answer)

    def _report(self, request: ReportExecutionRequest, tries: Tries) -> None:
        try:
            answer = self._repeat(self._stub.ReportExecution, request, tries)
            if not is_reported(request, answer):
                raise ValueError("the answer is about another claim or outcome")
        except Exception as error:  # noqa: BLE001 - none of them undoes what the function has done
            _log.warning("the outcome of a call to %s was not reported: %s", self._call.tool_name, error)
        except BaseException:
            if not isinstance(tries, HurriedTries):
                self._report(request, HurriedTries())
            raise

    def _repeat(
        self,
        method: _Method[_Request, _Answer],
        request: _Request,
        tries: Tries,
        keep: Callable[[_Answer], None] | None = None,
    ) -> _Answer:
        """Calls until it succeeds; raises Exhausted if it does not.

        A caller that gives up makes no other call; `keep` gets the answer to the one under way too, if it still comes.
        """
        while True:
            try:
                under_way = method.future(request, timeout=tries.timeout(self._deadline))
            except ValueError as error:
                # The client was closed.
                raise Exhausted(broken(error)) from error
            try:
                answer = under_way.result()
                if keep:
                    keep(answer)
                return answer
            except grpc.RpcError as error:
                failure = failure_of(error)
            except BaseException:
                with contextlib.suppress(grpc.RpcError, grpc.FutureTimeoutError):
                    if keep:
                        keep(under_way.result(HurriedTries.SECONDS))
                under_way.cancel()
                raise
            _sleep(tries.rest(failure))


def _sleep(seconds: float) -> None:
    # Short sleeps, as one that begins while a signal arrives does not end for it.
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLEEP))


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

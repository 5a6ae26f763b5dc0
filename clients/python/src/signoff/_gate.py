"""The gate for blocking code: ask, wait, claim, run, report."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import grpc

from ._answers import is_reported
from ._cancel_handle import CancelHandle
from ._decided import refusal_of
from ._failures import broken, failure_of, silence
from ._first_failure import FirstFailure
from ._handle import Handle
from ._options import Options
from ._permit import Permit, text_of
from ._request import Bind, Opening, Request, handle_of
from ._results import error_of, unfinished
from ._statuses import is_approved
from ._tries import Exhausted, HurriedTries, Tries
from ._wait import Sought, Wait, is_approved_meanwhile, is_decided, refused, withdrawal
from .refusals import Cancelled, Refusal, StillWaiting
from .v1.approval_pb2 import Approval
from .v1.approval_pb2 import Progress as ProgressMessage
from .v1.approval_service_pb2 import (
    ReportExecutionRequest,
    RequestApprovalResponse,
    WatchApprovalRequest,
    WatchApprovalResponse,
)
from .v1.approval_service_pb2_grpc import ApprovalServiceStub

_T = TypeVar("_T")
_Request = TypeVar("_Request", contravariant=True)
_Answer = TypeVar("_Answer", covariant=True)

_SLEEP = 0.1
"""Maximum seconds until the gate notices that its caller stopped waiting."""

_log = logging.getLogger("signoff")


class _UnderWay(Protocol[_Answer]):
    """A call under way, perhaps already answered."""

    def result(self, timeout: float | None = None) -> _Answer: ...
    def cancel(self) -> object: ...


class _Method(Protocol[_Request, _Answer]):
    def future(self, request: _Request, timeout: float | None = None) -> _UnderWay[_Answer]: ...


class _Stream(Protocol):
    def __iter__(self) -> Iterator[RequestApprovalResponse | WatchApprovalResponse]: ...
    def cancel(self) -> object: ...


class Gate:
    """One gated call. `_aio_gate.py` does the same, in the same order, for asyncio."""

    def __init__(self, stub: ApprovalServiceStub, options: Options, request: Request) -> None:
        self._stub = stub
        self._deadline = options.deadline
        self._request = request
        self._tool_name = request.tool_name
        self._waiting = request.waiting
        self._wait = Wait(request, self._deadline)
        self._first_failure = FirstFailure(options, request.tool_name)
        self._handle = self._waiting.get("cancel_handle") or CancelHandle()

    def ask(self) -> Handle:
        """Asks, and returns as soon as the server has recorded the request."""
        self._begin()
        return handle_of(self._request, self._seen(self._wait.first))

    def wait(self) -> Permit:
        """Waits until it is approved; raises a Refusal if it must not run. Claims nothing."""
        self._begin()
        approval = self._seen(self._wait.decided)
        refusal = refusal_of(approval, self._tool_name)
        if refusal:
            raise refusal
        return Permit(self._request, self._wait.answers, approval)

    def run(self, bind: Bind[_T]) -> _T:
        """Runs the function once it is approved; raises a Refusal if it must not run."""
        # The order makes the gate safe. Waiting grants nothing, so a caller may stop there at no cost. The claim is the
        # approval's only permission to run, so it comes last before the function: an edit that does not fit is found
        # before it, and leaves the approval unclaimed. The report comes last. If the process dies before it, the
        # approval shows a claim without an outcome, and no other runner gets the call: it runs at most once.
        self._request.check(bind)
        permit = self.wait()
        function = permit.bound(bind)
        error: BaseException | None = None
        has_begun = False
        try:
            self._claim(permit)
            self._go_on()
            has_begun = True
            result = function()
            error = _ended(result)
        except BaseException as raised:
            if permit.claim_id:
                self._report(permit.failed(text_of(raised, has_begun)), self._tries(raised))
            if isinstance(raised, _GaveUp):
                raise self._still_waiting() from None
            raise
        # A failed future is still the function's result.
        report = permit.failed(text_of(error, has_begun)) if error else permit.succeeded()
        self._report(report, self._tries(error))
        return result

    def _go_on(self) -> None:
        """Raises _GaveUp when the handle was cancelled."""
        if self._handle.is_cancelled:
            raise _GaveUp

    def _tries(self, error: BaseException | None) -> Tries:
        gave_up = self._handle.is_cancelled or not (error is None or isinstance(error, Exception))
        return HurriedTries() if gave_up else Tries(self._request.patience)

    def _still_waiting(self) -> StillWaiting:
        return StillWaiting(
            tool_name=self._tool_name, approval_id=self._wait.approval_id, approved=self._wait.is_approved
        )

    def _begin(self) -> None:
        if self._handle.is_cancelled:
            if self._request.approval_id:
                raise self._still_waiting()
            # Nothing was asked.
            raise Cancelled(tool_name=self._tool_name)

    def _seen(self, sought: Sought) -> Approval:
        """Waits for the approval that `sought` accepts."""
        approval = None
        try:
            while approval is None:
                approval = self._follow(sought)
            if is_approved(approval.status):
                self._go_on()
        except Refusal:
            raise
        except BaseException as error:
            is_withdrawn = bool(self._waiting.get("cancel_on_abandon")) and self._withdraw()
            if not isinstance(error, _GaveUp):
                raise
            if is_withdrawn:
                raise Cancelled(tool_name=self._tool_name, approval_id=self._wait.approval_id) from None
            raise self._still_waiting() from None
        return approval

    def _follow(self, sought: Sought) -> Approval | None:
        """Follows one stream until `sought` accepts an approval; if the stream ends first, waits and returns None."""
        self._go_on()
        stream = self._open(self._wait.begin(), None)
        cut = _Cut(stream)
        try:
            with self._handle.waking(stream.cancel):
                cut.after(self._wait.silent_for())
                for message in stream:
                    cut.stop()
                    if message.HasField("update"):
                        approval = sought(message.update)
                        if approval:
                            return approval
                    elif message.HasField("progress"):
                        self._tell(message.progress)
                    cut.after(self._wait.silent_for())
            failure = self._wait.ended()
        except grpc.RpcError as error:
            failure = silence() if cut.has_happened else failure_of(error)
        finally:
            cut.stop()
            stream.cancel()
        self._go_on()
        self._sleep(self._wait.rest(self._first_failure.explained(failure, self._wait)))
        return None

    def _open(self, opening: Opening, timeout: float | None) -> _Stream:
        try:
            if isinstance(opening, WatchApprovalRequest):
                return self._stub.WatchApproval(opening, timeout=timeout)
            return self._stub.RequestApproval(opening, timeout=timeout)
        except ValueError as error:
            # The client was closed.
            raise refused(broken(error), self._request, self._wait.approval_id) from error

    def _tell(self, message: ProgressMessage) -> None:
        progress = self._wait.progress(message)
        on_progress = self._waiting.get("on_progress")
        if on_progress is None:
            return
        try:
            on_progress(progress)
        except Exception:  # noqa: BLE001 - an error of the listener does not affect the approval
            _log.debug("on_progress of a call to %s failed", self._tool_name, exc_info=True)

    def _withdraw(self) -> bool:
        """Withdraws the request, also after the handle was cancelled; returns whether it is withdrawn."""
        self._handle = CancelHandle()
        tries = HurriedTries()
        try:
            approval_id = self._wait.approval_id or self._find(tries)
            self._repeat(self._stub.CancelApproval, withdrawal(approval_id), tries)
        except Exhausted as exhausted:
            self._wait.is_approved |= is_approved_meanwhile(exhausted.failure)
            if not is_decided(exhausted.failure):
                _log.warning("Cannot withdraw the request to call %s: %s", self._tool_name, exhausted)
            return False
        except Refusal as refusal:
            problem = refusal.developer_text
            _log.warning("Cannot withdraw the request to call %s: %s", self._tool_name, problem)
            return False
        return True

    def _find(self, tries: Tries) -> str:
        """Asks again, for the approval's id."""
        while True:
            stream = self._open(self._wait.begin(), tries.timeout(self._deadline))
            try:
                for message in stream:
                    if message.HasField("update"):
                        self._wait.first(message.update)
                        return self._wait.approval_id or ""
                failure = broken(ConnectionError("the stream ended before it named the approval"))
            except grpc.RpcError as error:
                failure = failure_of(error)
            finally:
                stream.cancel()
            self._sleep(tries.rest(failure))

    def _claim(self, permit: Permit) -> None:
        """Claims; the permit keeps a claim that is granted after the caller stopped waiting."""
        tries = Tries(self._request.patience)
        try:
            answer = self._repeat(self._stub.ClaimExecution, permit.claim, tries, permit.keep)
        except Exhausted as exhausted:
            raise permit.refusal(exhausted.failure) from exhausted.failure.cause
        permit.check(answer)

    def _report(self, request: ReportExecutionRequest, tries: Tries) -> None:
        """Reports the outcome. A failure is logged, and changes nothing for the caller."""
        # The function has run, and its effects stay. If an error of the report replaced its result, the agent would
        # take the call for failed, and might make it again: a second mail, a second payment.
        try:
            answer = self._repeat(self._stub.ReportExecution, request, tries)
            if not is_reported(request, answer):
                raise ValueError("the answer is about another claim or outcome")
        except Exception as error:  # noqa: BLE001 - the function's result stands
            _log.warning("Cannot report the outcome of the call to %s: %s", self._tool_name, error)
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
        """Calls until it succeeds; raises Exhausted after the last try.

        After the caller stopped waiting there is no further try, but `keep` still gets the answer to the one under way.
        Only claims have a `keep`, and only they are stopped by the handle.
        """
        while True:
            if keep:
                self._go_on()
            try:
                under_way = method.future(request, timeout=tries.timeout(self._deadline))
            except ValueError as error:
                # The client was closed.
                raise Exhausted(broken(error)) from error
            try:
                if keep is None:
                    return under_way.result()
                answer = self._answer(under_way) if self._waiting.get("cancel_handle") else under_way.result()
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
            if keep:
                self._first_failure.warn(failure, tries.left())
            self._sleep(tries.rest(failure))

    def _answer(self, under_way: _UnderWay[_Answer]) -> _Answer:
        """The answer to the call; raises _GaveUp if the handle is cancelled first."""
        while not self._handle.is_cancelled:
            with contextlib.suppress(grpc.FutureTimeoutError):
                return under_way.result(_SLEEP)
        raise _GaveUp

    def _sleep(self, seconds: float) -> None:
        """Sleeps; ends when the handle is cancelled."""
        # Short sleeps, because a signal that arrives as a sleep begins does not end it.
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._handle.is_cancelled:
            time.sleep(min(left, _SLEEP))


def _ended(result: object) -> BaseException | None:
    """Waits for the futures in a function's result, and returns their first error."""
    futures: list[concurrent.futures.Future[Any]] = []
    for future in unfinished(result):
        if not isinstance(future, concurrent.futures.Future):
            future.cancel()
            raise TypeError("the function returned an awaitable: use an AsyncClient")
        futures.append(future)
    return error_of(futures)


class _GaveUp(Exception):
    """The caller stopped waiting through its handle."""


class _Cut:
    """Cancels a silent stream."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._timer: threading.Timer | None = None
        self.has_happened = False

    def after(self, seconds: float) -> None:
        """Cuts after this time, unless called again before."""
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

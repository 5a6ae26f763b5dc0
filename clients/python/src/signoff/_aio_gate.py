"""The gate for asyncio: ask, wait, claim, run, report."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
from grpc.aio import UsageError

from ._aio_progress import Teller
from ._answers import is_reported
from ._decided import refusal_of
from ._failures import Failure, broken, failure_of, silence
from ._first_failure import FirstFailure
from ._handle import Handle
from ._options import Options
from ._permit import Permit, text_of
from ._request import Bind, Opening, Request, handle_of
from ._results import error_of, unfinished
from ._tries import Exhausted, HurriedTries, Tries
from ._wait import Sought, Wait, is_decided, refused, withdrawal
from .refusals import Refusal
from .v1.approval_pb2 import Approval
from .v1.approval_service_pb2 import (
    ReportExecutionRequest,
    RequestApprovalRequest,
    RequestApprovalResponse,
    WatchApprovalRequest,
    WatchApprovalResponse,
)

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

    from .v1.approval_service_pb2_grpc import ApprovalServiceAsyncStub

    _Message = RequestApprovalResponse | WatchApprovalResponse
    _Stream = (
        UnaryStreamCall[RequestApprovalRequest, RequestApprovalResponse]
        | UnaryStreamCall[WatchApprovalRequest, WatchApprovalResponse]
    )

_T = TypeVar("_T")
_Request = TypeVar("_Request", contravariant=True)
_Answer = TypeVar("_Answer", covariant=True)

_log = logging.getLogger("signoff")


class _Method(Protocol[_Request, _Answer]):
    def __call__(self, request: _Request, *, timeout: float | None = None) -> Awaitable[_Answer]: ...


class AsyncGate:
    """One gated call. `_gate.py` does the same, in the same order, for blocking code."""

    def __init__(self, stub: ApprovalServiceAsyncStub, options: Options, request: Request) -> None:
        if request.waiting.get("cancel_handle"):
            raise TypeError("cancel_handle is for a Client: cancel the task to stop a call of an AsyncClient")
        self._stub = stub
        self._deadline = options.deadline
        self._request = request
        self._tool_name = request.tool_name
        self._wait = Wait(request, self._deadline)
        self._first_failure = FirstFailure(options, request.tool_name)
        self._teller = Teller(request.tool_name, request.waiting.get("on_progress"))

    async def ask(self) -> Handle:
        """Asks, and returns as soon as the server has recorded the request."""
        return handle_of(self._request, await self._seen(self._wait.first))

    async def wait(self) -> Permit:
        """Waits until it is approved; raises a Refusal if it is not to be run. Claims nothing."""
        approval = await self._seen(self._wait.decided)
        refusal = refusal_of(approval, self._tool_name)
        if refusal:
            raise refusal
        return Permit(self._request, self._wait.answers, approval)

    async def run(self, bind: Bind[Awaitable[_T]]) -> _T:
        """Runs the function once it is approved; raises a Refusal if it is not to be run."""
        self._request.check(bind)
        permit = await self.wait()
        function = permit.bound(bind)
        cancellations = _cancellations()
        has_begun = False
        try:
            await self._claim(permit)
            has_begun = True
            result: _T
            result, error = await _ended(function())
        except GeneratorExit:
            # The loop is gone: nothing can be awaited. Here and below.
            raise
        except BaseException as raised:
            if permit.claim_id:
                gave_up = not isinstance(raised, Exception) or _cancellations() > cancellations
                await self._report(permit.failed(text_of(raised, has_begun)), self._tries(gave_up))
            raise
        # A future that failed is the function's result all the same.
        report = permit.failed(text_of(error, has_begun)) if error else permit.succeeded()
        # A function can end as if it had not been cancelled. Its caller waits no longer for that.
        await self._report(report, self._tries(_cancellations() > cancellations))
        return result

    def _tries(self, gave_up: bool) -> Tries:
        return HurriedTries() if gave_up else Tries(self._request.patience)

    async def _seen(self, sought: Sought) -> Approval:
        """The approval, once it is what is sought."""
        approval = None
        try:
            while approval is None:
                approval = await self._follow(sought)
        except (GeneratorExit, Refusal):
            raise
        except BaseException:
            if self._request.waiting.get("cancel_on_abandon"):
                await self._withdraw()
            raise
        finally:
            self._teller.stop()
        return approval

    async def _follow(self, sought: Sought) -> Approval | None:
        """Follows one stream to what is sought; if the stream ends before, rests and returns None."""
        stream = self._open(self._wait.begin(), None)
        try:
            while (message := await _read(stream, self._wait.silent_for())) is not None:
                if message.HasField("update"):
                    approval = sought(message.update)
                    if approval:
                        return approval
                elif message.HasField("progress"):
                    self._teller.tell(self._wait.progress(message.progress))
            failure = self._wait.ended()
        except _Silence:
            failure = silence()
        except grpc.RpcError as error:
            failure = failure_of(error)
        finally:
            stream.cancel()
        await asyncio.sleep(self._wait.rest(await self._explained(failure)))
        return None

    async def _explained(self, failure: Failure) -> Failure:
        if self._first_failure.must_look(failure, self._wait):
            return await asyncio.to_thread(self._first_failure.explained, failure, self._wait)
        return self._first_failure.explained(failure, self._wait)

    def _open(self, opening: Opening, timeout: float | None) -> _Stream:
        try:
            if isinstance(opening, WatchApprovalRequest):
                return self._stub.WatchApproval(opening, timeout=timeout)
            return self._stub.RequestApproval(opening, timeout=timeout)
        except UsageError as error:
            # The client was closed.
            raise refused(broken(error), self._request, self._wait.approval_id) from error

    async def _withdraw(self) -> None:
        tries = HurriedTries()
        try:
            approval_id = self._wait.approval_id or await self._find(tries)
            await self._repeat(self._stub.CancelApproval, withdrawal(approval_id), tries)
        except Exhausted as exhausted:
            if not is_decided(exhausted.failure):
                _log.warning("Cannot withdraw the request to call %s: %s", self._tool_name, exhausted)
        except Refusal as refusal:
            problem = refusal.developer_text
            _log.warning("Cannot withdraw the request to call %s: %s", self._tool_name, problem)

    async def _find(self, tries: Tries) -> str:
        """Asks again, for the approval's id."""
        while True:
            stream = self._open(self._wait.begin(), None)
            try:
                while (message := await _read(stream, tries.timeout(self._deadline))) is not None:
                    if message.HasField("update"):
                        self._wait.first(message.update)
                        return self._wait.approval_id or ""
                failure = broken(ConnectionError("the stream ended before it named the approval"))
            except _Silence:
                failure = silence()
            except grpc.RpcError as error:
                failure = failure_of(error)
            finally:
                stream.cancel()
            await asyncio.sleep(tries.rest(failure))

    async def _claim(self, permit: Permit) -> None:
        """Claims; the permit keeps a claim that is granted after the caller stopped waiting."""
        tries = Tries(self._request.patience)
        try:
            answer = await self._repeat(self._stub.ClaimExecution, permit.claim, tries, permit.keep)
        except Exhausted as exhausted:
            raise permit.refusal(exhausted.failure) from exhausted.failure.cause
        permit.check(answer)

    async def _report(self, request: ReportExecutionRequest, tries: Tries) -> None:
        try:
            answer = await self._repeat(self._stub.ReportExecution, request, tries)
            if not is_reported(request, answer):
                raise ValueError("the answer is about another claim or outcome")
        except Exception as error:  # noqa: BLE001 - none of them undoes what the function has done
            _log.warning("Cannot report the outcome of the call to %s: %s", self._tool_name, error)
        except GeneratorExit:
            raise
        except BaseException:
            if not isinstance(tries, HurriedTries):
                await self._report(request, HurriedTries())
            raise

    async def _repeat(
        self,
        method: _Method[_Request, _Answer],
        request: _Request,
        tries: Tries,
        keep: Callable[[_Answer], None] | None = None,
    ) -> _Answer:
        """Calls until it succeeds; raises Exhausted if it does not.

        After the caller stopped waiting there is no further try, but `keep` still gets the answer to the one under way.
        """
        while True:
            try:
                under_way = asyncio.ensure_future(method(request, timeout=tries.timeout(self._deadline)))
            except UsageError as error:
                raise Exhausted(broken(error)) from error
            try:
                await asyncio.wait({under_way})
            except asyncio.CancelledError:
                if keep:
                    await asyncio.wait({under_way}, timeout=HurriedTries.SECONDS)
                    if under_way.done() and not under_way.cancelled() and not under_way.exception():
                        keep(under_way.result())
                raise
            finally:
                under_way.cancel()
            if under_way.cancelled():
                # Not by the caller: the client was closed.
                raise Exhausted(broken(ConnectionError("the client was closed")))
            try:
                answer = under_way.result()
            except grpc.RpcError as error:
                failure = failure_of(error)
            except UsageError as error:
                raise Exhausted(broken(error)) from error
            else:
                if keep:
                    keep(answer)
                return answer
            if keep:
                self._first_failure.warn(failure, tries.left())
            await asyncio.sleep(tries.rest(failure))


async def _ended(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """The function's result, when all work that it holds has ended, and the first error of that."""
    result: Any = await awaitable
    # A future is a result; any other awaitable is work that has not begun.
    while inspect.isawaitable(result) and not isinstance(result, asyncio.Future):
        result = await result
    futures = unfinished(result)
    waits = [asyncio.wrap_future(future) for future in futures]
    if waits:
        await asyncio.wait(waits)
        # Which asyncio would log as never looked at.
        error_of(list(waits))
    return result, error_of(futures)


def _cancellations() -> int:
    """The number of cancellations of the task; unknown before Python 3.11."""
    task = asyncio.current_task()
    counted: Callable[[], int] | None = getattr(task, "cancelling", None)
    return counted() if counted else 0


class _Silence(Exception):
    """A stream said nothing for too long."""


async def _read(stream: _Stream, seconds: float) -> _Message | None:
    """The stream's next message; None at its end."""
    # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the message.
    reading = asyncio.ensure_future(stream.read())
    try:
        done, _ = await asyncio.wait({reading}, timeout=seconds)
    finally:
        reading.cancel()
    if not done:
        raise _Silence
    # Reading ends as if cancelled when the client was closed.
    message = None if reading.cancelled() else reading.result()
    return message if isinstance(message, (RequestApprovalResponse, WatchApprovalResponse)) else None

"""The gate for asyncio: ask, wait, claim, run, report."""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
from grpc.aio import UsageError

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

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

    from .v1.approval_service_pb2_grpc import ApprovalServiceAsyncStub

    _Stream = UnaryStreamCall[RequestApprovalRequest, RequestApprovalResponse]

_T = TypeVar("_T")
_Request = TypeVar("_Request", contravariant=True)
_Answer = TypeVar("_Answer", covariant=True)

_log = logging.getLogger("signoff")


class _Method(Protocol[_Request, _Answer]):
    def __call__(self, request: _Request, *, timeout: float | None = None) -> Awaitable[_Answer]: ...


class AsyncGate:
    """One gated call. `_gate.py` does the same, in the same order, for blocking code."""

    def __init__(self, stub: ApprovalServiceAsyncStub, deadline: float, call: Call) -> None:
        self._stub = stub
        self._deadline = deadline
        self._call = call
        self._request = request_for(call)
        self._wait = Wait(self._request, deadline)

    async def run(self, function: Callable[[Run], Awaitable[_T]]) -> _T:
        """Runs the function once it is approved; raises a Refusal if it is not to be run."""
        permit = await self._claim(await self._approved())
        try:
            result = await function(permit.run)
        except GeneratorExit:
            # The loop is gone: nothing can be awaited. Here and below.
            raise
        except BaseException as error:
            gave_up = not isinstance(error, Exception)
            await self._report(permit.failed(text_of(error)), HurriedTries() if gave_up else Tries(self._call.patience))
            raise
        await self._report(permit.succeeded(), Tries(self._call.patience))
        return result

    async def _approved(self) -> Approval:
        approval = None
        try:
            while approval is None:
                approval = await self._follow()
        except (GeneratorExit, Refusal):
            raise
        except BaseException:
            if self._call.cancel_on_abandon:
                await self._withdraw()
            raise
        refusal = refusal_of(approval, self._call.tool_name)
        if refusal:
            raise refusal
        return approval

    async def _follow(self) -> Approval | None:
        """Follows one stream to the approval's end; if the stream ends before, rests and returns None."""
        stream = self._open(self._wait.begin(), None)
        try:
            while (message := await _read(stream, self._wait.silent_for())) is not None:
                if message.HasField("update"):
                    approval = self._wait.update(message.update)
                    if approval:
                        return approval
                elif message.HasField("progress"):
                    await self._tell(message.progress)
            rest = self._wait.rest(self._wait.ended())
        except _Silence:
            rest = self._wait.rest_after_cut()
        except grpc.RpcError as error:
            rest = self._wait.rest(failure_of(error))
        finally:
            stream.cancel()
        await asyncio.sleep(rest)
        return None

    def _open(self, request: RequestApprovalRequest, timeout: float | None) -> _Stream:
        try:
            return self._stub.RequestApproval(request, timeout=timeout)
        except UsageError as error:
            # The client was closed.
            raise refused(broken(error), self._call.tool_name, self._wait.approval_id) from error

    async def _tell(self, message: ProgressMessage) -> None:
        progress = self._wait.progress(message)
        if self._call.on_progress is None:
            return
        try:
            told = self._call.on_progress(progress)
            if inspect.isawaitable(told):
                await told
        except Exception:  # noqa: BLE001 - whatever it is, it says nothing about the approval
            _log.debug("on_progress of a call to %s failed", self._call.tool_name, exc_info=True)

    async def _withdraw(self) -> None:
        tries = HurriedTries()
        try:
            approval_id = self._wait.approval_id or await self._find(tries)
            request = CancelApprovalRequest(approval_id=approval_id, request_id=f"cancel:{uuid.uuid4()}")
            await self._repeat(self._stub.CancelApproval, request, tries)
        except (Exhausted, Refusal, grpc.RpcError) as error:
            _log.warning("the request to call %s was not withdrawn: %s", self._call.tool_name, error)

    async def _find(self, tries: Tries) -> str:
        """Asks once more, for the approval's id; empty if the server does not say it."""
        stream = self._open(self._wait.begin(), tries.timeout(self._deadline))
        try:
            async for message in stream:
                if message.HasField("update"):
                    return message.update.approval.id
            return ""
        finally:
            stream.cancel()

    async def _claim(self, approval: Approval) -> Permit:
        permit = Permit(self._request, approval)
        try:
            permit.granted(await self._repeat(self._stub.ClaimExecution, permit.claim, Tries(self._call.patience)))
        except Exhausted as exhausted:
            raise permit.refusal(exhausted.failure) from exhausted.failure.cause
        except DigestMismatch:
            await self._report(permit.refused(), HurriedTries())
            raise
        except GeneratorExit:
            raise
        except BaseException:
            await self._return(permit)
            raise
        return permit

    async def _return(self, permit: Permit) -> None:
        """Reports a claim that may have been granted; whether it was, the server says when it is claimed again."""
        tries = HurriedTries()
        try:
            answer = await self._repeat(self._stub.ClaimExecution, permit.claim, tries)
        except Exhausted as exhausted:
            _log.info("the claim of a call to %s was given up: %s", self._call.tool_name, exhausted)
        else:
            await self._report(permit.given_up(answer), tries)

    async def _report(self, request: ReportExecutionRequest, tries: Tries) -> None:
        try:
            await self._repeat(self._stub.ReportExecution, request, tries)
        except Exhausted as exhausted:
            _log.warning("the outcome of a call to %s was not reported: %s", self._call.tool_name, exhausted)
        except GeneratorExit:
            raise
        except BaseException:
            if not isinstance(tries, HurriedTries):
                await self._report(request, HurriedTries())
            raise

    async def _repeat(self, method: _Method[_Request, _Answer], request: _Request, tries: Tries) -> _Answer:
        while True:
            try:
                return await method(request, timeout=tries.timeout(self._deadline))
            except grpc.RpcError as error:
                failure = failure_of(error)
            except UsageError as error:
                # The client was closed.
                raise Exhausted(broken(error)) from error
            await asyncio.sleep(tries.rest(failure))


class _Silence(Exception):
    """A stream said nothing for too long."""


async def _read(stream: _Stream, seconds: float) -> RequestApprovalResponse | None:
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
    return message if isinstance(message, RequestApprovalResponse) else None

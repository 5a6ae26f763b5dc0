"""What a failed gRPC call means: whether the same call may succeed later, and why it did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

_DOMAIN = "signoff.v1"
_DETAILS = "grpc-status-details-bin"

# What a broken connection, or a proxy before the server, comes out as.
_BROKEN = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


@dataclass(frozen=True)
class Failure:
    """A failure of one call."""

    cause: BaseException
    code: grpc.StatusCode
    message: str
    reason: str = ""
    """Of its ErrorInfo; empty without one."""
    is_servers_own: bool = False
    """Whether Signoff itself says it, not something on the way."""
    retry_after: float | None = None
    """Seconds that its RetryInfo names; None without one."""

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed later."""
        if self.code is grpc.StatusCode.UNAVAILABLE or self.retry_after is not None:
            return True
        return not self.is_servers_own and self.code in _BROKEN


def failure_of(error: grpc.RpcError) -> Failure:
    """Reads what a stub has raised."""
    # Whatever stubs raise has the outcome of a call too; the type does not say so.
    outcome = cast("grpc.Call", error)
    info, retry = _details(outcome)
    return Failure(
        cause=error,
        code=outcome.code(),
        message=outcome.details() or "",
        reason=info.reason,
        is_servers_own=info.domain == _DOMAIN,
        retry_after=None if retry is None else max(0.0, retry.retry_delay.ToTimedelta().total_seconds()),
    )


def _details(outcome: grpc.Call) -> tuple[ErrorInfo, RetryInfo | None]:
    info, retry, status = ErrorInfo(), RetryInfo(), Status()
    has_retry = False
    try:
        for key, value in outcome.trailing_metadata() or ():
            if key == _DETAILS and isinstance(value, bytes):
                status.ParseFromString(value)
        for detail in status.details:
            detail.Unpack(info)
            has_retry = detail.Unpack(retry) or has_retry
    except DecodeError:
        # Details that nobody can read are none.
        return ErrorInfo(), None
    return info, retry if has_retry else None


def broken(cause: Exception) -> Failure:
    """A failure of the connection that gRPC has no error for."""
    return Failure(cause, grpc.StatusCode.UNAVAILABLE, str(cause))

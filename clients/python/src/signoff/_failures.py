"""What a failed gRPC call means: whether the same call may succeed later, and why it did not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

_DOMAIN = "signoff.v1"
_DETAILS = "grpc-status-details-bin"
_LONGEST = 30 * 86_400.0
"""Seconds; longer than any wait that a server allows."""

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


# Such as `UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: connect: Connection refused (111)`.
_NOISE = re.compile(r"^[A-Z_]+: (?:ipv[46]:\S+: )?(?:Failed to connect to remote host: )?(?:[a-z]+: ?)?| \(\d+\)$|\.$")
_UNRESOLVED = re.compile(r"errors resolving (\S+): \[.*: *([^:\]]*)\]")


@dataclass(frozen=True)
class Failure:
    """A failure of one call."""

    cause: BaseException
    code: grpc.StatusCode
    message: str
    reason: str = ""
    """Of Signoff's ErrorInfo; empty without one."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of Signoff's ErrorInfo."""
    is_servers_own: bool = False
    """Whether Signoff itself says it, not something on the way."""
    retry_after: float | None = None
    """Seconds that its RetryInfo names; None without one."""
    misconfiguration: str = ""
    """Why the server cannot be at this address, which no retry can fix; empty if it may be."""

    @property
    def problem(self) -> str:
        """What is wrong, in the words of docs/clients.md or of the system."""
        return self.misconfiguration or _cause(self.message) or self.code.name

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed later."""
        if self.misconfiguration:
            return False
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
        reason=info.reason if info else "",
        metadata=dict(info.metadata) if info else {},
        is_servers_own=info is not None,
        retry_after=_seconds(retry) if retry else None,
    )


def _seconds(retry: RetryInfo) -> float:
    delay: Duration = retry.retry_delay
    return min(max(0.0, delay.seconds + delay.nanos / 1e9), _LONGEST)


def _details(outcome: grpc.Call) -> tuple[ErrorInfo | None, RetryInfo | None]:
    """Signoff's own ErrorInfo, and any RetryInfo. Unreadable details are ignored."""
    own: ErrorInfo | None = None
    retry: RetryInfo | None = None
    for detail in _status(outcome).details:
        # Each into a message of its own: a proxy may have added others.
        one_info, one_retry = ErrorInfo(), RetryInfo()
        with suppress(DecodeError):
            if detail.Unpack(one_info) and one_info.domain == _DOMAIN:
                own = one_info
            elif detail.Unpack(one_retry):
                retry = one_retry
    return own, retry


def _status(outcome: grpc.Call) -> Status:
    status = Status()
    with suppress(DecodeError):
        for key, value in outcome.trailing_metadata() or ():
            if key == _DETAILS and isinstance(value, bytes):
                status.ParseFromString(value)
    return status


def _cause(message: str) -> str:
    """The last error of gRPC's texts, which list each step on the way to it and each address that was tried."""
    last = _NOISE.sub("", message.rpartition("last error: ")[2])
    last = _UNRESOLVED.sub(r"cannot resolve \1: \2", last)
    # `Connection refused`, but not `HTTP`.
    return last[:1].lower() + last[1:] if last[1:2].islower() else last


def silence() -> Failure:
    """A stream that was cut because it said nothing for too long."""
    return broken(TimeoutError("the server sent nothing in time"))


def broken(cause: Exception) -> Failure:
    """A failure of the connection that gRPC has no error for."""
    return Failure(cause, grpc.StatusCode.UNAVAILABLE, str(cause))

"""The client for blocking code."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar, cast

import grpc

from ._call import Call, Run
from ._channel import Authorized, arguments, credentials, target
from ._gate import Gate
from ._options import DEFAULT_DEADLINE, StrPath, resolve
from .v1.access_service_pb2_grpc import AccessServiceStub
from .v1.approval_service_pb2_grpc import ApprovalServiceStub
from .v1.policy_service_pb2_grpc import PolicyServiceStub

_T = TypeVar("_T")


class Client:
    """A connection to a Signoff server, for blocking code. Threads may share it; it connects when it is first used.

    Options that are not given are taken from the environment, where an empty variable counts as unset.

    address: `http://HOST:PORT` or `https://HOST:PORT`; else `SIGNOFF_ADDRESS`, else `http://127.0.0.1:7766`.
    token: bearer token; else `SIGNOFF_TOKEN`. An empty one is none.
    ca: PEM file with the authorities of the server's certificate, in place of the system's; else `SIGNOFF_CA`.
    certificate, key: PEM files that the client shows of itself; else `SIGNOFF_CERTIFICATE` and `SIGNOFF_KEY`.
    insecure: send the token without TLS to another machine; else what `SIGNOFF_INSECURE` says:
        `true` or `1`, `false` or `0`.
    deadline: seconds that unary calls may take.

    Raises ValueError for options and files that cannot be used, and OSError for files that cannot be read.
    """

    approvals: ApprovalServiceStub
    """All calls of ApprovalService, which raise grpc.RpcError."""
    policies: PolicyServiceStub
    """All calls of PolicyService."""
    access: AccessServiceStub
    """All calls of AccessService."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        ca: StrPath | None = None,
        certificate: StrPath | None = None,
        key: StrPath | None = None,
        insecure: bool | None = None,
        deadline: float = DEFAULT_DEADLINE,
    ) -> None:
        self._options = resolve(
            address, token=token, ca=ca, certificate=certificate, key=key, insecure=insecure, deadline=deadline
        )
        made_with = arguments(self._options)
        if self._options.is_tls:
            self._channel = grpc.secure_channel(target(self._options), credentials(self._options), made_with)
        else:
            self._channel = grpc.insecure_channel(target(self._options), made_with)
        # It has what stubs use of a channel.
        authorized = cast("grpc.Channel", Authorized(self._channel, self._options))
        self.approvals = ApprovalServiceStub(authorized)
        self.policies = PolicyServiceStub(authorized)
        self.access = AccessServiceStub(authorized)

    def run(self, call: Call, function: Callable[[Run], _T]) -> _T:
        """Asks for approval, waits, and runs the function once with what was approved.

        Returns the function's result, and raises its own error unchanged, also the Refusal of a gated call that it
        makes itself; raises a Refusal when it is not run. Whatever is raised while it waits, such as KeyboardInterrupt,
        gives the call up, and is passed on. Raises TypeError for coroutine functions, and for functions that return an
        awaitable, which would run later; the latter are reported as failed.
        """
        return Gate(self.approvals, self._options.deadline, call).run(function)

    def close(self) -> None:
        """Closes the connection; what waits on it is Unavailable."""
        self._channel.close()

    def __enter__(self) -> Client:
        """Itself; the connection is closed on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.close()

    def __repr__(self) -> str:
        """The address; never the token."""
        return f"Client({self._options.address!r})"

"""Client of Signoff, an approvals server for AI agents.

A gated function runs only after an approval, once, with exactly the approved arguments.

`requires_approval` wraps a function; `Client.run` and `AsyncClient.run` run one for a Call. If it does not run, they
raise a Refusal. `Client.approvals`, `policies`, `access` and `admin` have all calls of the API, with the messages of
`signoff.v1`.
"""

from ._aio_client import AsyncClient
from ._call import Call, Run
from ._call_options import CallOptions, Person, Progress
from ._cancel_handle import CancelHandle
from ._client import Client
from ._decorator import call_options, requires_approval
from ._gated import AsyncGated, Gated
from ._handle import Handle
from .refusals import (
    AlreadyClaimed,
    AutoRejected,
    Cancelled,
    ClaimWindowClosed,
    DigestMismatch,
    Frozen,
    InvalidAnswer,
    InvalidArguments,
    InvalidEdit,
    Refusal,
    Rejected,
    RequestFailed,
    Revoked,
    StillWaiting,
    TimedOut,
    Unavailable,
    UnknownStatus,
)

__all__ = [
    "AlreadyClaimed",
    "AsyncClient",
    "AsyncGated",
    "AutoRejected",
    "Call",
    "CallOptions",
    "CancelHandle",
    "Cancelled",
    "ClaimWindowClosed",
    "Client",
    "DigestMismatch",
    "Frozen",
    "Gated",
    "Handle",
    "InvalidAnswer",
    "InvalidArguments",
    "InvalidEdit",
    "Person",
    "Progress",
    "Refusal",
    "Rejected",
    "RequestFailed",
    "Revoked",
    "Run",
    "StillWaiting",
    "TimedOut",
    "Unavailable",
    "UnknownStatus",
    "call_options",
    "requires_approval",
]

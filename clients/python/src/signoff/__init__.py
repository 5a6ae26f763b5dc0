"""Client of Signoff, an approvals server for AI agents.

A gated function runs only with a yes, once, with exactly the arguments that were approved.

`requires_approval` wraps a function; `Client.run` and `AsyncClient.run` run one for a Call. What keeps it from running
is a Refusal. `Client.approvals`, `policies` and `access` have all calls of the API, with the messages of `signoff.v1`.
"""

from ._aio_client import AsyncClient
from ._call import Call, CallOptions, Person, Progress, Run
from ._client import Client
from ._decorator import call_options, requires_approval
from .refusals import (
    AlreadyClaimed,
    AutoRejected,
    Cancelled,
    ClaimWindowClosed,
    DigestMismatch,
    InvalidAnswer,
    InvalidArguments,
    Refusal,
    Rejected,
    RequestFailed,
    TimedOut,
    Unavailable,
    UnknownStatus,
)

__all__ = [
    "AlreadyClaimed",
    "AsyncClient",
    "AutoRejected",
    "Call",
    "CallOptions",
    "Cancelled",
    "ClaimWindowClosed",
    "Client",
    "DigestMismatch",
    "InvalidAnswer",
    "InvalidArguments",
    "Person",
    "Progress",
    "Refusal",
    "Rejected",
    "RequestFailed",
    "Run",
    "TimedOut",
    "Unavailable",
    "UnknownStatus",
    "call_options",
    "requires_approval",
]

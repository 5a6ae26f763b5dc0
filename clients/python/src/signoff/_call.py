"""What is asked for, and what a function that may run is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict


@dataclass(frozen=True)
class Person:
    """A human being, as an authority knows them.

    subject: the person's name there.
    issuer: the authority; empty for the issuer of the server's own tokens.
    """

    subject: str
    issuer: str = ""


@dataclass(frozen=True)
class Progress:
    """How a wait stands; the server sends it every now and then.

    approval_id: the approval.
    message: one sentence to show to a user.
    remaining: seconds until nobody can approve it any more.
    approvals: approving votes so far.
    quorum: approving votes needed.
    reviewers: who was asked; empty for any reviewer.
    """

    approval_id: str
    message: str
    remaining: float
    approvals: int
    quorum: int
    reviewers: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """The permission to run a call once.

    approval_id: the approval.
    arguments: what to run with: those that were asked for or, if a reviewer edited them, the edited ones.
    edited: whether a reviewer edited them.
    """

    approval_id: str
    arguments: dict[str, Any]
    edited: bool


class CallOptions(TypedDict, total=False):
    """What can be said of a call besides its tool and arguments: see Call, which has the same names."""

    agent_name: str | None
    run_id: str | None
    chain: Sequence[str]
    reason: str | None
    labels: Mapping[str, str]
    timeout: float | None
    arguments_schema: dict[str, Any] | None
    on_behalf_of: Person | None
    request_id: str | None
    call_id: str | None
    patience: float
    on_progress: Callable[[Progress], object] | None
    cancel_on_abandon: bool


@dataclass(frozen=True)
class Call:
    """A call to be approved.

    tool_name: the tool; at most 128 of `A-Z a-z 0-9 _ . : / -`.
    arguments: a JSON object of Python's own types: None, bool, int, float, str, list and dict. At most 48 KiB.
    agent_name: the agent that makes the call.
    run_id: the run (conversation, job) that it belongs to.
    chain: the agents that handed the task on, the first one first.
    reason: why, for reviewers; at most 4 KiB.
    labels: for the policy's rules, and to find the approval again.
    timeout: seconds to wait for a decision, 1 s to 7 days; None for the server's default, 5 min unless it is set.
    arguments_schema: JSON Schema that the arguments, and any edit of them, must satisfy.
    on_behalf_of: the person for whom the agent asks, who then cannot decide.
    request_id: names this request; asking with it again finds the same approval.
    call_id: names the call within `run_id`, from which a stable request_id is made. Needs `run_id`.
    patience: seconds to go on trying while the server cannot be reached.
    on_progress: told how the wait stands. What it raises is ignored. An AsyncClient awaits what it returns, if it can,
        beside the wait: one after the other, and not beyond the wait's end.
    cancel_on_abandon: whether to withdraw the request when the caller gives up waiting.
    """

    tool_name: str
    arguments: dict[str, Any]
    agent_name: str | None = field(default=None, kw_only=True)
    run_id: str | None = field(default=None, kw_only=True)
    chain: Sequence[str] = field(default=(), kw_only=True)
    reason: str | None = field(default=None, kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)
    arguments_schema: dict[str, Any] | None = field(default=None, kw_only=True)
    on_behalf_of: Person | None = field(default=None, kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    call_id: str | None = field(default=None, kw_only=True)
    patience: float = field(default=30.0, kw_only=True)
    on_progress: Callable[[Progress], object] | None = field(default=None, kw_only=True)
    cancel_on_abandon: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Raises ValueError for a call_id without a run_id, and for a patience that is not a positive time.

        Raises TypeError for a chain that is one string, which is a sequence of strings as well.
        """
        if isinstance(self.chain, str):
            raise TypeError("chain is a list of names")
        if self.call_id and not self.run_id:
            raise ValueError("call_id needs run_id: by itself it does not name a call")
        if not (self.patience > 0 and math.isfinite(self.patience)):
            raise ValueError("patience is a positive number of seconds")

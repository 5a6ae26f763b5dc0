"""A call to be approved, and an approved run of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ._call_options import DEFAULT_PATIENCE, Person, Progress, Seconds, check_name, check_options
from ._cancel_handle import CancelHandle


@dataclass(frozen=True)
class Run:
    """The permission to run a call once.

    approval_id: the approval.
    arguments: the approved arguments: the asked ones or, if a reviewer edited them, the edited ones. They are rebuilt
        from their canonical JSON: whole numbers are int, -0.0 is 0, keys are in canonical order.
    edited: whether a reviewer edited them.
    """

    approval_id: str
    arguments: dict[str, Any]
    edited: bool


@dataclass(frozen=True)
class Call:
    """A call to be approved.

    tool_name: the tool; at most 128 of `A-Z a-z 0-9 _ . : / -`.
    arguments: a JSON object of Python's own types: None, bool, int, float, str, list and dict. At most 48 KiB.
    agent_name: the agent that makes the call.
    run_id: the run (conversation, job) that it belongs to.
    chain: the agents that handed the task on, in order.
    reason: why, for reviewers; at most 4 KiB.
    labels: for the policy's rules, and to find the approval again.
    timeout: seconds, or a timedelta, to wait for a decision, 1 s to 7 days; None for the server's default, 5 min unless
        it is set.
    arguments_schema: JSON Schema that the arguments, and any edit of them, must satisfy. Unless set, it is derived from
        the types of a decorated function.
    derive_schema: whether to derive it.
    on_behalf_of: the person for whom the agent asks, who then cannot decide.
    request_id: names this request; asking with it again finds the same approval.
    call_id: names the call within `run_id`, from which a stable request_id is made. Needs `run_id`.
    patience: seconds, or a timedelta, of retries while the server is unreachable.
    on_progress: called with each progress of the wait. Its exceptions are ignored. An AsyncClient awaits an awaitable
        result beside the wait, one after the other, until the end of the wait.
    cancel_on_abandon: whether to withdraw the request when the caller stops waiting.
    cancel_handle: stops the wait from another thread. For a Client; with an AsyncClient, cancel the task.

    Raises TypeError or ValueError, with the option's name, for invalid options.
    """

    tool_name: str
    arguments: dict[str, Any]
    agent_name: str | None = field(default=None, kw_only=True)
    run_id: str | None = field(default=None, kw_only=True)
    chain: Sequence[str] = field(default=(), kw_only=True)
    reason: str | None = field(default=None, kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    timeout: Seconds | None = field(default=None, kw_only=True)
    arguments_schema: dict[str, Any] | None = field(default=None, kw_only=True)
    derive_schema: bool = field(default=True, kw_only=True)
    on_behalf_of: Person | None = field(default=None, kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    call_id: str | None = field(default=None, kw_only=True)
    patience: Seconds = field(default=DEFAULT_PATIENCE, kw_only=True)
    on_progress: Callable[[Progress], object] | None = field(default=None, kw_only=True)
    cancel_on_abandon: bool = field(default=False, kw_only=True)
    cancel_handle: CancelHandle | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Checks the options, and requires a run_id with a call_id."""
        check_name("tool_name", self.tool_name, optional=False)
        check_options({each.name: getattr(self, each.name) for each in fields(self) if each.kw_only})
        if self.call_id and not self.run_id:
            raise ValueError("call_id needs run_id: alone it does not identify a call")

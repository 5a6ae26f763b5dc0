"""The options of a call, and their checks: an invalid one is an error of use that names the option."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict, cast

from ._cancel_handle import CancelHandle

Seconds = float | timedelta


@dataclass(frozen=True)
class Person:
    """A human being, as known to an authority.

    subject: the person's name there.
    issuer: the authority; empty for the issuer of the server's own tokens.
    """

    subject: str
    issuer: str = ""


@dataclass(frozen=True)
class Progress:
    """The progress of a wait, which the server sends regularly.

    approval_id: the approval.
    message: one sentence to show to a user.
    remaining: seconds until the deadline.
    approvals: approving votes so far.
    quorum: approving votes needed.
    reviewers: the reviewers who were asked; empty for any reviewer.
    """

    approval_id: str
    message: str
    remaining: float
    approvals: int
    quorum: int
    reviewers: tuple[str, ...]


DEFAULT_PATIENCE = 30.0
"""Seconds."""


class WaitOptions(TypedDict, total=False):
    """The options of a wait: see Call, which has the same names."""

    patience: Seconds
    on_progress: Callable[[Progress], object] | None
    cancel_on_abandon: bool
    cancel_handle: CancelHandle | None


class CallOptions(TypedDict, total=False):
    """The options of a call, besides its tool and arguments: see Call, which has the same names."""

    agent_name: str | None
    run_id: str | None
    chain: Sequence[str]
    reason: str | None
    labels: Mapping[str, str]
    timeout: Seconds | None
    arguments_schema: dict[str, Any] | None
    derive_schema: bool
    on_behalf_of: Person | None
    request_id: str | None
    call_id: str | None
    patience: Seconds
    on_progress: Callable[[Progress], object] | None
    cancel_on_abandon: bool
    cancel_handle: CancelHandle | None


WAIT_NAMES: Sequence[str] = tuple(WaitOptions.__annotations__)
"""The names of the options of a wait."""

NAMES: Sequence[str] = tuple(CallOptions.__annotations__)
"""The names of all options."""


def check_options(options: Mapping[str, Any]) -> None:
    """Raises TypeError or ValueError, with the option's name, for invalid options."""
    for name, value in options.items():
        check = _CHECKS.get(name)
        if check is None:
            raise TypeError(f"unknown option {name!r}; allowed are {', '.join(NAMES)}")
        check(name, value)


def check_wait_options(options: Mapping[str, Any]) -> None:
    """As `check_options`, for those of a wait."""
    for name in options:
        if name not in WAIT_NAMES:
            raise TypeError(f"unknown option {name!r}; allowed are {', '.join(WAIT_NAMES)}")
    check_options(options)


def check_name(name: str, value: object, *, optional: bool = True) -> None:
    """Raises TypeError for a value that is not text."""
    if not (isinstance(value, str) or (optional and value is None)):
        raise TypeError(f"{name} must be text, not {value!r}")


def check_names(name: str, value: object) -> None:
    """Raises TypeError for a value that is not a sequence of texts, and for a single text."""
    is_sequence = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    if not is_sequence or not all(isinstance(item, str) for item in cast("Sequence[object]", value)):
        raise TypeError(f"{name} must be a list of texts, not {value!r}")


def check_time(name: str, value: object) -> None:
    """Raises TypeError or ValueError for a value that is not a positive, finite time."""
    if isinstance(value, bool) or not isinstance(value, (int, float, timedelta)):
        raise TypeError(f"{name} must be seconds or a timedelta, not {value!r}")
    try:
        number = seconds(value)
    except OverflowError:
        number = math.inf
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{name} must be positive and finite, not {value!r}")


def seconds(time: Seconds) -> float:
    """A checked time, in seconds."""
    return time.total_seconds() if isinstance(time, timedelta) else float(time)


def check_flag(name: str, value: object) -> None:
    """Raises TypeError for a value that is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")


def _labels(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must map texts to texts, not be {value!r}")
    for key, item in cast("Mapping[object, object]", value).items():
        if not isinstance(key, str) or not isinstance(item, str):
            raise TypeError(f"{name} must map texts to texts, not {key!r} to {item!r}")


def _optional(check: Callable[[str, object], None]) -> Callable[[str, object], None]:
    def check_if_given(name: str, value: object) -> None:
        if value is not None:
            check(name, value)

    return check_if_given


def _is_a(kind: type, what: str) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be {what}, not {value!r}")

    return _optional(check)


def _callable(name: str, value: object) -> None:
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {value!r}")


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "agent_name": check_name,
    "run_id": check_name,
    "chain": check_names,
    "reason": check_name,
    "labels": _labels,
    "timeout": _optional(check_time),
    "arguments_schema": _is_a(dict, "a JSON Schema, as a dict"),
    "derive_schema": check_flag,
    "on_behalf_of": _is_a(Person, "a Person"),
    "request_id": check_name,
    "call_id": check_name,
    "patience": check_time,
    "on_progress": _optional(_callable),
    "cancel_on_abandon": check_flag,
    "cancel_handle": _is_a(CancelHandle, "a CancelHandle"),
}

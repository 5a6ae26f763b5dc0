"""Which failures pass, how long it rests after each, and when it stops."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from signoff._failures import Failure, broken
from signoff._tries import Exhausted, HurriedTries, Tries

BROKEN = "CANCELLED UNKNOWN INTERNAL ABORTED OUT_OF_RANGE DATA_LOSS DEADLINE_EXCEEDED RESOURCE_EXHAUSTED".split()  # noqa: SIM905


def failure(code: str, **fields: Any) -> Failure:
    return Failure(ConnectionError(), grpc.StatusCode[code], "", **fields)


@pytest.mark.parametrize("code", [code.name for code in grpc.StatusCode])
def test_passing(code: str) -> None:
    assert failure(code).is_passing == (code in BROKEN or code == "UNAVAILABLE")
    assert failure(code, is_servers_own=True).is_passing == (code == "UNAVAILABLE")
    assert failure(code, is_servers_own=True, retry_after=0.0).is_passing


def test_rests_grow_to_a_limit() -> None:
    tries = Tries(1e6)
    rests = [tries.rest(broken(ConnectionError())) for _ in range(20)]
    for rest, most in zip(rests, [0.25, 0.5, 1, 2, 4, 8, *[10] * 14], strict=True):
        assert most / 2 <= rest <= most
    assert len(set(rests)) == 20
    tries.succeeded()
    assert tries.rest(broken(ConnectionError())) <= 0.25


def test_what_the_server_asks_for_is_waited_out() -> None:
    tries = Tries(1e6)
    for _ in range(20):
        assert 20 <= tries.rest(failure("UNAVAILABLE", retry_after=20.0)) <= 30


def test_the_rest_that_the_end_cuts_short_is_the_last() -> None:
    tries = Tries(10)
    assert 0 < tries.rest(failure("UNAVAILABLE", retry_after=20.0)) <= 10
    with pytest.raises(Exhausted):
        tries.rest(broken(ConnectionError()))


def test_a_new_end_is_a_new_beginning() -> None:
    tries = Tries(0)
    assert tries.rest(broken(ConnectionError())) == 0
    tries.end_in(100)
    assert tries.rest(broken(ConnectionError())) > 0


def test_no_time_left_is_no_new_beginning() -> None:
    tries = Tries(0)
    tries.rest(broken(ConnectionError()))
    tries.end_in(0)
    with pytest.raises(Exhausted):
        tries.rest(broken(ConnectionError()))


def test_the_last_try_ends_soon_after_the_end() -> None:
    tries = Tries(1)
    assert tries.timeout(0.1) == 0.1
    assert 1 < tries.timeout(30) <= 6
    tries.end_in(-4)
    assert 0 < tries.timeout(30) <= 1
    tries.end_in(-6)
    assert tries.timeout(30) == 0


def test_hurried_tries_end_in_time() -> None:
    tries = HurriedTries()
    assert tries.timeout(30) <= 5
    assert tries.timeout(0.1) == 0.1
    with pytest.raises(Exhausted):
        tries.rest(failure("UNAVAILABLE", retry_after=20.0))
    tries.end_in(-1)
    assert tries.timeout(30) == 0

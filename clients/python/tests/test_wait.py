"""What statuses mean, each by itself."""

from __future__ import annotations

from typing import Any

import pytest

import signoff
from conformance import vectors
from signoff._statuses import is_approved, is_terminal
from signoff._wait import refusal_of
from signoff.v1.approval_pb2 import Approval


@pytest.mark.parametrize("status", vectors("statuses")["statuses"], ids=lambda status: status["name"])
def test_known(status: dict[str, Any]) -> None:
    number = status["number"]
    assert is_terminal(number) == status["terminal"]
    assert is_approved(number) == status["approved"]
    assert (refusal_of(Approval(status=number), "t") is None) == status["approved"]


@pytest.mark.parametrize("number", vectors("statuses")["unknown"])
def test_unknown(number: Any) -> None:
    assert not is_terminal(number)
    assert not is_approved(number)
    assert isinstance(refusal_of(Approval(status=number), "t"), signoff.UnknownStatus)

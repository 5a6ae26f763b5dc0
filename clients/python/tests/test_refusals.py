"""The exceptions, and their texts."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import grpc
import pytest

import signoff
from conformance import vectors

REST: dict[str, dict[str, Any]] = {
    "Rejected": {"decided_by": "dev/reviewer"},
    "AutoRejected": {"rule": "forbidden"},
    "RequestFailed": {"code": grpc.StatusCode.INVALID_ARGUMENT},
}


def made_of(case: dict[str, Any]) -> signoff.Refusal:
    kind: type[signoff.Refusal] = getattr(signoff, case["kind"])
    fields: dict[str, Any] = {"approval_id": "approval-1", **REST.get(case["kind"], {}), **case["fields"]}
    return kind(**fields)


@pytest.mark.parametrize("case", vectors("refusals")["refusals"])
def test_text(case: dict[str, Any]) -> None:
    refusal = made_of(case)
    assert str(refusal) == case["text"]
    assert refusal.kind == case["kind"]
    assert refusal.approval_id == "approval-1"
    for name, value in case["fields"].items():
        assert getattr(refusal, name) == value


def test_every_kind_has_a_text() -> None:
    kinds = {kind.__name__ for kind in signoff.Refusal.__subclasses__()}
    assert {case["kind"] for case in vectors("refusals")["refusals"]} == kinds


@pytest.mark.parametrize("case", vectors("refusals")["refusals"])
def test_copies(case: dict[str, Any]) -> None:
    refusal = made_of(case)
    for other in (copy.copy(refusal), pickle.loads(pickle.dumps(refusal))):
        assert type(other) is type(refusal)
        assert str(other) == case["text"]
        assert vars(other) == vars(refusal)

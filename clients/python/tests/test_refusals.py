"""The exceptions, and their texts."""

from __future__ import annotations

import copy
import pickle
import traceback
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
    fields: dict[str, Any] = {**REST.get(case["kind"], {}), **fields_of(case)}
    return kind(**fields)


def fields_of(case: dict[str, Any]) -> dict[str, Any]:
    """The fields, all texts in the list, in Python's types."""
    return {name: value == "true" if name == "approved" else value for name, value in case["fields"].items()}


@pytest.mark.parametrize("case", vectors("refusals")["refusals"])
def test_text(case: dict[str, Any]) -> None:
    refusal = made_of(case)
    assert str(refusal) == case["text"]
    assert refusal.kind == case["kind"]
    assert refusal.developer_text == case["developer_text"]
    assert refusal.approval_id == case["fields"].get("approval_id")
    notes: list[str] = getattr(refusal, "__notes__", [])
    expected = [case["developer_text"]] if case["developer_text"] != case["text"] else []
    assert notes == (expected if hasattr(BaseException, "add_note") else [])
    for name, value in fields_of(case).items():
        assert getattr(refusal, name) == value


def kinds_of(kind: type[signoff.Refusal]) -> set[str]:
    """All classes of refusals, however deep."""
    return {kind.__name__ for kind in kind.__subclasses__()}.union(*(kinds_of(each) for each in kind.__subclasses__()))


def test_every_kind_has_a_text() -> None:
    kinds = kinds_of(signoff.Refusal)
    assert {case["kind"] for case in vectors("refusals")["refusals"]} == kinds
    assert kinds <= set(signoff.__all__)


def test_tracebacks_show_what_is_for_people() -> None:
    refusal = signoff.Unavailable(tool_name="t", address="http://127.0.0.1:1", problem="connection refused")
    shown = "".join(traceback.format_exception(refusal))
    assert ("http://127.0.0.1:1" in shown) == (hasattr(BaseException, "add_note"))
    assert "http" not in str(refusal)


@pytest.mark.parametrize("case", vectors("refusals")["refusals"])
def test_copies(case: dict[str, Any]) -> None:
    refusal = made_of(case)
    for other in (copy.copy(refusal), pickle.loads(pickle.dumps(refusal))):
        assert type(other) is type(refusal)
        assert str(other) == case["text"]
        assert vars(other) == vars(refusal)

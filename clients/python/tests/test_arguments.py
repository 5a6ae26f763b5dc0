"""What can be approved, and how it is sent, hashed and read back."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import Enum
from hashlib import sha256
from typing import Any

import pytest

from conformance import vectors
from signoff._arguments import Unfit, checked
from signoff._digest import digest, stable_request_id
from signoff._structs import from_struct, to_struct


@pytest.mark.parametrize("case", vectors("arguments")["refused"], ids=lambda case: case["name"])
def test_refused(case: dict[str, str]) -> None:
    with pytest.raises(Unfit) as unfit:
        checked(json.loads(case["arguments"]))
    assert unfit.value.path == case["path"]


@pytest.mark.parametrize("case", vectors("arguments")["taken"], ids=lambda case: case["name"])
def test_taken(case: dict[str, str]) -> None:
    arguments = json.loads(case["arguments"])
    assert checked(arguments) == arguments


class Color(str, Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("arguments", "path", "problem"),
    [
        ({"a": float("nan")}, "a", "is not a finite number"),
        ({"a": (1, 2)}, "a", "is not JSON, but a tuple"),
        ({"a": b"bytes"}, "a", "is not JSON, but a bytes"),
        ({"a": [Color.RED]}, "a[0]", "is not JSON, but a Color"),
        ({"a": OrderedDict[str, int]()}, "a", "is not JSON, but a OrderedDict"),
        ({"a": {1: 2}}, "a", "has a name that is not a string"),
        (None, "", "is not a JSON object"),
    ],
)
def test_not_json(arguments: Any, path: str, problem: str) -> None:
    with pytest.raises(Unfit) as unfit:
        checked(arguments)
    assert (unfit.value.path, unfit.value.problem) == (path, problem)


def test_refers_to_itself() -> None:
    arguments: dict[str, Any] = {}
    arguments["a"] = arguments
    with pytest.raises(Unfit):
        checked(arguments)


def test_is_a_copy() -> None:
    arguments = {"a": [{"b": 1}]}
    copy = checked(arguments)
    arguments["a"][0]["b"] = 2
    assert copy == {"a": [{"b": 1}]}


@pytest.mark.parametrize("case", vectors("digests")["digests"], ids=lambda case: case["name"])
def test_digest(case: dict[str, Any]) -> None:
    assert digest(case["tool_name"], checked(case["arguments"])) == case["digest"]


@pytest.mark.parametrize("case", vectors("digests")["digests"], ids=lambda case: case["name"])
def test_digest_after_the_wire(case: dict[str, Any]) -> None:
    assert digest(case["tool_name"], from_struct(to_struct(case["arguments"]))) == case["digest"]


def test_structs() -> None:
    text = '{"a": null, "b": true, "c": -3, "d": 0.5, "e": "x", "f": [[], {}], "g": {"h": []}}'
    assert json.dumps(from_struct(to_struct(json.loads(text))), sort_keys=True) == text


def test_whole_numbers_are_integers_where_all_are_exact() -> None:
    read = from_struct(to_struct({"most": 2.0**53 - 1, "more": 2.0**53, "least": -(2.0**53 - 1), "zero": -0.0}))
    assert [type(read[name]) for name in ("most", "more", "least", "zero")] == [int, float, int, int]


def test_stable_request_id() -> None:
    expected = sha256(b'["run-1","call-1"]').hexdigest()
    assert stable_request_id("run-1", "call-1") == f"call:{expected}"

"""Calls, and the requests that are made of them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import grpc
import pytest

import signoff
from signoff._request import request_for
from signoff.v1.approval_service_pb2 import RequestApprovalRequest


def call(**options: Any) -> signoff.Call:
    return signoff.Call("send_email", {"to": "alice"}, **options)


def sent(**options: Any) -> RequestApprovalRequest:
    return request_for(call(**options), "http://127.0.0.1:7766").opening  # type: ignore[return-value] # pyright: ignore


def test_everything_is_sent() -> None:
    message = sent(
        agent_name="billing-bot",
        run_id="run-1",
        chain=["planner"],
        reason="Welcome mail",
        labels={"team": "sales"},
        timeout=1.5,
        arguments_schema={"type": "object"},
        on_behalf_of=signoff.Person("alice", issuer="https://login.example.com"),
        request_id="request-1",
    )
    assert message.request_id == "request-1"
    assert message.tool_name == "send_email"
    assert dict(message.arguments) == {"to": "alice"}
    assert (message.agent.name, message.agent.run_id) == ("billing-bot", "run-1")
    assert list(message.agent.chain) == ["planner"]
    assert message.reason == "Welcome mail"
    assert dict(message.labels) == {"team": "sales"}
    assert message.timeout.ToTimedelta().total_seconds() == 1.5
    assert dict(message.arguments_schema) == {"type": "object"}
    assert (message.on_behalf_of.subject, message.on_behalf_of.issuer) == ("alice", "https://login.example.com")


def test_what_is_not_given_is_not_sent() -> None:
    message = sent()
    assert message.request_id
    assert {field.name for field, _ in message.ListFields()} == {"request_id", "tool_name", "arguments"}
    assert sent().request_id != message.request_id


def test_no_arguments_are_an_empty_object() -> None:
    assert request_for(signoff.Call("list_users", {}), "http://127.0.0.1:7766").opening.HasField("arguments")  # type: ignore[arg-type] # pyright: ignore


def test_ids_of_a_call_are_stable() -> None:
    one = sent(run_id="run-1", call_id="call-1").request_id
    assert one.startswith("call:")
    assert sent(run_id="run-1", call_id="call-1").request_id == one
    assert sent(run_id="run-1", call_id="call-2").request_id != one
    assert sent(run_id="run-1", call_id="call-1", request_id="mine").request_id == "mine"


def test_a_call_id_needs_a_run_id() -> None:
    with pytest.raises(ValueError, match="call_id needs run_id"):
        call(call_id="call-1")


WRONG: list[tuple[str, Any, type[Exception], str]] = [
    *[
        (name, value, ValueError, f"{name} must be positive and finite")
        for name in ("timeout", "patience")
        for value in (0, -1, 0.0, float("inf"), float("nan"), timedelta(0), timedelta(seconds=-1), 10**400)
    ],
    *[
        (name, value, TypeError, f"{name} must be seconds or a timedelta, not ")
        for name in ("timeout", "patience")
        for value in ("10s", "10", True, [10], b"10")
    ],
    ("patience", None, TypeError, "patience must be seconds"),
    ("labels", {"a": 1}, TypeError, "labels must map texts to texts, not 'a' to 1"),
    ("labels", {1: "a"}, TypeError, "labels must map texts to texts"),
    ("labels", ["a"], TypeError, "labels must map texts to texts"),
    ("labels", None, TypeError, "labels must map texts to texts"),
    ("chain", "planner", TypeError, "chain must be a list of texts"),
    ("chain", [1], TypeError, "chain must be a list of texts"),
    *[
        (name, 7, TypeError, f"{name} must be text, not 7")
        for name in ("agent_name", "run_id", "reason", "request_id", "call_id")
    ],
    ("arguments_schema", "{}", TypeError, "arguments_schema must be a JSON Schema, as a dict"),
    ("on_behalf_of", "alice", TypeError, "on_behalf_of must be a Person"),
    ("on_progress", "print", TypeError, "on_progress must be a function"),
    ("cancel_on_abandon", "no", TypeError, "cancel_on_abandon must be True or False"),
    ("derive_schema", "no", TypeError, "derive_schema must be True or False"),
    ("cancel_handle", True, TypeError, "cancel_handle must be a CancelHandle"),
]


@pytest.mark.parametrize(("name", "value", "error", "text"), WRONG)
def test_wrong_options_are_errors_of_use(name: str, value: Any, error: type[Exception], text: str) -> None:
    """Wherever they are given, at once, and by their names."""
    client = signoff.Client()
    option: Any = {name: value}
    with pytest.raises(error, match=f"^{text}"):
        call(**option)
    with pytest.raises(error, match=f"^{text}"):
        signoff.requires_approval(client, **option)
    with pytest.raises(error, match=f"^{text}"), signoff.call_options(**option):
        pass


def test_each_option_is_checked() -> None:
    assert {name for name, _, _, _ in WRONG} == set(signoff.CallOptions.__annotations__)


def test_a_tool_name_is_text() -> None:
    tool: Any = 7
    with pytest.raises(TypeError, match="tool_name must be text, not 7"):
        signoff.Call(tool, {})
    with pytest.raises(TypeError, match="tool_name must be text, not 7"):
        signoff.requires_approval(signoff.Client(), tool)


def test_times_may_be_timedeltas() -> None:
    request = request_for(call(timeout=timedelta(minutes=2), patience=timedelta(seconds=7)), "http://127.0.0.1:7766")
    assert request.opening.timeout.ToTimedelta() == timedelta(minutes=2)  # type: ignore[union-attr] # pyright: ignore
    assert request.patience == 7


@pytest.mark.parametrize(
    "options",
    [
        {"reason": "\ud800"},
        {"run_id": "\ud800", "call_id": "1"},
        {"timeout": 1e300},
        {"arguments_schema": {"maximum": 2**63}},
        {"reason": "x" * (1 << 20)},
    ],
)
def test_what_cannot_be_sent_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(signoff.RequestFailed) as refused:
        sent(**options)
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.reason == "INVALID_ARGUMENT"
    assert refused.value.message


def test_options_have_one_set_of_names() -> None:
    names = [field.name for field in dataclasses.fields(signoff.Call) if field.kw_only]
    assert list(signoff.CallOptions.__annotations__) == names

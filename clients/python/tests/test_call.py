"""Calls, and the requests that are made of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import grpc
import pytest

import signoff
from signoff._request import request_for
from signoff.v1.approval_service_pb2 import RequestApprovalRequest


def call(**options: Any) -> signoff.Call:
    return signoff.Call("send_email", {"to": "alice"}, **options)


def sent(**options: Any) -> RequestApprovalRequest:
    return request_for(call(**options)).message


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
    assert request_for(signoff.Call("list_users", {})).message.HasField("arguments")


def test_ids_of_a_call_are_stable() -> None:
    one = sent(run_id="run-1", call_id="call-1").request_id
    assert one.startswith("call:")
    assert sent(run_id="run-1", call_id="call-1").request_id == one
    assert sent(run_id="run-1", call_id="call-2").request_id != one
    assert sent(run_id="run-1", call_id="call-1", request_id="mine").request_id == "mine"


def test_a_call_id_needs_a_run_id() -> None:
    with pytest.raises(ValueError, match="call_id needs run_id"):
        call(call_id="call-1")


def test_a_chain_is_a_list() -> None:
    with pytest.raises(TypeError, match="chain is a list"):
        call(chain="planner")


@pytest.mark.parametrize("patience", [0, -1, float("inf"), float("nan")])
def test_patience_is_a_time(patience: float) -> None:
    with pytest.raises(ValueError, match="patience"):
        call(patience=patience)


@pytest.mark.parametrize(
    "options",
    [
        {"reason": "\ud800"},
        {"run_id": "\ud800", "call_id": "1"},
        {"labels": {"a": 1}},
        {"timeout": float("nan")},
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

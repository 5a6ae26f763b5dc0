"""A server that lies, as the list of all clients says: nothing is run. With both kinds of clients."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from google.protobuf.json_format import ParseDict

import signoff
from client_kinds import KINDS, Asyncio, Blocking
from conformance import vectors
from conftest import Recorder
from fakes import Fake
from signoff.v1.approval_pb2 import ExecutionResult
from signoff.v1.approval_service_pb2 import ClaimExecutionResponse, ReportExecutionResponse, RequestApprovalResponse
from streams import breaks

LIST = vectors("lies")
LIES = [lie for lie in LIST["lies"] if lie["refusal"]]
LIES_ABOUT_REPORTS = [lie for lie in LIST["lies"] if not lie["refusal"]]
TRUTH: dict[str, Any] = {"name": "the truth", "changes": {}, "asks": 1}
HONEST: list[dict[str, Any]] = [TRUTH, *LIST["accepted"]]
AnyAgent = Blocking | Asyncio


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, fake: Fake) -> AnyAgent:
    return KINDS[request.param](fake.address)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = cast("dict[str, Any]", target) if isinstance(target, dict) else {}
    for name, value in cast("dict[str, Any]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def tell(fake: Fake, entry: dict[str, Any]) -> None:
    """Makes the server answer honestly, but for the changes of one entry of the list."""
    changes = entry["changes"]
    assert changes.keys() <= LIST["honest"].keys()
    answers = copy.deepcopy(LIST["honest"])
    for name, patch in changes.items():
        answers[name] = merged(answers[name], patch)
    sent = [ParseDict(answers[name], RequestApprovalResponse()) for name in ("first", "second") if answers[name]]
    if entry.get("reconnect"):
        fake.on_ask = [breaks(lambda _: sent[0]), lambda _, __: sent[1:]]
    else:
        fake.on_ask = [lambda _, __: sent]
    fake.on_claim = [lambda _, __: ParseDict(answers["claim"] or {}, ClaimExecutionResponse())]
    fake.on_report = [lambda _, __: ParseDict(answers["report"] or {}, ReportExecutionResponse())]


def call() -> signoff.Call:
    return signoff.Call(**LIST["call"], patience=5)


def results(fake: Fake) -> list[str]:
    return [ExecutionResult.Name(report.result).removeprefix("EXECUTION_RESULT_") for report in fake.reports]


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest["name"])
def test_honest_answers_run_it(
    agent: AnyAgent, fake: Fake, function: Recorder, honest: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    tell(fake, honest)
    assert agent.run(call(), function) == "done"
    assert (len(function.runs), len(fake.asks), len(fake.claims)) == (1, honest["asks"], 1)
    assert results(fake) == ["SUCCEEDED"]
    # A stream that breaks is said.
    assert len(caplog.messages) == (1 if honest.get("reconnect") else 0)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie["name"])
def test_17_lies(agent: AnyAgent, fake: Fake, function: Recorder, lie: dict[str, Any]) -> None:
    tell(fake, lie)
    with pytest.raises(signoff.Refusal) as refused:
        agent.run(call(), function)
    assert refused.value.kind == lie["refusal"]["kind"]
    if "problem" in lie["refusal"]:
        assert getattr(refused.value, "problem", None) == lie["refusal"]["problem"]
    assert not function.runs
    assert len(fake.asks) == lie["asks"] if "asks" in lie else len(fake.asks) > 1
    assert len(fake.claims) == lie["claims"]
    assert results(fake) == ["FAILED"] * lie["reports"]


@pytest.mark.parametrize("lie", LIES_ABOUT_REPORTS, ids=lambda lie: lie["name"])
def test_lies_about_a_report(
    agent: AnyAgent, fake: Fake, function: Recorder, lie: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    tell(fake, lie)
    assert agent.run(call(), function) == "done"
    assert results(fake) == ["SUCCEEDED"]
    assert ": the answer is about another claim or outcome" in caplog.text


def test_the_list_is_whole() -> None:
    assert len(LIES) > 80
    assert len(LIST["accepted"]) > 5
    assert len(LIES_ABOUT_REPORTS) > 3

"""What the details of an error say."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from conformance import vectors
from signoff._failures import Failure, failure_of

OWN = ErrorInfo(reason="INTERNAL", domain="signoff.v1")
PROXYS = ErrorInfo(reason="RATE_LIMITED", domain="proxy.example.com", metadata={"a": "b"})


class Outcome(grpc.RpcError):
    """What a stub raises."""

    def __init__(self, trailer: bytes, code: grpc.StatusCode = grpc.StatusCode.INTERNAL) -> None:
        self._trailer = trailer
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no"

    def trailing_metadata(self) -> Any:
        return (("grpc-status-details-bin", self._trailer),)


def failure(*details: Any, code: grpc.StatusCode = grpc.StatusCode.INTERNAL) -> Failure:
    status = Status()
    for detail in details:
        if isinstance(detail, AnyMessage):
            status.details.append(detail)
        else:
            status.details.add().Pack(detail)
    return failure_of(Outcome(status.SerializeToString(), code))


@pytest.mark.parametrize("details", [(OWN,), (OWN, PROXYS), (PROXYS, OWN)])
def test_signoffs_own_info_counts(details: tuple[ErrorInfo, ...]) -> None:
    found = failure(*details)
    assert (found.reason, found.is_servers_own, found.is_passing) == ("INTERNAL", True, False)


def test_that_of_others_does_not() -> None:
    found = failure(PROXYS)
    assert (found.reason, found.is_servers_own, found.is_passing) == ("", False, True)


def test_details_that_cannot_be_read() -> None:
    broken = AnyMessage(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    assert failure(broken, OWN).is_servers_own
    assert failure(OWN, broken).retry_after is None
    assert not failure_of(Outcome(b"\xff")).is_servers_own


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        (Duration(seconds=3, nanos=500_000_000), 3.5),
        (Duration(seconds=-3), 0),
        (Duration(seconds=2**62), 30 * 86_400),
        (Duration(seconds=-(2**62), nanos=-(2**31)), 0),
    ],
)
def test_retry_after(delay: Duration, seconds: float) -> None:
    assert failure(OWN, RetryInfo(retry_delay=delay)).retry_after == seconds


@pytest.mark.parametrize("case", vectors("failures")["failures"], ids=str)
def test_which_failures_pass(case: dict[str, Any]) -> None:
    details: list[Any] = []
    if "error_info" in case:
        details.append(ErrorInfo(**case["error_info"]))
    if "retry_after_seconds" in case:
        details.append(RetryInfo(retry_delay=Duration(seconds=case["retry_after_seconds"])))
    assert failure(*details, code=grpc.StatusCode[case["code"]]).is_passing == case["passing"]

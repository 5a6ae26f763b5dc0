"""What the gate costs: a gated call that the policy approves at once, over the three calls that it makes, by hand.

Both are made in turns, so that they meet the same server. Needs SIGNOFF_BIN; prints, and judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import signoff
from servers import Server
from signoff._digest import digest
from signoff._structs import to_struct
from signoff.v1.approval_pb2 import ExecutionResult
from signoff.v1.approval_service_pb2 import ClaimExecutionRequest, ReportExecutionRequest, RequestApprovalRequest

TOOL = "auto.bench"
ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
SUCCEEDED = ExecutionResult.EXECUTION_RESULT_SUCCEEDED


def ask() -> RequestApprovalRequest:
    return RequestApprovalRequest(request_id=str(uuid.uuid4()), tool_name=TOOL, arguments=to_struct(ARGUMENTS))


def claim(approval_id: str) -> ClaimExecutionRequest:
    return ClaimExecutionRequest(approval_id=approval_id, request_id=str(uuid.uuid4()), digest=DIGEST)


def report(approval_id: str, claim_id: str) -> ReportExecutionRequest:
    return ReportExecutionRequest(
        approval_id=approval_id, request_id=str(uuid.uuid4()), claim_id=claim_id, result=SUCCEEDED
    )


DIGEST = digest(TOOL, ARGUMENTS)


def blocking(server: Server, rounds: int) -> tuple[list[float], list[float]]:
    with signoff.Client(server.address, token=server.agent) as client:

        def by_hand() -> None:
            approval = ""
            for message in client.approvals.RequestApproval(ask()):
                approval = message.update.approval.id
            claimed = client.approvals.ClaimExecution(claim(approval))
            client.approvals.ReportExecution(report(approval, claimed.claim_id))

        def gated() -> None:
            client.run(signoff.Call(TOOL, dict(ARGUMENTS)), lambda _: None)

        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for function, taken in zip((gated, by_hand), times, strict=True):
                start = time.perf_counter()
                function()
                taken.append(time.perf_counter() - start)
        return times


async def asynchronous(server: Server, rounds: int) -> tuple[list[float], list[float]]:
    async with signoff.AsyncClient(server.address, token=server.agent) as client:

        async def by_hand() -> None:
            approval = ""
            async for message in client.approvals.RequestApproval(ask()):
                approval = message.update.approval.id
            claimed = await client.approvals.ClaimExecution(claim(approval))
            await client.approvals.ReportExecution(report(approval, claimed.claim_id))

        async def nothing(_: signoff.Run) -> None: ...

        async def gated() -> None:
            await client.run(signoff.Call(TOOL, dict(ARGUMENTS)), nothing)

        functions: tuple[Callable[[], Awaitable[None]], ...] = (gated, by_hand)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for function, taken in zip(functions, times, strict=True):
                start = time.perf_counter()
                await function()
                taken.append(time.perf_counter() - start)
        return times


def show(name: str, times: tuple[list[float], list[float]]) -> None:
    gated, by_hand = (1e3 * statistics.median(taken) for taken in times)
    print(f"{name}: gated {gated:.2f} ms, by hand {by_hand:.2f} ms, ratio {gated / by_hand:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What the gate costs.")
    parser.add_argument("--rounds", type=int, default=500)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server")
        try:
            show("blocking", blocking(server, rounds))
            show("asyncio", asyncio.run(asynchronous(server, rounds)))
        finally:
            server.kill()


if __name__ == "__main__":
    main()

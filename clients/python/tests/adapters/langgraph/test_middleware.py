"""Other middlewares around the gate, and between it and the tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from graphs import BUILDERS, Agent, Mail, call
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import ToolMessage
from reviewing import approve, reviewing

from reviewers import all_of
from servers import Server
from signoff.v1.approval_pb2 import ExecutionResult


@pytest.fixture
def agent(server: Server, is_async: bool) -> Agent:
    return Agent(server, BUILDERS["agent"], is_async=is_async)


class Changing(AgentMiddleware):
    """Has the tool called with other arguments, or again."""

    def __init__(self, times: int = 1, **arguments: Any) -> None:
        self._times = times
        self._arguments = arguments

    def _changed(self, request: Any) -> Any:
        call = request.tool_call
        return request.override(tool_call={**call, "args": {**call["args"], **self._arguments}})

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        return [handler(self._changed(request)) for _ in range(self._times)][-1]

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        return [await handler(self._changed(request)) for _ in range(self._times)][-1]


def test_arguments_changed_before_the_gate_are_those_that_are_asked_for(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve) as seen:
        agent.run([mail.tool], [call(tool)], around=[Changing(to="bob")])
    assert [each.arguments["to"] for each in seen] == [each["to"] for each in mail.runs] == ["bob"]


def test_arguments_changed_behind_the_gate_are_refused(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)], within=[Changing(to="bob")])
    assert result.text == (
        f"NOT RUN. The approved call differs from the call to {tool} that would run. Do not work around it."
    )
    assert not mail.runs
    [approval] = all_of(agent.server, tool)
    assert approval.claim.outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED


def test_a_retry_behind_the_gate_runs_once(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)], within=[Changing(times=2)])
    assert result.text.startswith("NOT RUN AGAIN.")
    assert len(mail.runs) == 1


@pytest.mark.parametrize("configurable", [{"thread_id": "thread"}, {}])
def test_a_retry_before_the_gate_runs_once(agent: Agent, tool: str, configurable: dict[str, str]) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve) as seen:
        config = {"configurable": configurable}
        [result] = agent.run([mail.tool], [call(tool)], around=[Changing(times=2)], config=config)
    assert result.text.startswith("NOT RUN AGAIN.")
    assert len(mail.runs) == len(seen) == 1


class Answering(AgentMiddleware):
    """Answers in the tool's place."""

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:  # noqa: ARG002
        return ToolMessage("emulated", tool_call_id=request.tool_call["id"])

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        return self.wrap_tool_call(request, handler)


def test_what_is_answered_behind_the_gate_is_not_reported_as_run(agent: Agent, tool: str) -> None:
    mail = Mail(tool)
    with reviewing(agent.server, tool, approve):
        [result] = agent.run([mail.tool], [call(tool)], within=[Answering()])
    assert result.text == "emulated"
    [approval] = all_of(agent.server, tool)
    outcome = approval.claim.outcome
    assert outcome.result == ExecutionResult.EXECUTION_RESULT_FAILED
    assert outcome.message == "not run: a middleware answered in the tool's place"

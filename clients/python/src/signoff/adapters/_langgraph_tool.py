"""What stands for a tool in one approved call, and what became of the call."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.prebuilt.tool_node import ToolInvocationError
from pydantic import ValidationError

from ..refusals import AlreadyClaimed, DigestMismatch, Refusal
from ._langgraph_arguments import ToolArguments


@dataclass(frozen=True)
class Outcome:
    """What the framework made of a run: its result, or what it raised."""

    result: Any = None
    error: Exception | None = None


class Failed(Exception):
    """A run that is to be reported as failed, with this text."""

    def __init__(self, text: str, outcome: Outcome) -> None:
        super().__init__(text)
        self.outcome = outcome


def settled(outcome: Outcome) -> Any:
    """The framework's result; raises what the framework raised."""
    if outcome.error:
        raise outcome.error
    return outcome.result


class ApprovedTool:
    """Stands for the tool in one approved call.

    Middlewares between the gate and the tool cannot change the arguments, nor have it run again. LangChain cannot
    either: it reads the arguments once more, and what it made of them is looked at just before the tool's function.
    """

    def __init__(self, tool: BaseTool, arguments: ToolArguments, approval_id: str, approved: dict[str, Any]) -> None:
        self._tool = tool
        self._arguments = arguments
        self._approval_id = approval_id
        self._approved = approved
        self._once = threading.Lock()
        self._problem: BaseException | None = None
        self._checked: Any = _CheckedTool(tool, self._check)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of the tool, for those who ask."""
        return type(self._tool)

    def __getattr__(self, name: str) -> Any:
        """What the tool has."""
        return getattr(self._tool, name)

    def invoke(self, call: Any, config: Any = None, **kwargs: Any) -> Any:
        """Runs the tool, once."""
        try:
            self._take(call)
            return self._checked.invoke(call, config, **kwargs)
        except BaseException as error:
            self._problem = self._problem or error
            raise

    async def ainvoke(self, call: Any, config: Any = None, **kwargs: Any) -> Any:
        """Runs the tool, once."""
        try:
            self._take(call)
            return await self._checked.ainvoke(call, config, **kwargs)
        except BaseException as error:
            self._problem = self._problem or error
            raise

    def returned(self, result: Any) -> Outcome:
        """The outcome of a run that the framework has a result of; raises Failed if the tool failed.

        Frameworks make messages of errors, also of those that are raised here.
        """
        if isinstance(self._problem, Refusal):
            raise self._problem
        if self._problem:
            raise Failed(_text(self._problem), Outcome(result))
        if not self._once.locked():
            raise Failed("not run: a middleware answered in the tool's place", Outcome(result))
        if isinstance(result, ToolMessage) and result.status == "error":
            raise Failed(str(result.content), Outcome(result))
        return Outcome(result)

    def raised(self, error: Exception) -> Outcome:
        """The outcome of a run that ended with an error."""
        if isinstance(self._problem, Refusal):
            raise self._problem from None
        if isinstance(error, GraphInterrupt):
            raise TypeError(
                f"{self._tool.name} called interrupt(): a gated tool cannot pause, because an approval is for one run"
            ) from None
        outcome = Outcome(error=error)
        if isinstance(error, GraphBubbleUp):
            # The tool has ended, and tells the graph where to go on.
            return outcome
        raise Failed(_text(error), outcome)

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._arguments.are_got(self._approved, args, kwargs):
            # Noted here: what comes between may make a message of it.
            self._problem = DigestMismatch(tool_name=self._tool.name, approval_id=self._approval_id)
            raise self._problem

    def _take(self, call: Any) -> None:
        arguments = call.get("args") if isinstance(call, dict) else None
        if not isinstance(arguments, dict) or not self._arguments.is_of(self._approved, arguments):
            raise DigestMismatch(tool_name=self._tool.name, approval_id=self._approval_id)
        if not self._once.acquire(blocking=False):
            raise AlreadyClaimed(tool_name=self._tool.name, approval_id=self._approval_id)


class _CheckedTool:
    """The tool, with a check of what its `_run` or `_arun` is called with.

    LangChain's methods run with this as their `self`, so that they find these `_run` and `_arun`. The tool itself is
    not changed: other calls may run at the same time. Nor is it copied: it may count its calls.
    """

    def __init__(self, tool: BaseTool, check: Callable[[tuple[Any, ...], dict[str, Any]], None]) -> None:
        object.__setattr__(self, "_tool", tool)
        object.__setattr__(self, "_check", check)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of the tool, as `super()` in its methods needs it."""
        return type(self._tool)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tool, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._tool, name, value)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return type(self._tool).invoke(cast("BaseTool", self), *args, **kwargs)

    async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
        return await type(self._tool).ainvoke(cast("BaseTool", self), *args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return type(self._tool).run(cast("BaseTool", self), *args, **kwargs)

    async def arun(self, *args: Any, **kwargs: Any) -> Any:
        return await type(self._tool).arun(cast("BaseTool", self), *args, **kwargs)

    @property
    def _run(self) -> Callable[..., Any]:
        run = self._tool._run

        # LangChain looks at the signature.
        @functools.wraps(run)
        def checked_run(*args: Any, **kwargs: Any) -> Any:
            self._check(args, kwargs)
            return run(*args, **kwargs)

        return checked_run

    @property
    def _arun(self) -> Callable[..., Any]:
        run = self._tool._arun

        @functools.wraps(run)
        async def checked_run(*args: Any, **kwargs: Any) -> Any:
            self._check(args, kwargs)
            return await run(*args, **kwargs)

        return checked_run


def _text(error: BaseException) -> str:
    """What an error says to reviewers. Those of pydantic say what was injected, too."""
    source = error.source if isinstance(error, ToolInvocationError) else error
    if isinstance(source, ValidationError):
        details = source.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - errors come with any code of their own
        return type(error).__name__

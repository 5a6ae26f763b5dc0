"""One call of an agent of the Microsoft Agent Framework: what it asks for, and what runs once it is approved."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agent_framework import (
    Content,
    FunctionInvocationContext,
    FunctionTool,
    MiddlewareFailure,
    MiddlewareTermination,
    UserInputRequiredException,
)

from .._aio_client import AsyncClient, run_bound_async
from .._arguments import Unfit
from .._call import Call, Run
from .._call_options import CallOptions, check_options
from .._error_texts import error_text
from .._handle import Handle
from ..refusals import DigestMismatch, InvalidArguments, Refusal
from ._agent_framework_arguments import ToolArguments
from ._agent_framework_tools import Inside, Invoke, expected, marked
from ._asking import pending_async

_log = logging.getLogger("signoff")

OptionsFor = Callable[[FunctionInvocationContext, dict[str, Any]], CallOptions]

_MAX_CHAIN = 16
"""Agents in a chain; servers take no more."""
HANDLE = "signoff"
"""Where the framework's request has the handle, among its additional properties."""
_KEPT = ("_approved_function_arguments", "_prepared_function_arguments")
"""Where the framework keeps the arguments that its own request was answered for, and would take a reviewer's edit for
another call; and those that it prepared, which middlewares may have changed since."""

callers: ContextVar[tuple[str, ...]] = ContextVar("signoff_agent_framework_callers", default=())
"""The agents whose tools run around what runs, the outermost first."""


@dataclass(frozen=True)
class Settings:
    """What `gate` was given."""

    client: AsyncClient
    durable: bool
    ungated: frozenset[str]
    returns: bool
    options_for: OptionsFor | None
    options: CallOptions


@dataclass(frozen=True)
class GatedRun:
    """The run of an agent that a call is of."""

    settings: Settings
    durable: bool
    agent_name: str | None
    run_id: str
    """For runs without a session."""


class GatedCall:
    """One call, and how its tool is run once it is approved."""

    def __init__(
        self, run: GatedRun, context: FunctionInvocationContext, asks: bool, tool: FunctionTool | None = None
    ) -> None:
        self.tool: FunctionTool = tool or context.function
        self._asks = asks
        self._run = run
        self._context = context

    def is_for(self, tool: FunctionTool, context: object) -> bool:
        """Whether it is on its way to this tool, also if a middleware has named another in the context."""
        return tool is self.tool or context is self._context

    async def invoke(self, tool: FunctionTool, invoke: Invoke, arguments: Any) -> Any:
        """Runs the tool if it is approved; what the model reads otherwise is the result."""
        if tool is not self.tool:
            return await GatedCall(self._run, self._context, True, tool).invoke(tool, invoke, arguments)
        settings = self._run.settings
        if not self._asks:
            with self._inside():
                return await invoke(arguments)
        try:
            fit = ToolArguments(self.tool)
            shown = self._shown(fit, arguments)
            call = self._call(fit, shown)
            # Answered or not, a request only pauses: the server decides.
            if self._run.durable:
                handle = await pending_async(settings.client, call)
                if handle:
                    return self._pause(shown, handle)
            outcome: _Outcome = await run_bound_async(settings.client, call, lambda run: self._bind(fit, invoke, run))
        except _Failed as failed:
            outcome = _Outcome(ended=failed.error)
        except Refusal as refusal:
            if settings.returns:
                return [Content.from_text(_told(refusal))]
            raise MiddlewareFailure(str(refusal)) from refusal
        except MiddlewareFailure:
            raise
        except Exception as error:
            # The framework would tell the model that the function failed, and go on.
            raise MiddlewareFailure(f"the gate of {self.tool.name} failed: {type(error).__name__}") from error
        if outcome.ended:
            raise outcome.ended
        return outcome.result

    def _shown(self, fit: ToolArguments, arguments: Any) -> dict[str, Any]:
        try:
            return fit.shown(arguments)
        except Unfit as unfit:
            raise InvalidArguments(tool_name=self.tool.name, path=unfit.path, problem=unfit.problem) from None

    def _call(self, fit: ToolArguments, shown: dict[str, Any]) -> Call:
        settings, session = self._run.settings, self._context.session
        options: dict[str, Any] = {
            "agent_name": self._run.agent_name,
            "chain": callers.get()[-_MAX_CHAIN:],
            "run_id": session.session_id if session else self._run.run_id,
            "call_id": self._context.metadata.get("call_id"),
            **settings.options,
        }
        if settings.options_for:
            own = settings.options_for(self._context, copy.deepcopy(shown))
            check_options(own)
            options.update(own)
        if options.get("derive_schema", True) and options.get("arguments_schema") is None:
            options["arguments_schema"] = fit.schema()
        return Call(self.tool.name, shown, **options)

    def _bind(self, fit: ToolArguments, invoke: Invoke, run: Run) -> Callable[[], Awaitable[_Outcome]]:
        fit.check(run.arguments)
        approved = _Approved(self.tool, fit, run)

        async def execute() -> _Outcome:
            for name in _KEPT:
                self._context.metadata.pop(name, None)
            try:
                with self._inside(approved):
                    return _Outcome(await invoke(run.arguments))
            except MiddlewareTermination as ended:
                # The tool has ended, and tells the framework to end the run.
                return _Outcome(ended=ended)
            except UserInputRequiredException:
                raise _Failed(
                    MiddlewareFailure(
                        f"{self.tool.name} asked for input behind the gate: a gated tool cannot pause, as an approval "
                        "is for one run"
                    )
                ) from None
            except Exception as error:
                if approved.problem:
                    raise approved.problem from None
                raise _Failed(error) from error

        return execute

    @contextmanager
    def _inside(self, approved: _Approved | None = None) -> Generator[None]:
        """While the tool runs: what it calls itself is not this call, and agents in it have this one's as caller."""
        called_by = callers.set((*callers.get(), self._run.agent_name or "agent"))
        before = marked.set(Inside())
        expects = expected.set(approved)
        try:
            yield
        finally:
            expected.reset(expects)
            marked.reset(before)
            callers.reset(called_by)

    def _pause(self, shown: dict[str, Any], handle: Handle) -> Content:
        """The framework's request, which only pauses."""
        metadata = self._context.metadata
        call_id: str = metadata["call_id"]
        occurrence: str | None = metadata.get("function_call_occurrence_id")
        call = Content.from_function_call(
            call_id=call_id, name=self.tool.name, arguments=json.dumps(shown, ensure_ascii=False)
        )
        call.id = occurrence
        # The same id each time: a request that was answered too early is made again.
        return Content.from_function_approval_request(
            id=occurrence or call_id, function_call=call, additional_properties={HANDLE: handle.to_json()}
        )


class _Approved:
    """What was approved, and is looked for just before the tool's function."""

    def __init__(self, tool: FunctionTool, fit: ToolArguments, run: Run) -> None:
        self.tool = tool
        self.problem: DigestMismatch | None = None
        self._fit = fit
        self._run = run

    def check(self, arguments: dict[str, Any]) -> None:
        """Raises DigestMismatch for other arguments."""
        if not self._fit.are_got(self._run.arguments, arguments):
            # Noted, as this may come through other hands.
            self.problem = DigestMismatch(tool_name=self.tool.name, approval_id=self._run.approval_id)
            raise self.problem


@dataclass(frozen=True)
class _Outcome:
    """What became of a run: its result, or how it ends the agent's run."""

    result: Any = None
    ended: Exception | None = None


class _Failed(Exception):
    """The tool's own error, which goes the framework's way."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error_text(error))
        self.error = error


def _told(refusal: Refusal) -> str:
    """The refusal's text for the model. What is for people only is logged: the exception ends here."""
    text = str(refusal)
    if refusal.developer_text != text:
        _log.warning("The call to %s was not run: %s", refusal.tool_name, refusal.developer_text)
    return text

"""One tool behind the gate: what its call asks for, and what runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crewai.tools import BaseTool
from crewai.tools.base_tool import Tool
from crewai.tools.tool_failure import ToolFailure
from crewai.utilities.string_utils import sanitize_tool_name
from pydantic import PrivateAttr

from ..._arguments import Unfit
from ..._call import Run
from ..._cancel_handle import CancelHandle
from ..._client import run_bound
from ...refusals import InvalidArguments, Refusal
from ._arguments import ToolArguments
from ._attempts import Outcome, current_model_call, no_model_call, own_model_call

if TYPE_CHECKING:
    from ._gate import Gate

_log = logging.getLogger("signoff")


class GatedTool(BaseTool):
    """Stands for a tool, and runs it only with an approval. CrewAI runs it in both of its ways, by `run` and `_run`."""

    _inner: BaseTool | None = PrivateAttr(default=None)
    _gate: Any = PrivateAttr(default=None)
    _arguments: Any = PrivateAttr(default=None)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Validates as CrewAI does, and runs the tool if it is approved; else the result says why it was not run."""
        kwargs = self._by_name(args, kwargs)
        try:
            self._arguments.refuse_others(kwargs)
        except Unfit as unfit:
            return told(self._invalid(unfit))
        with own_model_call():
            return super().run(**kwargs)

    async def arun(self, *args: Any, **kwargs: Any) -> Any:
        """As `run`, for tools that are coroutine functions."""
        kwargs = self._by_name(args, kwargs)
        try:
            self._arguments.refuse_others(kwargs)
        except Unfit as unfit:
            return told(self._invalid(unfit))
        with own_model_call():
            return await super().arun(**kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        inner = self._tool()

        def body(arguments: dict[str, Any]) -> Any:
            result = inner._run(**arguments)
            return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

        return self._gated(self._by_name(args, kwargs), body, CancelHandle())

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        inner = self._tool()
        if type(inner)._arun is BaseTool._arun or (isinstance(inner, Tool) and not _is_coroutine(inner.func)):
            # Before anybody is asked.
            raise NotImplementedError(f"{self.name} has no coroutine function: use run()")
        loop, handle = asyncio.get_running_loop(), CancelHandle()
        working: list[concurrent.futures.Future[Any]] = []

        def body(arguments: dict[str, Any]) -> Any:
            # In the caller's loop, which its clients and connections belong to.
            working.append(asyncio.run_coroutine_threadsafe(inner._arun(**arguments), loop))
            return working[0].result()

        # A Client blocks, and an AsyncClient belongs to one loop: CrewAI has several.
        waiting = asyncio.ensure_future(asyncio.to_thread(self._gated, self._by_name(args, kwargs), body, handle))
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            handle.cancel()
            for each in working:
                each.cancel()
            raise

    def _gated(self, given: dict[str, Any], body: Callable[[dict[str, Any]], Any], handle: CancelHandle) -> Any:
        gate: Gate = self._gate
        name = sanitize_tool_name(self.name)
        made = current_model_call()
        if ended := made.ended(self._inner):
            return ended.settled()
        try:
            shown = self._arguments.shown(given)
        except Unfit as unfit:
            return told(self._invalid(unfit))
        has_begun = False

        def bind(run: Run) -> Callable[[], Any]:
            arguments = self._arguments.fit(run.arguments)

            def execute() -> Any:
                nonlocal has_begun
                has_begun = True
                with no_model_call():
                    result = body(arguments)
                if isinstance(result, ToolFailure):
                    raise _Failed(result)
                return result

            return execute

        call, stops = gate.call(self._inner, name, shown, self._arguments.schema, made)
        try:
            with ExitStack() as linked:
                for stop in stops:
                    linked.enter_context(stop.waking(handle.cancel))
                result = run_bound(gate.client, replace(call, cancel_handle=handle), bind, gate.warnings)
            outcome = Outcome(result)
        except _Failed as failed:
            outcome = Outcome(failed.failure)
        except Refusal as refusal:
            # One of the tool's own, such as that of a gated function that it calls, is an error of the tool.
            outcome = Outcome(error=refusal) if has_begun else Outcome(told(refusal))
        except Exception as error:
            if not has_begun:
                raise
            outcome = Outcome(error=error)
        made.end(self._inner, outcome)
        return outcome.settled()

    def format_output_for_agent(self, raw_result: Any) -> str:
        """As the tool does."""
        return self._tool().format_output_for_agent(raw_result)

    def _tool(self) -> BaseTool:
        if self._inner is None:
            raise TypeError(f"{self.name} was restored without its tool: gate the tools after a restore")
        return self._inner

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What the tool is called with, by name, as reviewers see it."""
        self._tool()
        names = list(self.args_schema.model_fields)
        if len(args) > len(names) or set(names[: len(args)]) & set(kwargs):
            raise TypeError(f"{self.name} is gated, and takes its arguments by name: {', '.join(names)}")
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def _invalid(self, unfit: Unfit) -> InvalidArguments:
        return InvalidArguments(tool_name=sanitize_tool_name(self.name), path=unfit.path, problem=unfit.problem)


class _Failed(Exception):
    """The tool ran, and says itself that it failed."""

    def __init__(self, failure: ToolFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def gated_tool(tool: BaseTool, gate: Gate) -> GatedTool:
    """The tool behind the gate; raises TypeError for one that CrewAI would run in ways that the gate does not see."""
    if isinstance(tool, GatedTool):
        return tool
    if type(tool).run not in (BaseTool.run, Tool.run):
        raise TypeError(f"{tool.name} has a run() of its own, which CrewAI calls in one of two ways: move it to _run()")
    function = getattr(tool, "func", None)
    if hasattr(function, "ask") and hasattr(function, "resume"):
        raise TypeError(f"{tool.name} has @requires_approval already, and each call would ask twice: remove one")
    gated = GatedTool(
        name=tool.name,
        description=tool.description,
        env_vars=tool.env_vars,
        args_schema=tool.args_schema,
        result_schema=tool.result_schema,
        # A cached result would be handed to a call that nobody approved, and a cached refusal to one that somebody may.
        cache_function=never_cached,
        result_as_answer=tool.result_as_answer,
        max_usage_count=tool.max_usage_count,
        tool_failure_policy=tool.tool_failure_policy,
    )
    gated._inner, gated._gate, gated._arguments = tool, gate, ToolArguments(tool)
    return gated


def never_cached(_arguments: Any = None, _result: Any = None) -> bool:
    """For `cache_function`."""
    return False


def told(refusal: Refusal) -> ToolFailure:
    """What the model reads of a call that was not run: a failure of the tool, which is never a task's answer."""
    text = str(refusal)
    if refusal.developer_text != text:
        _log.warning("The call to %s was not run: %s", refusal.tool_name, refusal.developer_text)
    return ToolFailure(message=text, details={"refusal": refusal.kind, "approval_id": refusal.approval_id})


def _is_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)


async def _awaited(result: Any) -> Any:
    return await result

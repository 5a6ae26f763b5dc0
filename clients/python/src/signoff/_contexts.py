"""Contexts: the objects that agent frameworks hand to tools, which are no arguments.

No framework is imported: their classes are known by module and name. Exact modules, as a class of somebody's own that
has the name of a context must not be hidden from reviewers.
"""

from __future__ import annotations

import threading
import types
import typing
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Union, cast


@dataclass(frozen=True)
class Ids:
    """What a context knows of the call.

    agent_name: the agent that makes it.
    run_id: the run that it belongs to.
    call_id: the call within the run, as the model named it.
    tool_name: the tool that the model called; a function may pass its context on to others.
    is_run_stable: whether another process that goes on with the run has the same run_id.
    """

    agent_name: str | None = None
    run_id: str | None = None
    call_id: str | None = None
    tool_name: str | None = None
    is_run_stable: bool = True

    def joined(self, other: Ids) -> Ids:
        """These, and what only the other knows."""
        return Ids(
            agent_name=self.agent_name or other.agent_name,
            run_id=self.run_id or other.run_id,
            call_id=self.call_id or other.call_id,
            tool_name=self.tool_name or other.tool_name,
            is_run_stable=self.is_run_stable if self.run_id else other.is_run_stable,
        )


Reader = Callable[[Any], Ids]
"""Takes from a context's value what it knows."""


def context_reader(annotation: Any) -> Reader | None:
    """What reads a parameter's value, if its declared type is a context's; None if it is an argument."""
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        readers = [_reader_of(_class_of(each)) for each in metadata]
        return next((reader for reader in readers if reader), None) or context_reader(inner)
    origin = typing.get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [each for each in typing.get_args(annotation) if each is not type(None)]
        readers = [context_reader(each) for each in members]
        return readers[0] if readers and all(readers) else None
    kind = origin or annotation
    return _reader_of(cast("type[Any]", kind)) if isinstance(kind, type) else None


def _class_of(marker: Any) -> type[Any]:
    """Markers are given as classes, or as objects of them."""
    cls: type[Any] = marker if isinstance(marker, type) else type(marker)
    return cls


def read_context(value: Any) -> Ids:
    """What a hidden value knows, if it is a context by its own type."""
    cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    reader = _reader_of(cls)
    return reader(value) if reader else Ids()


def _reader_of(cls: type[Any]) -> Reader | None:
    for each in _bases(cls):
        reader = _READERS.get((each.__module__, each.__qualname__))
        if reader:
            return reader
    return None


def _bases(cls: type[Any]) -> Iterator[type[Any]]:
    """The class and those that it is made of. A TypedDict has its own in `__orig_bases__` alone."""
    yield from cls.__mro__
    for each in getattr(cls, "__orig_bases__", ()):
        base = typing.get_origin(each) or each
        if isinstance(base, type) and base is not cls and base not in cls.__mro__:
            yield from _bases(cast("type[Any]", base))


def _at(value: Any, *path: str) -> Any:
    """What is at a path of attributes, or of keys of mappings; None if there is nothing, or it cannot be had."""
    for name in path:
        try:
            value = cast("Any", value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        except Exception:  # noqa: BLE001 - properties of frameworks; what they do not tell is not known
            return None
    return value


def _text(value: Any, *path: str) -> str | None:
    """The text, or UUID as text, at the path; None for anything else."""
    found = _at(value, *path)
    if isinstance(found, uuid.UUID):
        return str(found)
    return str(found) if isinstance(found, str) and found else None


class _RunIds:
    """Ids for runs that have none: one for each object that all contexts of a run share, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[int, str] = {}

    def of(self, shared: Any) -> str | None:
        if shared is None:
            return None
        with self._lock:
            known = self._ids.get(id(shared))
            if known:
                return known
            with suppress(TypeError):
                weakref.finalize(shared, self._ids.pop, id(shared), None)
                return self._ids.setdefault(id(shared), str(uuid.uuid4()))
        # Another object may have the same id() later.
        return None


_run_ids = _RunIds()


def _openai_agents(context: Any) -> Ids:
    # Each call of a tool has a context of its own; what they share is the run's usage. The ids of calls are the
    # model's, and not enough to find an approval again by: without a run they are not unique.
    return Ids(
        agent_name=_text(context, "agent", "name"),
        run_id=_run_ids.of(_at(context, "usage")),
        call_id=_text(context, "tool_call_id"),
        tool_name=_text(context, "tool_name"),
        is_run_stable=False,
    )


def _pydantic_ai(context: Any) -> Ids:
    return Ids(
        agent_name=_text(context, "agent", "name"),
        run_id=_text(context, "run_id"),
        call_id=_text(context, "tool_call_id"),
        tool_name=_text(context, "tool_name"),
    )


def _langchain_config(config: Any) -> Ids:
    # The thread outlives an interrupt, after which a graph has another run.
    thread, run = (_text(config, "configurable", name) for name in ("thread_id", "run_id"))
    return Ids(
        agent_name=_text(config, "metadata", "lc_agent_name"),
        run_id=thread or run or _text(config, "run_id"),
    )


def _langchain_runtime(runtime: Any) -> Ids:
    of_call = Ids(
        run_id=_text(runtime, "execution_info", "thread_id"),
        call_id=_text(runtime, "tool_call_id"),
    )
    of_run = Ids(run_id=_text(runtime, "execution_info", "run_id"))
    return of_call.joined(_langchain_config(_at(runtime, "config"))).joined(of_run)


def _langchain_call_id(value: Any) -> Ids:
    return Ids(call_id=value if isinstance(value, str) and value else None)


def _google_adk(context: Any) -> Ids:
    name = _text(context, "agent_name")
    return Ids(
        # What ADK says where there is none.
        agent_name=None if name == "unknown" else name,
        run_id=_text(context, "invocation_id"),
        call_id=_text(context, "function_call_id"),
    )


def _agent_framework(context: Any) -> Ids:
    return Ids(
        run_id=_text(context, "session", "session_id"),
        call_id=_text(context, "metadata", "call_id"),
        tool_name=_text(context, "function", "name"),
    )


def _nothing(_: Any) -> Ids:
    return Ids()


_READERS: dict[tuple[str, str], Reader] = {
    # openai-agents; ToolContext is a RunContextWrapper.
    ("agents.run_context", "RunContextWrapper"): _openai_agents,
    # LangChain and LangGraph; injected by type, or by what is said of a type.
    ("langchain_core.runnables.config", "RunnableConfig"): _langchain_config,
    ("langgraph.prebuilt.tool_node", "ToolRuntime"): _langchain_runtime,
    ("langchain_core.tools.base", "InjectedToolCallId"): _langchain_call_id,
    ("langchain_core.tools.base", "InjectedToolArg"): _nothing,
    ("langchain_core.tools.base", "_DirectlyInjectedToolArg"): _nothing,
    ("pydantic_ai._run_context", "RunContext"): _pydantic_ai,
    # Google ADK; ToolContext, CallbackContext and Context are such.
    ("google.adk.agents.readonly_context", "ReadonlyContext"): _google_adk,
    # Microsoft Agent Framework.
    ("agent_framework._middleware", "FunctionInvocationContext"): _agent_framework,
}

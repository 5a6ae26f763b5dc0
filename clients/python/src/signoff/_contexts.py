"""Contexts: the objects that agent frameworks pass to tools, which are not arguments.

No framework is imported: their classes are known by module and name. Exact modules, because another class with the name
of a context must not be hidden from reviewers.
"""

from __future__ import annotations

import threading
import types
import typing
import uuid
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Union, cast


@dataclass(frozen=True)
class Ids:
    """What a context knows about the call.

    agent_name: the agent that makes it.
    run_id: the run that it belongs to.
    call_id: the call within the run, as the model named it.
    tool_name: the tool that the model called; a function may pass its context on to others.
    is_run_stable: whether another process that continues the run has the same run_id.
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


@dataclass(frozen=True)
class Context:
    """What a parameter that is a context gets.

    read: takes from the value what it knows.
    may_be_json: whether the framework itself passes text, or a dict.
    """

    read: Reader
    may_be_json: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raises TypeError for JSON, if the framework passes none: it is from the model."""
        if not self.may_be_json and type(value) in _JSON:
            raise TypeError(f"{name} is a context of the framework, which JSON is not: the model must not set it")


def contexts_of(annotations: Mapping[str, Any]) -> dict[str, Context]:
    """The parameters whose declared types are contexts; all others are arguments."""
    found = {name: context for name, each in annotations.items() if (context := _context_of(each))}
    # LangChain sets the first of them, and passes on what the model sends for others.
    configs = [name for name, context in found.items() if context is _CONFIG]
    return {name: context for name, context in found.items() if name not in configs[1:]}


def _context_of(annotation: Any) -> Context | None:
    if _is_config(annotation):
        return _CONFIG
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        markers = [_found(_MARKERS, _class_of(each)) for each in metadata]
        return next((marker for marker in markers if marker), None) or _class_context_of(inner)
    return _class_context_of(annotation)


def _class_context_of(annotation: Any) -> Context | None:
    """That of a class, also within a union. LangChain sees neither its markers nor its config there."""
    if typing.get_origin(annotation) is Annotated:
        return _class_context_of(typing.get_args(annotation)[0])
    origin = typing.get_origin(annotation)
    if origin in (Union, types.UnionType):
        members = [_class_context_of(each) for each in typing.get_args(annotation) if each is not type(None)]
        return members[0] if members and all(members) else None
    kind = origin or annotation
    return _found(_CLASSES, cast("type[Any]", kind)) if isinstance(kind, type) else None


def _is_config(annotation: Any) -> bool:
    """Whether it is LangChain's own, and nothing made of it: LangChain sets no other."""
    return isinstance(annotation, type) and (annotation.__module__, annotation.__qualname__) == _CONFIG_CLASS


def _class_of(marker: Any) -> type[Any]:
    """Markers are given as classes, or as objects of them."""
    cls: type[Any] = marker if isinstance(marker, type) else type(marker)
    return cls


def read_context(value: Any) -> Ids:
    """What a hidden value knows, if it is a context by its own type."""
    cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    context = _found(_CLASSES, cls)
    return context.read(value) if context else Ids()


def _found(known: Mapping[tuple[str, str], Context], cls: type[Any]) -> Context | None:
    """That of the class, or of one that it is made of."""
    names = ((each.__module__, each.__qualname__) for each in cls.__mro__)
    return next((known[name] for name in names if name in known), None)


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


_JSON = (dict, list, str, int, float, bool)

_CONFIG_CLASS = ("langchain_core.runnables.config", "RunnableConfig")
_CONFIG = Context(_langchain_config, may_be_json=True)

_CLASSES: dict[tuple[str, str], Context] = {
    # openai-agents; ToolContext is a RunContextWrapper.
    ("agents.run_context", "RunContextWrapper"): Context(_openai_agents),
    ("langgraph.prebuilt.tool_node", "ToolRuntime"): Context(_langchain_runtime),
    ("pydantic_ai._run_context", "RunContext"): Context(_pydantic_ai),
    # Google ADK; ToolContext, CallbackContext and Context are such.
    ("google.adk.agents.readonly_context", "ReadonlyContext"): Context(_google_adk),
    # Microsoft Agent Framework.
    ("agent_framework._middleware", "FunctionInvocationContext"): Context(_agent_framework),
}

# LangChain and LangGraph. InjectedToolArg alone is none: LangChain hides such a parameter from the model, but passes on
# what the model sends for it. What these mark is set by LangChain, or by LangGraph's ToolNode.
_MARKERS: dict[tuple[str, str], Context] = {
    ("langchain_core.tools.base", "InjectedToolCallId"): Context(_langchain_call_id, may_be_json=True),
    ("langgraph.prebuilt.tool_node", "InjectedState"): Context(_nothing, may_be_json=True),
    ("langgraph.prebuilt.tool_node", "InjectedStore"): Context(_nothing),
}

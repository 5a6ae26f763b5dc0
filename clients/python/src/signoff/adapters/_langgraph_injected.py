"""The names that LangChain and LangGraph give values to, and a model never."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg
from langgraph.prebuilt import ToolRuntime
from typing_extensions import get_type_hints

_FILTERED = frozenset({"run_manager", "callbacks"})
"""LangChain leaves them out of each tool's schema, and sets them where a function has them."""

_LOOKS_INJECTED = re.compile(r"Injected|ToolRuntime|RunnableConfig")


def injected_names(tool: BaseTool) -> frozenset[str]:
    """The arguments of a tool that only the framework may give.

    Versions of LangChain differ in what they find themselves: older ones neither read annotations that are strings nor
    those of `_run`.
    """
    names = set(_FILTERED) | set(getattr(tool, "_injected_args_keys", ()))
    for function in _functions(tool):
        names.update(name for name, hint in _hints(function) if _is_injected(hint))
    return frozenset(names)


def configuration_names(tool: BaseTool) -> frozenset[str]:
    """The parameters of the tool's `_run` that get the RunnableConfig and the callbacks."""
    methods = (tool._run, tool._arun)
    configs = {name for method in methods for name, hint in _hints(method) if hint is RunnableConfig}
    return frozenset(configs | _FILTERED)


def _functions(tool: BaseTool) -> Iterator[Any]:
    for name in ("func", "coroutine", "_run", "_arun"):
        function = getattr(tool, name, None)
        if callable(function):
            yield function


def _hints(function: Any) -> Iterator[tuple[str, Any]]:
    try:
        hints: dict[str, Any] = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are any code; the raw ones are left
        hints = {}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError, NameError):
        parameters = {}
    for name, parameter in parameters.items():
        yield name, hints.get(name, parameter.annotation)


def _is_injected(hint: Any) -> bool:
    if isinstance(hint, str):
        # It could not be resolved. A name too many here only refuses a call.
        return bool(_LOOKS_INJECTED.search(hint))
    if hint is RunnableConfig:
        return True
    of = get_origin(hint) or hint
    if of is Annotated:
        kind, *notes = get_args(hint)
        return _is_injected(kind) or any(_is_kind(each, InjectedToolArg) for each in notes)
    return _is_kind(of, ToolRuntime)


def _is_kind(note: Any, kind: type) -> bool:
    return isinstance(note, kind) or (isinstance(note, type) and issubclass(note, kind))

"""Tools of the Microsoft Agent Framework: which can be gated, and how the gate gets around them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, cast

from agent_framework import FunctionTool

Invoke = Callable[..., Awaitable[Any]]


class Marked(Protocol):
    """A call of a model that has a gate; it is on its way to its tool."""

    def is_for(self, tool: FunctionTool, context: object) -> bool:
        """Whether it is on its way to this tool."""
        ...

    async def invoke(self, tool: FunctionTool, invoke: Invoke, arguments: Any) -> Any:
        """Runs the tool by `invoke` if it is approved."""
        ...


class Inside:
    """Says that a tool runs: what it calls itself is its own work."""


marked: ContextVar[Marked | Inside | None] = ContextVar("signoff_agent_framework_call", default=None)
"""The call that is on its way to its tool. None where there is no gate, or where a middleware went on elsewhere."""
MARK = "_signoff_call"
"""Where the framework's own context has the call too, as it comes to the tool in any case."""


class Expected(Protocol):
    """What a tool's function is to be called with."""

    @property
    def tool(self) -> FunctionTool:
        """The tool."""
        ...

    def check(self, arguments: dict[str, Any]) -> None:
        """Raises a Refusal for anything else."""
        ...


expected: ContextVar[Expected | None] = ContextVar("signoff_agent_framework_expected", default=None)
"""The approved call that is on its way to its tool's function."""

_ATTRIBUTE = "_signoff_gated"


def put_around(tool: FunctionTool) -> None:
    """Puts the gate around a tool's `invoke`, after all middlewares: what comes there is what would run.

    The framework prepares the arguments once more behind it: what it made of them is looked at before the function.

    The class changes, as the framework holds on to the object. Calls that are not marked pass: the tool may also be an
    agent's that has no gate. Raises TypeError for a tool that the gate cannot get around.
    """
    if "invoke" in vars(tool):
        raise TypeError(f"{tool.name} has an invoke of its own, which the gate cannot get around: make a subclass")
    function = getattr(tool.func, "func", tool.func)
    if hasattr(function, "ask") and hasattr(function, "resume"):
        raise TypeError(f"{tool.name} has @requires_approval already, and each call would ask twice: remove one")
    own = type(tool)
    if _ATTRIBUTE not in vars(own):
        tool.__class__ = _gated_class(own)


_classes: dict[type[FunctionTool], type[FunctionTool]] = {}


def _gated_class(own: type[FunctionTool]) -> type[FunctionTool]:
    known = _classes.get(own)
    if known:
        return known

    async def invoke(
        self: FunctionTool, *, arguments: Any = None, context: Any = None, skip_parsing: bool = False, **options: Any
    ) -> Any:
        if skip_parsing:
            # Older versions have no such option.
            options["skip_parsing"] = True

        async def run(given: Any) -> Any:
            return await own.invoke(self, arguments=given, context=context, **options)

        call = marked.get()
        if call is None and context is not None:
            call = cast("Marked | None", context.metadata.get(MARK))
        if call is None or isinstance(call, Inside) or not call.is_for(self, context):
            return await run(arguments)
        return await call.invoke(self, run, context.arguments if arguments is None and context else arguments)

    def call(self: FunctionTool, /, *args: Any, **kwargs: Any) -> Any:
        approved = expected.get()
        if approved is not None and approved.tool is self:
            # What the function calls itself is its own work.
            expected.set(None)
            approved.check({**{f"#{index}": each for index, each in enumerate(args)}, **kwargs})
        return own.__call__(self, *args, **kwargs)

    # One base only: an object can change only to a class with the same layout.
    members: dict[str, Any] = {"invoke": invoke, "__call__": call, _ATTRIBUTE: True}
    members.update({"__module__": own.__module__, "__qualname__": own.__qualname__})
    gated = cast("type[FunctionTool]", type(own.__name__, (own,), members))
    _classes[own] = gated
    return gated


def gateable(tools: Any, ungated: Collection[str]) -> list[FunctionTool]:
    """Those that functions of this process run; raises TypeError for others, unless they are named."""
    each_tool: list[Any] = list(tools) if isinstance(tools, (list, tuple)) else [tools] if tools else []
    found: list[FunctionTool] = []
    for tool in each_tool:
        if isinstance(tool, FunctionTool) and not tool.declaration_only:
            found.append(tool)
        elif (name := _name(tool)) not in ungated:
            raise TypeError(
                f"no function of this process runs {name}, so it cannot be gated: remove it, or name it in ungated"
            )
    return found


def agent_behind(tool: FunctionTool) -> object | None:
    """The agent of a tool that was made by `as_tool`. The framework keeps it in a variable of the function."""
    function = tool.func
    is_frameworks = inspect.isfunction(function) and function.__module__ == "agent_framework._agents"
    if is_frameworks and function.__qualname__.endswith(".as_tool.<locals>._agent_wrapper"):
        return cast("object | None", inspect.getclosurevars(function).nonlocals.get("self"))
    return None


def _name(tool: Any) -> str:
    """What a tool is called that the model's provider or the caller runs."""
    if isinstance(tool, Mapping):
        described = cast("Mapping[str, Any]", tool)
        function = described.get("function")
        names = [function.get("name")] if isinstance(function, Mapping) else []
        names += [described.get("name"), described.get("type")]
    else:
        names = [getattr(tool, "name", None), getattr(tool, "type", None)]
    return next((name for name in names if isinstance(name, str) and name), type(tool).__name__)

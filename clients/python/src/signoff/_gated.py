"""The type of a gated function, for type checkers: a function with `ask` and `resume`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from typing import Concatenate

    from typing_extensions import Self

from ._handle import Handle

_P = ParamSpec("_P")
_S = TypeVar("_S")
_T_co = TypeVar("_T_co", covariant=True)
_R = TypeVar("_R")
_Q = ParamSpec("_Q")


class Gated(Protocol[_P, _T_co]):
    """A function behind the gate of a Client."""

    __name__: str
    __qualname__: str

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T_co:
        """Asks, waits, and runs the function once with the approved arguments."""
        ...

    def ask(self, *args: _P.args, **kwargs: _P.kwargs) -> Handle:
        """Asks, and returns as soon as the server has recorded the request.

        Hidden parameters may be omitted if all others are passed by name.
        """
        ...

    def resume(self, handle: Handle, /, *args: Any, **kwargs: Any) -> _T_co:
        """Waits for an asked call, and runs the function once with the approved arguments.

        Takes the hidden parameters, in their order or by name. Raises ValueError for a handle of another tool.
        """
        ...

    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> Self: ...
    @overload
    def __get__(
        self: Gated[Concatenate[_S, _Q], _R], instance: _S, owner: type[Any] | None = None, /
    ) -> Callable[_Q, _R]: ...


class AsyncGated(Protocol[_P, _T_co]):
    """A coroutine function behind the gate of an AsyncClient; each of Gated's functions is one."""

    __name__: str
    __qualname__: str

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _T_co]:
        """As of Gated."""
        ...

    def ask(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, Handle]:
        """As of Gated."""
        ...

    def resume(self, handle: Handle, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, _T_co]:
        """As of Gated."""
        ...

    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> Self: ...
    @overload
    def __get__(
        self: AsyncGated[Concatenate[_S, _Q], _R], instance: _S, owner: type[Any] | None = None, /
    ) -> Callable[_Q, Coroutine[Any, Any, _R]]: ...

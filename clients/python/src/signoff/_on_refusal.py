"""How a refusal is handled: as an exception, or as the result, for frameworks that hide exceptions from the model."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, Union

from ._request import Bind
from .refusals import Refusal, RequestFailed

if typing.TYPE_CHECKING:
    from ._call import Run

OnRefusal = Literal["raise", "return"]
"""With `return`, the text for the model is the function's result."""

_T = TypeVar("_T")


def check_on_refusal(value: object) -> None:
    """Raises ValueError for any other value."""
    if value not in ("raise", "return"):
        raise ValueError(f"on_refusal must be 'raise' or 'return', not {value!r}")


def refuse_other_results(function: str, annotation: object) -> None:
    """Raises TypeError for a function whose declared result cannot be text."""
    if not _can_be_text(annotation):
        raise TypeError(f"on_refusal='return' gives text, and {function} returns {annotation!r}: declare `| str`")


def result_of(function: Callable[..., object]) -> object:
    """The declared result of a function, or Any if unknown."""
    try:
        return typing.get_type_hints(function).get("return", Any)
    except (AttributeError, NameError, SyntaxError, TypeError):
        return Any


def _can_be_text(annotation: Any) -> bool:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _can_be_text(args[0])
    if origin in (Union, types.UnionType):
        return any(_can_be_text(each) for each in args)
    return annotation in (Any, object, str) or isinstance(annotation, TypeVar)


class Refusals:
    """The refusal of one call. An exception of the function itself never becomes text: the function has run."""

    def __init__(self, choice: OnRefusal, function: str = "the function") -> None:
        self._choice = choice
        self._function = function
        self._has_begun = False
        self.call_id: str | None = None
        """The call's id, if it is from a context."""

    def watched(self, bind: Bind[_T]) -> Bind[_T]:
        """The same, which says when the function begins."""

        def bound(approved: Run) -> Callable[[], _T]:
            function = bind(approved)

            def run() -> _T:
                self._has_begun = True
                return function()

            return run

        return bound

    def check(self, refusal: Refusal) -> None:
        """Raises TypeError for a context's id that another call has: the caller has used the context for two."""
        is_reused = isinstance(refusal, RequestFailed) and refusal.reason == "REQUEST_ID_REUSED"
        if is_reused and self.call_id and not self._has_begun:
            raise TypeError(
                f"{self._function}: the context names one call, {self.call_id}, and another call used the same id: "
                "set a call_id or request_id in call_options, around each call that is made with the context"
            ) from refusal

    def text(self, refusal: Refusal) -> Any:
        """The text for the model, if that is what is to be returned; else raises the refusal again.

        Raises what `check` raises.
        """
        self.check(refusal)
        if self._has_begun or self._choice == "raise":
            raise refusal
        return str(refusal)

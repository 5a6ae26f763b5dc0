"""What errors say of themselves to people who are not to see everything: an outcome is stored, and reviewers read it.

No library is imported: their errors are known by module and name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

_PYDANTIC = ("pydantic_core._pydantic_core", "ValidationError")
_JSONSCHEMA = ("jsonschema.exceptions", "_Error")
# As pydantic's errors end each line; also within the text of another error, or of a framework.
_INPUT = re.compile(r"\[type=(\w+), input_value=.*?(?:, input_type=[^\]]+\]|\Z)", re.DOTALL)


def error_text(error: BaseException) -> str:
    """What an error says, without the values that it is about; its type's name if it says nothing, or cannot say it.

    Validation errors repeat their input, which may be what is hidden from reviewers.
    """
    try:
        text = _of_pydantic(error) or str(error)
        for each in _chain(error):
            if _is_a(each, _JSONSCHEMA):
                text = _without_instance(text, each)
        return _INPUT.sub(r"[type=\1]", text) or type(error).__name__
    except Exception:  # noqa: BLE001 - errors come with any code of their own
        return type(error).__name__


def _of_pydantic(error: BaseException) -> str:
    if not _is_a(error, _PYDANTIC):
        return ""
    details: list[dict[str, Any]] = cast("Any", error).errors(
        include_url=False, include_input=False, include_context=False
    )
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {_message(each)}".removeprefix(": ") for each in details)


def _message(detail: dict[str, Any]) -> str:
    # The only one that says what was given.
    return "Input tag is not known" if detail["type"] == "union_tag_invalid" else detail["msg"]


def _without_instance(text: str, error: Any) -> str:
    """The text without what a validation error of jsonschema says in it."""
    known = f"{error.json_path}: does not fit the schema's {error.validator}"
    for said in filter(None, (str(error), error.message)):
        text = text.replace(said, known)
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _is_a(error: BaseException, name: tuple[str, str]) -> bool:
    return any((each.__module__, each.__qualname__) == name for each in type(error).__mro__)

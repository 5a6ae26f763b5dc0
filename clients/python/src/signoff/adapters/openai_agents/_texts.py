"""What the model reads of a call that was not run."""

from __future__ import annotations

import logging
from typing import Any

from agents import RunContextWrapper, default_tool_error_function

from ...refusals import Refusal

_log = logging.getLogger("signoff")


def refusal_text(context: RunContextWrapper[Any], error: Exception) -> str:
    """For `function_tool(failure_error_function=refusal_text)`: hands the text of a refusal to the model.

    The SDK's own function hides it behind "An error occurred …", and the model tries again. Other errors are the SDK's.
    """
    if isinstance(error, Refusal):
        return told(error)
    return default_tool_error_function(context, error)


def told(refusal: Refusal) -> str:
    """The refusal's text for the model. What is for people only is logged: the exception ends here."""
    text = str(refusal)
    if refusal.developer_text != text:
        _log.warning("The call to %s was not run: %s", refusal.tool_name, refusal.developer_text)
    return text

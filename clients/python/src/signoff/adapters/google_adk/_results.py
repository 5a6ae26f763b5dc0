"""What became of a tool that ran."""

from __future__ import annotations

from typing import Any

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext


class Failed(Exception):
    """The tool failed, and is to be reported with this text; ADK gets its result all the same."""

    def __init__(self, text: str, result: Any) -> None:
        super().__init__(text)
        self.result = result


def refuse_unfinished(tool: BaseTool, result: Any, context: ToolContext) -> None:
    """Raises Failed for the result of a tool that says that it failed, or that asks to be run again."""
    call_id = context.function_call_id
    actions = context.actions
    if call_id in actions.requested_auth_configs:
        raise Failed("not done: it asked the user to sign in, and will be asked for again", result)
    if call_id in actions.requested_tool_confirmations:
        raise Failed("not done: it asked the user to confirm it, and will be asked for again", result)
    if _says_error(tool, result):
        raise Failed(_text(result), result)


def _says_error(tool: BaseTool, result: Any) -> bool:
    """Whether it is an error by ADK's convention, or by the tool's own."""
    if isinstance(result, dict) and result.get("error"):
        return True
    detect: Any = getattr(tool, "_detect_error_in_response", None)
    try:
        return bool(detect and detect(result))
    except Exception:  # noqa: BLE001 - it only reads the result
        return False


def _text(result: Any) -> str:
    error = result.get("error") if isinstance(result, dict) else None
    return error if isinstance(error, str) else "the tool's result says that it failed"

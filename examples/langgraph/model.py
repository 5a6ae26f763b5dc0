"""A model that says what it is told to, so that the example needs no network."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("send_email", {"to": "alice@company.com", "subject": "Your refund", "body": "It is on its way."}),
    ("delete_record", {"record_id": "C-17"}),
    ("process_payment", {"to": "bob@example.com", "amount": 250}),
]


class ScriptedModel(BaseChatModel):
    """Makes three calls at once, and then tells how they ended."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        """Itself: it knows the tools."""
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        results = [each for each in messages if isinstance(each, ToolMessage)]
        if results:
            done = sum(each.status == "success" for each in results)
            message = AIMessage(f"{done} of {len(results)} calls were made.")
        else:
            calls = [{"name": name, "args": args, "id": f"call-{name}", "type": "tool_call"} for name, args in CALLS]
            message = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])

"""The scripted models, so that the example needs no network. Replace them by real models."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedModel(BaseChatModel):
    """Returns scripted answers: calls of tools, or a text."""

    answers: list[list[tuple[str, str, dict[str, Any]]] | str]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        """Returns itself: it has the tools already."""
        return self

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            message = AIMessage(answer)
        else:
            calls = [{"id": call, "name": name, "args": args, "type": "tool_call"} for call, name, args in answer]
            message = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


SUPPORT = ScriptedModel(
    answers=[
        [("search", "search_records", {"query": "Alice"})],
        # Two calls at once: one needs nobody, the other a person.
        [
            (
                "mail-to-team",
                "send_email",
                {"to": "team@company.com", "subject": "Alice paid twice", "body": "Record 17."},
            ),
            (
                "mail-to-alice",
                "send_email",
                {"to": "alice@example.com", "subject": "Your refund", "body": "It is on its way."},
            ),
        ],
        [("delete", "delete_record", {"record_id": 17})],
        [("payment-by-support", "process_payment", {"amount": 250.0, "to": "alice@example.com"})],
        [("handoff", "transfer_to_billing", {})],
    ]
)

BILLING = ScriptedModel(
    answers=[
        [("payment-by-billing", "process_payment", {"amount": 250.0, "to": "alice@example.com"})],
        "Alice has her money back.",
    ]
)

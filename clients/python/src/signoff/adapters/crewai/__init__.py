"""CrewAI: tools of a crew, an agent or a list run only after an approval.

crew = gate(crew, client)
"""

from __future__ import annotations

from ._gate import ToolCall, gate

__all__ = ["ToolCall", "gate"]

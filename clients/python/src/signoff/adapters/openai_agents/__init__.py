"""Adapter for the OpenAI Agents SDK (`openai-agents`): its tools run only after an approval.

`gate` gates all tools of an agent, and of the agents that it hands off to. `decisions` waits for the decisions of a
paused run. `refusal_text` is for tools that are gated one by one, below `function_tool`.
"""

from ._durable import decisions
from ._gate import gate
from ._texts import refusal_text

__all__ = ["decisions", "gate", "refusal_text"]

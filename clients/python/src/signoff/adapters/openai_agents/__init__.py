"""Adapter for the OpenAI Agents SDK (`openai-agents`): its tools run only with an approval.

`gate` puts all tools of an agent, and of the agents that it hands off to, behind approval. `decisions` waits for what a
paused run needs. `refusal_text` is for tools that are gated one by one, below `function_tool`.
"""

from ._durable import decisions
from ._gate import gate
from ._texts import refusal_text

__all__ = ["decisions", "gate", "refusal_text"]

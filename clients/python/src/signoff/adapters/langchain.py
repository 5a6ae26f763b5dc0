"""LangChain: a middleware of `create_agent`, behind which tools run only with an approval.

agent = create_agent(model, tools, middleware=[ApprovalMiddleware(client)])
"""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware import AgentMiddleware

from .langgraph import ToolGate


class ApprovalMiddleware(ToolGate, AgentMiddleware[Any, Any]):
    """Runs each tool call of an agent only with an approval; the options are those of ToolGate.

    The policy of the server says which tools need a person. Put it last: it then sees the call as it would run. What a
    middleware after it changes is noticed, and refused.
    """

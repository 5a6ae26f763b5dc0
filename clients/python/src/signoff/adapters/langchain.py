"""LangChain: a middleware of `create_agent`, that runs tools only after an approval.

agent = create_agent(model, tools, middleware=[ApprovalMiddleware(client)])
"""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware import AgentMiddleware

from .langgraph import ToolGate


class ApprovalMiddleware(ToolGate, AgentMiddleware[Any, Any]):
    """Runs each tool call of an agent only after an approval; the options are those of ToolGate.

    The server's policy decides which calls need a person. Put it last: it then sees the call as it would run. A later
    middleware's change to the call is detected and rejected.
    """

"""Adapter for Google ADK 2 (`google-adk`): the tools of an app's agents run only with an approval.

`ApprovalPlugin` puts them behind approval. `decisions` waits for what a paused run needs.
"""

from ._durable import decisions
from ._plugin import ApprovalPlugin

__all__ = ["ApprovalPlugin", "decisions"]

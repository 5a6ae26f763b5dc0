"""Adapter for Google ADK 2 (`google-adk`): the tools of an app's agents run only after an approval.

`ApprovalPlugin` gates them. `decisions` waits for the decisions of a paused run.
"""

from ._durable import decisions
from ._plugin import ApprovalPlugin

__all__ = ["ApprovalPlugin", "decisions"]

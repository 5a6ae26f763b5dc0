"""Tests with agent frameworks, which are in an environment of their own: scripts/setup-frameworks."""

from __future__ import annotations

import os

# Frameworks that would send traces, or look for updates.
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"

"""Hashes that the server, or another run of the agent, calculates as well."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON; raises CanonicalizationError for what that cannot hold."""
    return rfc8785.dumps(value)


def digest(tool_name: str, arguments: dict[str, Any]) -> str:
    """What an approval is for: the digest of its tool and arguments, as in `Approval.digest`."""
    return "sha256:" + sha256(rfc8785.dumps({"arguments": arguments, "tool_name": tool_name})).hexdigest()


def stable_request_id(run_id: str, call_id: str) -> str:
    """The same request_id for the same call of the same run, so that a second run finds the first one's approval."""
    return "call:" + sha256(rfc8785.dumps([run_id, call_id])).hexdigest()

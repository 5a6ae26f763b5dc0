"""The schemas that frameworks have of their tools, as the `arguments_schema` of a call."""

from __future__ import annotations

import logging
from typing import Any, cast

import rfc8785

from .._arguments import Unfit, checked

MAX_BYTES = 16 * 1024
"""Of a schema as canonical JSON; servers take no larger ones."""

_log = logging.getLogger("signoff")


def sendable(schema: object, tool_name: str) -> dict[str, Any] | None:
    """The schema as it can be sent, or None, with a warning, for one that cannot be."""
    try:
        found = checked(schema)
        size = len(rfc8785.dumps(found))
    except (Unfit, RecursionError, rfc8785.CanonicalizationError) as error:
        _log.warning("The schema of %s is not sent, as it is not plain JSON: %s", tool_name, error)
        return None
    if size > MAX_BYTES:
        _log.warning(
            "The schema of %s is not sent: it has %d bytes, at most %d are allowed", tool_name, size, MAX_BYTES
        )
        return None
    return found


def with_defaults(arguments: dict[str, Any], schema: object) -> dict[str, Any]:
    """The arguments with the schema's defaults for those that are missing, so that reviewers see them too."""
    properties = cast("dict[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return arguments
    defaults = {
        name: each["default"]
        for name, each in cast("dict[str, Any]", properties).items()
        if name not in arguments and isinstance(each, dict) and "default" in each
    }
    return {**arguments, **defaults}

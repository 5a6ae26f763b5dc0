"""The schemas that frameworks have of their tools, as the `arguments_schema` of a call."""

from __future__ import annotations

from typing import Any, cast

import rfc8785

from .._arguments import Unfit, checked

MAX_BYTES = 16 * 1024
"""Of a schema as canonical JSON; servers take no larger ones."""


def sendable(schema: object) -> tuple[dict[str, Any] | None, str | None]:
    """The schema as it can be sent, or what keeps it from being sent."""
    try:
        found = checked(schema)
        size = len(rfc8785.dumps(found))
    except Unfit as unfit:
        return None, f"{unfit.path or 'it'} {unfit.problem}"
    except (RecursionError, rfc8785.CanonicalizationError) as error:
        return None, str(error)
    if size > MAX_BYTES:
        return None, f"it has {size} bytes, and at most {MAX_BYTES} are allowed"
    return found, None


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

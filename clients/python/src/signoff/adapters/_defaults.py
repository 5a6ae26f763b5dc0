"""What the schemas of frameworks' tools say of arguments that the model leaves out."""

from __future__ import annotations

from typing import Any, cast


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

"""The handle with which any process can resume an asked call."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, cast

import rfc8785

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Handle:
    """An asked call. It is data, and contains no secret: only the caller that asked can claim.

    approval_id: the approval.
    request_id: names the request.
    tool_name: the tool.
    digest: of the tool and the arguments as asked.

    Raises TypeError or ValueError for invalid members.
    """

    approval_id: str
    request_id: str
    tool_name: str
    digest: str

    def __post_init__(self) -> None:
        """Checks that each member is a text, and that the digest has its form."""
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, str):
                raise TypeError(f"handle: {name} must be text, not {value!r}")
            if not value:
                raise ValueError(f"handle: {name} is empty")
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"handle: digest must be sha256: and 64 hexadecimal digits, not {self.digest!r}")

    def to_json(self) -> str:
        """The handle as JSON, the same in every language."""
        return rfc8785.dumps(dataclasses.asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Handle:
        """Reads a handle from JSON; raises TypeError or ValueError for other JSON."""
        value: Any = json.loads(text)
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(value, dict):
            raise ValueError("handle: not a JSON object")
        members = cast("dict[str, Any]", value)
        for name in names:
            if name not in members:
                raise ValueError(f"handle: {name} is missing")
        for name in members:
            if name not in names:
                raise ValueError(f"handle: unknown member {name!r}; allowed are {', '.join(names)}")
        return cls(**members)

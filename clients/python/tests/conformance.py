"""The vectors that the clients of all languages share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parents[3] / "tests" / "conformance"


def vectors(name: str) -> Any:
    """Those of one file."""
    return json.loads((_DIRECTORY / f"{name}.json").read_text())

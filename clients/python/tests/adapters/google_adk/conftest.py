"""What the tests of the adapter share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Server

POLICY = """
rules:
  - name: harmless
    tools: ["auto_*"]
    auto_approve: {}
  - name: forbidden
    tools: ["never_*"]
    auto_reject:
      message: Dropping tables is not allowed.
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take options from the environment; tests say theirs."""
    for name in os.environ:
        if name.startswith("SIGNOFF_"):
            monkeypatch.delenv(name)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test."""
    server = Server(tmp_path / "own", policy=POLICY)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy knows tools by names that models may use."""
    server = Server(tmp_path_factory.mktemp("server") / "desk", "heartbeat=50ms", policy=POLICY)
    yield server
    server.drain()


@pytest.fixture
def name() -> str:
    """The name of a tool that no other test uses, and that a person decides on."""
    return f"ask_{uuid.uuid4().hex}"

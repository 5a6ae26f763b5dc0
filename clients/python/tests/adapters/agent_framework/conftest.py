"""An agent in each form that the Microsoft Agent Framework runs it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import KINDS, Mail, Runner

from servers import Server


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take options from the environment; tests say theirs."""
    for name in os.environ:
        if name.startswith("SIGNOFF_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests share."""
    server = Server(tmp_path_factory.mktemp("server") / "shared", "heartbeat=50ms")
    yield server
    server.drain()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test."""
    server = Server(tmp_path / "own")
    yield server
    server.kill()


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, server: Server) -> Runner:
    """An agent in each form."""
    return Runner(server, request.param)


@pytest.fixture
def tool() -> str:
    """A name that models may call, and that no other test uses."""
    return f"ask_{uuid.uuid4().hex}"


@pytest.fixture
def mail(tool: str) -> Mail:
    """A tool of that name."""
    return Mail(tool)

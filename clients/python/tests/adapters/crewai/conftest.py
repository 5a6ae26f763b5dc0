"""Crews and agents in each form that CrewAI runs them in."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

# Before CrewAI is imported: it neither tells anybody of the tests, nor writes into the home directory.
os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_TESTING="true",
    CREWAI_TRACING_ENABLED="false",
    OTEL_SDK_DISABLED="true",
    HOME=tempfile.mkdtemp(prefix="crewai-"),
)

import pytest
from runs import KINDS, Mail, Runner

import signoff
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
    """A crew or an agent in each form."""
    return Runner(server, request.param)


@pytest.fixture
def tool() -> str:
    """A name that models may call, and that no other test uses."""
    return f"ask_{uuid.uuid4().hex}"


@pytest.fixture
def mail(tool: str) -> Mail:
    return Mail(tool)


@pytest.fixture
def client(server: Server) -> Iterator[signoff.Client]:
    """The agent's client."""
    with signoff.Client(server.address, token=server.agent) as client:
        yield client

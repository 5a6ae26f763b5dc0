"""Servers and agents that tests share."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from client_kinds import KINDS, Asyncio, Blocking
from fakes import Fake, fake_server
from servers import REMEMBERS, Server


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take options from the environment; tests say theirs."""
    for name in os.environ:
        if name.startswith("SIGNOFF_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> None:
    """Python ignores it where the shell does, as in the background of a script; tests press it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for whoever does not stop it."""
    server = Server(tmp_path_factory.mktemp("server") / "shared", "heartbeat=50ms")
    yield server
    server.drain()


@pytest.fixture(scope="session")
def remembering_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy remembers rejections."""
    server = Server(tmp_path_factory.mktemp("server") / "remembering", policy=REMEMBERS)
    yield server
    server.drain()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test."""
    server = Server(tmp_path / "own")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PEM files of the authority, the server and an agent."""
    directory = tmp_path_factory.mktemp("certificates")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    for name, certificate in [
        ("server", authority.issue_cert("127.0.0.1")),
        ("agent", authority.issue_cert("agent.example.com")),
    ]:
        certificate.private_key_pem.write_to_path(directory / f"{name}.key")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(directory / f"{name}.pem", append=True)
    return directory


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[Blocking] | type[Asyncio]:
    """Each kind of client."""
    return KINDS[request.param]


@pytest.fixture
def agent(kind: type[Blocking] | type[Asyncio], server: Server) -> Blocking | Asyncio:
    """An agent at the shared server."""
    return kind(server.address, server.agent)


@pytest.fixture
def tool() -> str:
    """The name of a tool that no other test uses."""
    return f"ask.{uuid.uuid4()}"


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A server that misbehaves as it is told."""
    with fake_server() as fake:
        yield fake


class Recorder:
    """A function that remembers what it ran with."""

    def __init__(self) -> None:
        self.runs: list[dict[str, object]] = []

    def __call__(self, run: object) -> str:
        self.runs.append(vars(run))
        return "done"


@pytest.fixture
def function() -> Recorder:
    """A function to be gated."""
    return Recorder()

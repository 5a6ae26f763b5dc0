"""Plain calls over connections with and without TLS, and what becomes of a connection that is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

import signoff
from client_kinds import Asyncio, Blocking
from conftest import Recorder
from fakes import Fake, fake_server
from servers import Server
from signoff._failures import Failure
from signoff._tries import Tries
from signoff.v1.access_pb2 import AuthenticationMethod
from signoff.v1.access_service_pb2 import GetCallerRequest
from signoff.v1.approval_pb2 import Approval
from signoff.v1.approval_service_pb2 import ListApprovalsRequest, ListApprovalsResponse
from signoff.v1.policy_service_pb2 import GetPolicyRequest


@pytest.fixture(scope="session")
def tls_server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("server") / "tls",
        f"tls.certificate={files / 'server.pem'}",
        f"tls.key={files / 'server.key'}",
        f"tls.client_ca={files / 'ca.pem'}",
        "certificates.agent=DNS:agent.example.com",
        scheme="https",
    )
    yield server
    server.drain()


def test_plain_calls(server: Server) -> None:
    with signoff.Client(server.address, token=server.operator) as client:
        assert client.access.GetCaller(GetCallerRequest()).caller.actor.subject == "operator"
        assert client.policies.GetPolicy(GetPolicyRequest()).file.path
        answer, outcome = client.approvals.ListApprovals.with_call(ListApprovalsRequest(page_size=1))
        assert outcome.code() is grpc.StatusCode.OK
        assert client.approvals.ListApprovals.future(ListApprovalsRequest(page_size=1)).result() == answer


def test_plain_calls_of_asyncio(server: Server) -> None:
    async def run() -> None:
        async with signoff.AsyncClient(server.address, token=server.operator) as client:
            assert (await client.access.GetCaller(GetCallerRequest())).caller.actor.subject == "operator"
            assert (await client.policies.GetPolicy(GetPolicyRequest())).file.path
            await client.approvals.ListApprovals(ListApprovalsRequest(page_size=1), timeout=30)

    asyncio.run(run())


def test_unary_calls_have_a_deadline() -> None:
    with fake_server() as fake, signoff.Client(fake.address, deadline=0.1) as client:
        fake.listed = None
        with pytest.raises(grpc.RpcError) as error:
            client.approvals.ListApprovals(ListApprovalsRequest())
        assert "DEADLINE_EXCEEDED" in str(error.value)


def test_large_pages_fit() -> None:
    with fake_server() as fake, signoff.Client(fake.address) as client:
        fake.listed = ListApprovalsResponse(approvals=[Approval(reason="x" * (1 << 20)) for _ in range(60)])
        assert len(client.approvals.ListApprovals(ListApprovalsRequest()).approvals) == 60


def test_tls(kind: type[Blocking] | type[Asyncio], tls_server: Server, files: Path, function: Recorder) -> None:
    agent = kind(tls_server.address, tls_server.agent, ca=files / "ca.pem")
    assert agent.run(signoff.Call("auto.search", {}), function) == "done"


def test_certificates_of_clients(
    kind: type[Blocking] | type[Asyncio], tls_server: Server, files: Path, function: Recorder
) -> None:
    shown: dict[str, Any] = {"certificate": str(files / "agent.pem"), "key": files / "agent.key"}
    agent = kind(tls_server.address, ca=files / "ca.pem", **shown)
    assert agent.run(signoff.Call("auto.search", {}), function) == "done"
    with signoff.Client(tls_server.address, ca=files / "ca.pem", **shown) as client:
        method = client.access.GetCaller(GetCallerRequest()).caller.method
        assert method == AuthenticationMethod.AUTHENTICATION_METHOD_CERTIFICATE


def test_other_authorities_are_not_trusted(
    kind: type[Blocking] | type[Asyncio], tls_server: Server, tmp_path: Path, function: Recorder
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for ca in (tmp_path / "other.pem", None):
        agent = kind(tls_server.address, tls_server.agent, ca=ca)
        with pytest.raises(signoff.Unavailable):
            agent.run(signoff.Call("auto.search", {}, patience=0.2), function)
    assert not function.runs


def test_the_systems_authorities_are_trusted(
    tls_server: Server, files: Path, monkeypatch: pytest.MonkeyPatch, function: Recorder
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "ca.pem"))
    assert Blocking(tls_server.address, tls_server.agent).run(signoff.Call("auto.search", {}), function) == "done"


def test_each_try_is_one_to_connect(
    kind: type[Blocking] | type[Asyncio], function: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    connections: list[object] = []

    def rest(tries: Tries, failure: Failure) -> float:
        rests.append(Tries.left(tries))
        return own_rest(tries, failure)

    def refuse() -> None:
        # Until the listener is shut down.
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                connection.close()

    own_rest = Tries.rest
    monkeypatch.setattr(Tries, "rest", rest)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = threading.Thread(target=refuse)
        refusing.start()
        with pytest.raises(signoff.Unavailable):
            kind(f"127.0.0.1:{listener.getsockname()[1]}").run(signoff.Call("t", {}, patience=3), function)
        listener.shutdown(socket.SHUT_RDWR)
        refusing.join()
    assert 2 * len(rests) + 2 >= len(connections) >= len(rests) > 1


def test_proxies_get_nothing_without_tls(
    kind: type[Blocking] | type[Asyncio], fake: Fake, function: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "https_proxy", "grpc_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("no_proxy", "no_grpc_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert kind(fake.address, "secret").run(signoff.Call("t", {}, patience=2), function) == "done"
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()

"""What is said when the server cannot be reached: once, with its address and the cause, and at once if no try helps."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import logging
import socket
import ssl
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

import signoff
from client_kinds import Asyncio, Blocking
from conftest import Recorder
from fakes import PENDING, Fake, approve, fail
from servers import Server
from signoff._failures import broken
from streams import UNAVAILABLE, breaks, call, is_at

Kind = type[Blocking] | type[Asyncio]
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


def refused(kind: Kind, address: str, function: Recorder, patience: float = 60, **options: Any) -> signoff.Unavailable:
    """Why the call was not made. With so much patience nobody waits for another try."""
    with pytest.raises(signoff.Unavailable) as refused:
        kind(address, "secret", **options).run(call(patience=patience), function)
    assert not function.runs
    assert "secret" not in refused.value.developer_text
    return refused.value


@contextlib.contextmanager
def tls(certificate: trustme.LeafCert) -> Generator[str]:
    """A server of gRPC with TLS, by its host and port."""
    server = grpc.server(ThreadPoolExecutor(1))
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


class Page(http.server.BaseHTTPRequestHandler):
    """Of another web server."""

    status = 404

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002


@contextlib.contextmanager
def web(certificate: trustme.LeafCert | None = None, status: int = 404) -> Generator[str]:
    """A web server that speaks HTTP/1.1 only, by its host and port."""
    page = type("PageWithStatus", (Page,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), page) as server:
        # Handshakes that fail are none of its business.
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # pyright: ignore
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
            server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@contextlib.contextmanager
def web2(status: bytes) -> Generator[str]:
    """A web server that speaks HTTP/2, and answers every request with these headers."""

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=answer, args=[connection]).start()

    def answer(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        with contextlib.suppress(OSError):
            stream.read(24)
            connection.sendall(frame(4, 0, 0, b""))
            while head := stream.read(9):
                stream.read(int.from_bytes(head[:3], "big"))
                if head[3] == 1:
                    connection.sendall(frame(1, 5, int.from_bytes(head[5:], "big"), status))

    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def test_plain_to_tls(kind: Kind, authority: trustme.CA, function: Recorder) -> None:
    with tls(authority.issue_cert("127.0.0.1")) as host:
        refusal = refused(kind, f"http://{host}", function)
    assert refusal.problem == "this address speaks TLS: use https://"
    assert refusal.developer_text == (
        f"Cannot reach the approvals server at http://{host}: this address speaks TLS: use https://."
    )
    assert isinstance(refusal.__cause__, grpc.RpcError)


def test_plain_to_our_own_tls(kind: Kind, files: Path, tmp_path: Path, function: Recorder) -> None:
    settings = (f"tls.certificate={files / 'server.pem'}", f"tls.key={files / 'server.key'}")
    server = Server(tmp_path / "tls", *settings, scheme="https")
    try:
        refusal = refused(kind, server.address.replace("https", "http"), function)
    finally:
        server.drain()
    assert refusal.problem == "this address speaks TLS: use https://"


def test_tls_to_plain(kind: Kind, server: Server, fake: Fake, function: Recorder, files: Path) -> None:
    for address in (server.address, fake.address):
        refusal = refused(kind, address.replace("http", "https"), function, ca=files / "ca.pem")
        assert refusal.problem == "this address does not speak TLS: use http://"


def test_authorities_that_are_not_known(kind: Kind, authority: trustme.CA, function: Recorder, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with tls(authority.issue_cert("127.0.0.1")) as host:
        for ca in (tmp_path / "other.pem", None):
            refusal = refused(kind, f"https://{host}", function, ca=ca)
            assert refusal.problem.startswith("its certificate is not trusted (")
            assert refusal.problem.endswith("): set ca (SIGNOFF_CA) to the authority that signed it")


@pytest.mark.parametrize(
    ("name", "expires", "why"),
    [("example.com", None, "mismatch"), ("127.0.0.1", LONG_AGO, "certificate has expired")],
)
def test_certificates_that_are_not_valid(
    kind: Kind, authority: trustme.CA, files: Path, function: Recorder, name: str, expires: Any, why: str
) -> None:
    before = expires and expires - datetime.timedelta(days=30)
    with tls(authority.issue_cert(name, not_before=before, not_after=expires)) as host:
        refusal = refused(kind, f"https://{host}", function, ca=files / "ca.pem")
    assert refusal.problem.startswith("its certificate is not valid here (")
    assert why in refusal.problem
    assert not refusal.problem.endswith(".)")


def test_other_web_servers(kind: Kind, authority: trustme.CA, files: Path, function: Recorder) -> None:
    with web() as host:
        assert refused(kind, f"http://{host}", function).problem == "it is not a Signoff server (HTTP 404)"
        problem = refused(kind, f"https://{host}", function, ca=files / "ca.pem").problem
        assert problem == "this address does not speak TLS: use http://"
    with web(authority.issue_cert("127.0.0.1"), status=200) as host:
        problem = refused(kind, f"https://{host}", function, ca=files / "ca.pem").problem
        assert problem == "it is not a Signoff server (HTTP 200)"
        assert refused(kind, f"http://{host}", function).problem == "this address speaks TLS: use https://"
    # The header `:status: 404`, by its number in the table of HPACK.
    with web2(b"\x8d") as host:
        assert refused(kind, f"http://{host}", function).problem == "it is not a Signoff server (HTTP 404)"


def test_proxies_of_a_server_that_is_down(kind: Kind, function: Recorder) -> None:
    """Are tried again."""
    with web(status=503) as host:
        assert "Signoff server" not in refused(kind, f"http://{host}", function, patience=0.5).problem
    with web2(b"\x08\x03503") as host:
        assert "Signoff server" not in refused(kind, f"http://{host}", function, patience=0.5).problem


def test_a_server_that_was_there_is_tried_again(kind: Kind, fake: Fake, function: Recorder) -> None:
    """Whatever a proxy says of it meanwhile."""
    fake.on_ask = [
        breaks(is_at(PENDING)),
        breaks(is_at(PENDING), message="Received http2 header with status: 404"),
        approve,
    ]
    assert kind(fake.address).run(call(), function) == "done"


def test_it_is_said_once(kind: Kind, function: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        refusal = refused(kind, address, function, patience=1.4)
    text = f"Cannot reach the approvals server at {address}: connection refused."
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [each for each in said if "Cannot reach" in each] == [f"{text} Trying for 1 s."]
    assert refusal.developer_text == text
    assert (refusal.address, refusal.problem) == (address, "connection refused")
    assert "http" not in str(refusal)


def test_it_is_said_once_of_claims(
    kind: Kind, fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on_claim = [lambda _, context: fail(context, UNAVAILABLE, "no")] * 2 + [fake.grant]  # pyright: ignore
    assert kind(fake.address).run(call(), function) == "done"
    assert caplog.text.count("Cannot reach the approvals server") == 1


def test_a_server_that_ends_its_streams_is_not_one_that_is_gone(
    kind: Kind, fake: Fake, function: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on_ask = [breaks(is_at(PENDING), own="DRAINING", retry_after=0), approve]
    assert kind(fake.address).run(call(), function) == "done"
    assert "Cannot reach" not in caplog.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote "
            "host: Connection refused",
            "connection refused",
        ),
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv6:%5B::1%5D:1: Failed to connect to remote "
            "host: connect: Connection refused (111)",
            "connection refused",
        ),
        (
            "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:127.0.0.1:1: recvmsg:Connection reset "
            "by peer (104)",
            "connection reset by peer",
        ),
        (
            "errors resolving no.invalid:80: [field:hostname lookup error:address lookup failed for no.invalid:80: "
            "Domain name not found]",
            "cannot resolve no.invalid:80: Domain name not found",
        ),
        ("the server sent nothing in time", "the server sent nothing in time"),
        ("", "UNAVAILABLE"),
    ],
)
def test_causes(text: str, problem: str) -> None:
    assert broken(ConnectionError(text)).problem == problem

"""Options of connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

import signoff
from signoff._options import Options, resolve


def options(address: str | None = None, **given: Any) -> Options:
    every: dict[str, Any] = dict.fromkeys(("token", "ca", "certificate", "key", "insecure"))
    every |= {"deadline": 30.0, **given}
    return resolve(address, **every)


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        (None, "http://127.0.0.1:7766"),
        ("localhost:1234", "http://localhost:1234"),
        ("http://localhost:1234/", "http://localhost:1234"),
        ("https://signoff.example.com", "https://signoff.example.com:443"),
        ("http://[::1]:1234", "http://[::1]:1234"),
    ],
)
def test_address(address: str | None, normal: str) -> None:
    assert options(address).address == normal


@pytest.mark.parametrize(
    "address",
    ["ftp://host:1", "http://", "http://host:1/path", "http://host:1?q", "http://host:99999", "http://me:secret@host"],
)
def test_bad_address(address: str) -> None:
    with pytest.raises(ValueError, match="address must be") as error:
        options(address)
    assert "secret" not in str(error.value)


def test_environment(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    given = {"CA": files / "ca.pem", "CERTIFICATE": files / "agent.pem", "KEY": files / "agent.key"}
    for name, path in given.items():
        monkeypatch.setenv(f"SIGNOFF_{name}", str(path))
    monkeypatch.setenv("SIGNOFF_ADDRESS", "https://signoff.example.com:1234")
    monkeypatch.setenv("SIGNOFF_TOKEN", " token\n")
    found = options()
    assert (found.address, found.token) == ("https://signoff.example.com:1234", "token")
    assert [found.ca, found.certificate, found.key] == [path.read_bytes() for path in given.values()]
    assert options("http://localhost", token="other").token == "other"
    assert options(token="").token is None
    monkeypatch.setenv("SIGNOFF_TOKEN", "")
    monkeypatch.setenv("SIGNOFF_ADDRESS", "")
    assert (options().address, options().token) == ("http://127.0.0.1:7766", None)


@pytest.mark.parametrize("host", ["localhost", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]"])
def test_tokens_may_be_sent_on_this_machine(host: str) -> None:
    assert options(f"http://{host}:1", token="secret").token == "secret"


@pytest.mark.parametrize("host", ["signoff.example.com", "10.0.0.1", "[2001:db8::1]", "localhost.example.com"])
def test_tokens_are_not_sent_to_others_in_the_clear(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="without TLS") as error:
        options(f"http://{host}:1", token="secret")
    assert "secret" not in str(error.value)
    assert options(f"http://{host}:1").token is None
    assert options(f"https://{host}:1", token="secret").token == "secret"
    assert options(f"http://{host}:1", token="secret", insecure=True).token == "secret"
    for value in ("true", "1"):
        monkeypatch.setenv("SIGNOFF_INSECURE", value)
        assert options(f"http://{host}:1", token="secret").token == "secret"
    with pytest.raises(ValueError, match="without TLS"):
        options(f"http://{host}:1", token="secret", insecure=False)
    monkeypatch.setenv("SIGNOFF_INSECURE", "false")
    with pytest.raises(ValueError, match="without TLS"):
        options(f"http://{host}:1", token="secret")


@pytest.mark.parametrize(
    "given",
    [
        {"address": "https://host", "certificate": "c.pem"},
        {"address": "https://host", "key": "k.pem"},
        {"address": "http://localhost", "ca": "ca.pem"},
        {"token": "two words"},
        {"token": "line\nbreak"},
        {"deadline": 0},
        {"deadline": float("inf")},
        {"deadline": timedelta(0)},
    ],
)
def test_of_no_use(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - each with a text of its own
        options(**given)
    assert "words" not in str(error.value)
    assert "break" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"deadline": "10s"}, "deadline must be seconds or a timedelta, not '10s'"),
        ({"deadline": None}, "deadline must be seconds or a timedelta"),
        ({"deadline": True}, "deadline must be seconds or a timedelta"),
        ({"address": 7766}, "address must be text"),
        ({"token": 7}, "token must be text"),
        ({"ca": b"-----BEGIN"}, "ca must be the path of a PEM file"),
        ({"certificate": 1, "key": 2}, "certificate must be the path of a PEM file"),
        ({"insecure": "no"}, "insecure must be True or False"),
        ({"timeout": 1}, "unexpected keyword argument 'timeout'"),
    ],
)
def test_of_the_wrong_type(given: dict[str, Any], text: str) -> None:
    for kind in (signoff.Client, signoff.AsyncClient):
        with pytest.raises(TypeError, match=text):
            kind(**given)


def test_deadlines_may_be_timedeltas() -> None:
    assert options(deadline=timedelta(seconds=7)).deadline == 7


def test_what_insecure_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("yes", "True", "TRUE", "2", " "):
        monkeypatch.setenv("SIGNOFF_INSECURE", value)
        with pytest.raises(ValueError, match="SIGNOFF_INSECURE must be true, 1, false or 0"):
            options()
        assert options(insecure=False).token is None
    for value in ("false", "0", ""):
        monkeypatch.setenv("SIGNOFF_INSECURE", value)
        assert options(token="secret").token == "secret"


@pytest.mark.parametrize("content", [b"", b"nothing of PEM\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_cannot_be_used(
    files: Path, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)
    for given in [
        {"ca": bad},
        {"certificate": bad, "key": files / "agent.key"},
        {"certificate": files / "agent.pem", "key": bad},
    ]:
        with pytest.raises(ValueError, match="PEM file"):
            options("https://host", **given)
    # Those of the environment are of no use without TLS, and are not looked at.
    monkeypatch.setenv("SIGNOFF_CA", str(bad))
    assert options("http://localhost").ca is None


def test_keys_that_cannot_be_used(files: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    key = load_pem_private_key((files / "agent.key").read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    for unfit in (files / "server.key", locked):
        with pytest.raises(ValueError, match="PEM files that belong together"):
            options("https://host", certificate=files / "agent.pem", key=unfit)


def test_files_are_read_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        options("https://host", ca=tmp_path / "none.pem")


def test_tokens_are_not_shown() -> None:
    client = signoff.Client(token="secret")
    assert repr(client) == "Client('http://127.0.0.1:7766')"
    assert repr(signoff.AsyncClient(token="secret")) == "AsyncClient('http://127.0.0.1:7766')"
    assert "secret" not in repr(options(token="secret"))
    client.close()


def test_async_clients_belong_to_one_loop() -> None:
    client = signoff.AsyncClient()

    async def use() -> object:
        return client.approvals

    loop = asyncio.new_event_loop()
    loop.run_until_complete(use())
    with pytest.raises(RuntimeError, match="one event loop"):
        asyncio.run(use())
    loop.run_until_complete(client.close())
    loop.close()

"""Options of connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

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
    with pytest.raises(ValueError, match="an address is") as error:
        options(address)
    assert "secret" not in str(error.value)


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CA", "CERTIFICATE", "KEY"):
        (tmp_path / name).write_text(name)
        monkeypatch.setenv(f"SIGNOFF_{name}", str(tmp_path / name))
    monkeypatch.setenv("SIGNOFF_ADDRESS", "https://signoff.example.com:1234")
    monkeypatch.setenv("SIGNOFF_TOKEN", " token\n")
    found = options()
    assert (found.address, found.token) == ("https://signoff.example.com:1234", "token")
    assert (found.ca, found.certificate, found.key) == (b"CA", b"CERTIFICATE", b"KEY")
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
    ],
)
def test_of_no_use(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - each with a text of its own
        options(**given)
    assert "words" not in str(error.value)
    assert "break" not in str(error.value)


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

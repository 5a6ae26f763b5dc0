"""Options of a connection: from arguments, else from the environment."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ._call_options import Seconds, check_flag, check_name, check_time, seconds

DEFAULT_ADDRESS = "http://127.0.0.1:7766"
DEFAULT_DEADLINE = 30.0

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Options:
    """The options of a connection. Its printed form shows neither the token nor the key."""

    host: str
    port: int
    is_tls: bool
    deadline: float
    token: str | None = field(repr=False)
    ca: bytes | None = field(repr=False)
    certificate: bytes | None = field(repr=False)
    key: bytes | None = field(repr=False)

    @property
    def address(self) -> str:
        """As it may be given again."""
        return f"{'https' if self.is_tls else 'http'}://{self.host}:{self.port}"


def resolve(
    address: str | None,
    *,
    token: str | None,
    ca: StrPath | None,
    certificate: StrPath | None,
    key: StrPath | None,
    insecure: bool | None,
    deadline: Seconds,
) -> Options:
    """Raises TypeError or ValueError for options that cannot be used, and OSError for files that cannot be read."""
    check_name("address", address)
    check_name("token", token)
    paths: dict[str, Any] = {"ca": ca, "certificate": certificate, "key": key}
    for name, path in paths.items():
        if not (path is None or isinstance(path, (str, os.PathLike))):
            raise TypeError(f"{name} must be the path of a PEM file, not {type(path).__name__}")
    if insecure is not None:
        check_flag("insecure", insecure)
    host, port, is_tls = _parse(address or _environment("ADDRESS") or DEFAULT_ADDRESS)
    if is_tls:
        ca = ca or _environment("CA")
        certificate = certificate or _environment("CERTIFICATE")
        key = key or _environment("KEY")
    elif ca or certificate or key:
        raise ValueError("ca, certificate and key need an https:// address")
    if bool(certificate) != bool(key):
        raise ValueError("certificate and key must be set together")
    token = _token(_environment("TOKEN") if token is None else token)
    if insecure is None:
        insecure = _truth("INSECURE")
    if token and not is_tls and not insecure and not _is_loopback(host):
        raise ValueError("the token would be sent without TLS to another machine: use https://, or set insecure")
    check_time("deadline", deadline)
    if is_tls:
        _check_files(ca, certificate, key)
    return Options(
        host=host,
        port=port,
        is_tls=is_tls,
        deadline=seconds(deadline),
        token=token,
        ca=_read(ca),
        certificate=_read(certificate),
        key=_read(key),
    )


def _environment(name: str) -> str | None:
    return os.environ.get(f"SIGNOFF_{name}") or None


def _truth(name: str) -> bool:
    value = _environment(name)
    if value not in (None, "true", "1", "false", "0"):
        raise ValueError(f"SIGNOFF_{name} must be true, 1, false or 0")
    return value in ("true", "1")


def _parse(address: str) -> tuple[str, int, bool]:
    # The rejected text is not shown: it may contain a password.
    problem = "address must be https://HOST:PORT or http://HOST:PORT"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(problem) from None
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme not in ("http", "https") or not host or not is_bare:
        raise ValueError(problem)
    is_tls = parts.scheme == "https"
    return (f"[{host}]" if ":" in host else host), port or (443 if is_tls else 80), is_tls


def _token(token: str | None) -> str | None:
    token = token.strip() if token else None
    if token and not all("!" <= character <= "~" for character in token):
        raise ValueError("the token must consist of visible ASCII characters")
    return token or None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ip = ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback


def _check_files(ca: StrPath | None, certificate: StrPath | None, key: StrPath | None) -> None:
    # gRPC takes any bytes, and then cannot connect.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca:
            context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise ValueError(f"ca is not a PEM file of certificates: {error}") from error
    try:
        if certificate:
            # A key that has a password is of no use to gRPC; without one here, it is asked for at the terminal.
            context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise ValueError(f"certificate and key are not PEM files that belong together: {error}") from error


def _read(path: StrPath | None) -> bytes | None:
    return Path(path).read_bytes() if path else None

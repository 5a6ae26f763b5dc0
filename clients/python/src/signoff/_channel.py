"""What both kinds of channels, blocking and asyncio, are made with."""

from __future__ import annotations

import ssl
from typing import Any

import grpc

from ._options import Options

_ARGUMENTS = (
    # Neither NATs nor load balancers cut what is not silent, and a connection that they cut is noticed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The pages of lists are large.
    ("grpc.max_receive_message_length", 64 << 20),
    # The gate itself tries again. A channel connects again by itself, called or not; its rests, with their fifth of
    # chance, grow as the gate's do and stay below them, so that for each of the gate's tries there is one to connect.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 4_000),
    ("grpc.dns_min_time_between_resolutions_ms", 100),
)


def arguments(options: Options) -> list[tuple[str, int]]:
    """What channels are made with."""
    # A proxy of the environment would read what is sent to it without TLS, the token too.
    return [*_ARGUMENTS, ("grpc.enable_http_proxy", int(options.is_tls))]


def target(options: Options) -> str:
    """The server's name for gRPC; `dns:` also stands before IP addresses."""
    return f"dns:///{options.host}:{options.port}"


def credentials(options: Options) -> grpc.ChannelCredentials:
    """How the server is recognised, and what is shown to it."""
    roots = options.ca if options.ca is not None else _system_roots()
    return grpc.ssl_channel_credentials(roots, options.key, options.certificate)


def _system_roots() -> bytes | None:
    # gRPC would take authorities of its own; it still does where the system has none.
    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, authorities)).encode() or None


class Authorized:
    """A channel for stubs, blocking or asyncio, whose calls carry the token and, if unary, the deadline.

    Not an interceptor, as those of asyncio put a task of their own between a call and its cancellation.
    """

    def __init__(self, channel: Any, options: Options) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {options.token}"),) if options.token else ()
        self._deadline = options.deadline

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """As of a channel."""
        return _Method(self._channel.unary_unary(*args, **kwargs), self._metadata, self._deadline)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As of a channel."""
        return _Method(self._channel.unary_stream(*args, **kwargs), self._metadata, None)


class _Method:
    """A multi-callable; parameters that it does not know are gRPC's."""

    def __init__(self, method: Any, metadata: tuple[tuple[str, str], ...], deadline: float | None) -> None:
        self._method = method
        self._metadata = metadata
        self._deadline = deadline

    def __call__(self, request: Any, timeout: float | None = None, metadata: Any = None, **rest: Any) -> Any:
        return self._method(request, **self._with_defaults(timeout, metadata), **rest)

    def with_call(self, request: Any, timeout: float | None = None, metadata: Any = None, **rest: Any) -> Any:
        return self._method.with_call(request, **self._with_defaults(timeout, metadata), **rest)

    def future(self, request: Any, timeout: float | None = None, metadata: Any = None, **rest: Any) -> Any:
        return self._method.future(request, **self._with_defaults(timeout, metadata), **rest)

    def _with_defaults(self, timeout: float | None, metadata: Any) -> dict[str, Any]:
        return {
            "timeout": self._deadline if timeout is None else timeout,
            "metadata": (*self._metadata, *(metadata or ())),
        }

"""Why there is no connection: whether the address speaks TLS, and whether its certificate is trusted.

gRPC has only texts, which change with its versions and are the same for a server that is down. So the handshake is made
once more with Python's own TLS, which has the reason. A server without HTTP/2 gets an empty HTTP/1.1 request, for its
status. Neither gets the token.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl

from ._options import Options

# Of OpenSSL. All else that it finds wrong is wrong with the certificate itself.
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 27})
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


_PASSING = frozenset({429, 502, 503, 504})
"""Answers of proxies for a server that is down."""


def misconfiguration(options: Options, seconds: float, *, is_http1: bool) -> str:
    """Why the server cannot be at this address; empty if it may be, or if unknown."""
    if options.is_tls and _has_proxy():
        return ""
    try:
        with socket.create_connection((options.host.strip("[]"), options.port), seconds) as connection:
            problem = _of_tls(options, connection) if options.is_tls else _of_plain(connection)
        return problem or (_of_http1(options, seconds) if is_http1 else "")
    except (OSError, ValueError, http.client.HTTPException):
        # As of a server that is down, which is why it was looked into.
        return ""


def other_server(status: int) -> str:
    """That another web server answers with this HTTP status; empty if a proxy may have answered for ours."""
    return "" if status in _PASSING else f"it is not a Signoff server (HTTP {status})"


def _has_proxy() -> bool:
    names = ("grpc_proxy", "https_proxy", "http_proxy")
    return any(os.environ.get(name) for name in names)


def _of_plain(connection: socket.socket) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.wrap_socket(connection).close()
    except ssl.SSLError as error:
        # Alerts are TLS too.
        if "ALERT" not in (error.reason or ""):
            return ""
    return "this address speaks TLS: use https://"


def _of_tls(options: Options, connection: socket.socket) -> str:
    context = _context(options)
    if not (options.ca or context.get_ca_certs()):
        # gRPC has authorities of its own, which are not known here.
        return ""
    try:
        context.wrap_socket(connection, server_hostname=options.host.strip("[]")).close()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _UNKNOWN_AUTHORITY:
            return (
                f"its certificate is not trusted ({_why(error)}): set ca (SIGNOFF_CA) to the authority that signed it"
            )
        return f"its certificate is not valid here ({_why(error)})"
    except ssl.SSLError as error:
        if error.reason in _NOT_TLS:
            return "this address does not speak TLS: use http://"
    return ""


def _context(options: Options) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=options.ca.decode() if options.ca else None)


def _why(error: ssl.SSLCertVerificationError) -> str:
    return error.verify_message.removesuffix(".")


def _of_http1(options: Options, seconds: float) -> str:
    host = options.host.strip("[]")
    connection: http.client.HTTPConnection
    if options.is_tls:
        connection = http.client.HTTPSConnection(host, options.port, timeout=seconds, context=_context(options))
    else:
        connection = http.client.HTTPConnection(host, options.port, timeout=seconds)
    try:
        connection.request("POST", "/", headers={"content-type": "application/grpc"})
        return other_server(connection.getresponse().status)
    finally:
        connection.close()

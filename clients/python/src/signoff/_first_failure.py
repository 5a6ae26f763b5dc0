"""Logs a call's first failure, with the address and the cause, and finds failures that no retry can fix."""

from __future__ import annotations

import dataclasses
import logging
import re

import grpc

from ._failures import Failure
from ._options import Options
from ._probe import misconfiguration, other_server
from ._wait import Wait

_log = logging.getLogger("signoff")

_LONGEST = 5.0
"""Maximum seconds for finding the reason."""

_HTTP = re.compile(r"(?:http2 header with status: |HTTP status |http1\.x server \(HTTP status )(\d{3})", re.IGNORECASE)
# What speaks, but no HTTP/2.
_HTTP1 = re.compile(r"Failed parsing HTTP/2|missing selected ALPN|http1\.x server", re.IGNORECASE)


class FirstFailure:
    """The first failure of one call."""

    def __init__(self, options: Options, tool_name: str) -> None:
        self._options = options
        self._tool_name = tool_name
        self._is_looked_into = False
        self._is_said = False

    def must_look(self, failure: Failure, wait: Wait) -> bool:
        """Whether `explained` connects to the server by itself, which takes a while."""
        is_of_grpc = isinstance(failure.cause, grpc.RpcError) and failure.code is grpc.StatusCode.UNAVAILABLE
        return (
            is_of_grpc
            and not failure.is_servers_own
            and wait.approval is None
            and not (self._is_looked_into or _http_problem(failure))
        )

    def explained(self, failure: Failure, wait: Wait) -> Failure:
        """The failure, with the reason if the server cannot be at this address. Else logs a warning, the first time.

        Where the server has answered before, it is at this address, whatever it says now.
        """
        if wait.approval is None and not failure.is_servers_own:
            problem = _http_problem(failure)
            if self.must_look(failure, wait):
                self._is_looked_into = True
                seconds = min(_LONGEST, max(0.5, wait.left()))
                problem = misconfiguration(self._options, seconds, is_http1=bool(_HTTP1.search(failure.message)))
            if problem:
                return dataclasses.replace(failure, misconfiguration=problem)
        # A server ends its streams now and then, and says so.
        if not (failure.is_servers_own and wait.approval):
            self.warn(failure, wait.left())
        return failure

    def warn(self, failure: Failure, left: float) -> None:
        """Logs that it is tried again for so many seconds, once for each call."""
        if self._is_said or not failure.is_passing:
            return
        self._is_said = True
        goes_on = f"Trying for {left:.0f} s." if left >= 0.5 else "Trying once more."
        address, problem = self._options.address, failure.problem.removesuffix(".")
        _log.warning("Cannot reach the approvals server at %s: %s. %s", address, problem, goes_on)


def _http_problem(failure: Failure) -> str:
    """That another web server answers, as far as gRPC's text tells."""
    status = _HTTP.search(failure.message)
    return other_server(int(status[1])) if status else ""

"""Real servers to test against: `signoff serve --dev`, each with a directory of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import IO

BINARY = os.environ.get("SIGNOFF_BIN", "")

POLICY = """
rules:
  - name: harmless
    tools: ["auto.*"]
    auto_approve: {}
  - name: forbidden
    tools: ["never.*"]
    auto_reject:
      message: Dropping tables is not allowed.
"""

REMEMBERS = """
rules:
  - name: remembered
    tools: ["*"]
    require_approval:
      remember_rejection: 600s
"""


class Server:
    """A server that can be stopped, killed and started again at the same address."""

    def __init__(self, directory: Path, *settings: str, scheme: str = "http", policy: str = POLICY) -> None:
        if not BINARY:
            raise RuntimeError("SIGNOFF_BIN names the server to test against")
        self._directory = directory
        self._settings = settings
        self._scheme = scheme
        self._listen = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        directory.mkdir()
        (directory / "policy.yaml").write_text(policy)
        os.utime(directory / "policy.yaml", (1e9, 1e9))  # a start waits when it was written a moment ago
        self.start()
        tokens = json.loads((directory / "data" / "dev-tokens.json").read_text())
        self.agent: str = tokens["agent"]
        self.reviewer: str = tokens["reviewer"]
        self.operator: str = tokens["operator"]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://{self._listen}"

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        command = [BINARY, "serve", "--dev", "--listen", self._listen, "--data-dir", str(self._directory / "data")]
        command += ["--policy", str(self._directory / "policy.yaml")]
        for setting in self._settings:
            command += ["--set", setting]
        # The server refuses variables of its prefix that it does not know.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
        self._log = (self._directory / "log").open("a")
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=self._directory
        )
        assert self._process.stdout
        for line in self._process.stdout:
            if match := re.search(r"is listening on (\S+)", line):
                self._listen = match[1]
                return
        raise RuntimeError(f"the server did not start: {(self._directory / 'log').read_text()}")

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._end(signal.SIGKILL)

    def drain(self) -> None:
        """Ends it in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process:
            process.send_signal(number)
            process.communicate()
        if self._log:
            self._log.close()

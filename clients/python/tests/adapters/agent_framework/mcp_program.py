"""An MCP server with one tool: mcp_program.py TOOL FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server import MCPServer


def main(name: str, file: str) -> None:
    server = MCPServer("mail")

    def send(to: str, count: int = 1) -> str:
        with Path(file).open("a") as sent:
            sent.write(f"{count} {to}\n")
        return f"sent {count} to {to}"

    server.add_tool(send, name=name)
    server.run()


main(*sys.argv[1:])

"""What LangGraph's adapter costs over the bare gate, for calls that the policy approves at once.

A turn of a ToolNode with the gate, less the same without it, less the bare gate's call. Needs SIGNOFF_BIN:

    PYTHONPATH=src:tests .venv-adapters/langgraph-newest/bin/python tests/adapters/langgraph/overhead.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import signoff
from servers import Server
from signoff.adapters.langgraph import tool_node

ARGUMENTS = {"to": "alice@example.com", "subject": "Hello", "amount": 3}
ROUNDS = 300


def send(to: str, subject: str, amount: int) -> str:
    """Sends."""
    return f"{to} {subject} {amount}"


def turn(node: Any) -> Callable[[], Any]:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    compiled: Any = graph.compile()
    call: Any = {"name": "auto.bench", "args": ARGUMENTS, "id": "call-1", "type": "tool_call"}
    return lambda: compiled.invoke({"messages": [AIMessage("", tool_calls=[call])]})


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server")
        tools = [StructuredTool.from_function(send, name="auto.bench")]
        with signoff.Client(server.address, token=server.agent) as client:
            bare = signoff.Call("auto.bench", dict(ARGUMENTS))
            measured = {
                "gated": turn(tool_node(tools, client)),
                "ungated": turn(ToolNode(tools)),
                "bare": lambda: client.run(bare, lambda run: send(**run.arguments)),
            }
            times: dict[str, list[float]] = {name: [] for name in measured}
            for _ in range(ROUNDS):
                # In turns, so that they meet the same server.
                for name, function in measured.items():
                    begin = time.perf_counter()
                    function()
                    times[name].append(time.perf_counter() - begin)
        server.drain()
    medians = {name: statistics.median(each) * 1e3 for name, each in times.items()}
    print("median ms:", ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    print(f"adapter over the bare gate: {medians['gated'] - medians['ungated'] - medians['bare']:.2f} ms")


main()

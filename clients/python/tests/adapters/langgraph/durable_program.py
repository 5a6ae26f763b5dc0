"""A run in a process of its own: durable_program.py MODE BUILDER DATABASE TOOL begin|resume. Prints what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from graphs import BUILDERS, Scripted, call
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.sqlite import SqliteSaver

import signoff


def main(mode: str, builder: str, database: str, name: str, step: str) -> None:
    def send(to: str) -> str:
        """Sends."""
        with Path(f"{database}.sent").open("a") as sent:
            sent.write(f"{to}\n")
        return f"sent to {to}"

    config: Any = {"configurable": {"thread_id": "thread"}}
    model = Scripted(calls=[call(name)], read=[])
    with signoff.Client() as client, SqliteSaver.from_conn_string(database) as saver:
        tools = [StructuredTool.from_function(send, name=name)]
        graph = BUILDERS[builder](model, tools, client, saver, durable=mode == "durable")
        given = {"messages": [HumanMessage("go")], "secret": ""} if step == "begin" else None
        state = graph.invoke(given, config, durability="sync")
        if "__interrupt__" in state:
            print("paused", *(each.value["approval_id"] for each in state["__interrupt__"]), flush=True)
            # Until it is killed.
            sys.stdin.read()
        else:
            print(*(each.content for each in state["messages"] if isinstance(each, ToolMessage)))


main(*sys.argv[1:])

"""A crew in a process of its own: program.py TOOL FILE. Prints what its model has read of its call."""

from __future__ import annotations

import sys
from pathlib import Path

from crewai.tools import tool
from runs import Scripted, call, crew_of, mailer

import signoff
from signoff.adapters.crewai import gate


def main(name: str, file: str) -> None:
    @tool(name)
    def send(to: str, count: int = 1) -> str:
        """Sends."""
        with Path(file).open("a") as sent:
            sent.write(f"{to}\n")
        return f"sent {count} to {to}"

    model = Scripted([[call(name)]], native=True)
    with signoff.Client() as client:
        gate(crew_of(mailer(model, [send])), client, run_id=name).kickoff()
    print("read:", *model.read)


main(*sys.argv[1:])

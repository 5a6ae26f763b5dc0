"""Two agents whose tools run only after an approval, by the server's policy or by a person.

`./run` starts a server and this program, with SIGNOFF_ADDRESS and SIGNOFF_TOKEN set.
"""

import asyncio

from agents import Agent, RunConfig, Runner

import signoff
from script import BILLING, SUPPORT
from signoff.adapters.openai_agents import gate
from tools import delete_record, process_payment, search_records, send_email

ALL = [search_records, send_email, delete_record, process_payment]

billing = Agent(name="Billing", model=BILLING, tools=ALL)
support = Agent(name="Support", model=SUPPORT, tools=ALL, handoffs=[billing])


def waiting(progress: signoff.Progress) -> None:
    print(f"   … {progress.message}", flush=True)


async def main() -> None:
    async with signoff.AsyncClient() as client:
        agent = gate(support, client, timeout=120, on_progress=waiting)
        result = Runner.run_streamed(
            agent,
            "Alice was charged twice.",
            context={"smtp_password": "a secret that no reviewer sees"},
            # A second run of the same conversation finds the approvals of the first one.
            run_config=RunConfig(group_id="conversation-7", tracing_disabled=True),
        )
        async for event in result.stream_events():
            if event.type == "agent_updated_stream_event":
                print(f"{event.new_agent.name}:", flush=True)
            elif event.type == "run_item_stream_event" and event.name == "tool_called":
                call = event.item.raw_item
                print(f" → {call.name} {call.arguments}", flush=True)
            elif event.type == "run_item_stream_event" and event.name == "tool_output":
                print(f" ← {event.item.output}", flush=True)
        print(result.final_output)


asyncio.run(main())

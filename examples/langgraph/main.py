"""Two agents whose tools run only after an approval, by the server's policy or by a person.

`./demo` starts a server and this program, with SIGNOFF_ADDRESS and SIGNOFF_TOKEN set.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, MessagesState, StateGraph

import signoff
from script import BILLING, SUPPORT
from signoff.adapters.langchain import ApprovalMiddleware
from tools import delete_record, process_payment, search_records, send_email, transfer_to_billing

ALL = [search_records, send_email, delete_record, process_payment]


def waiting(progress: signoff.Progress) -> None:
    """Shows the progress of a wait."""
    print(f"   … {progress.message}", flush=True)


def after_support(state: MessagesState) -> str:
    """The hand-over ends the run of Support, and Billing continues with its messages, unless it was refused."""
    last = state["messages"][-1]
    is_done = isinstance(last, ToolMessage) and last.status == "success"
    return "Billing" if is_done and last.name == transfer_to_billing.name else END


def two_agents(client: signoff.Client) -> Any:
    """Support, and Billing after a hand-over. The policy knows each by its name."""

    def gate(name: str, **options: Any) -> list[Any]:
        return [ApprovalMiddleware(client, agent_name=name, timeout=120, on_progress=waiting, **options)]

    graph = StateGraph(MessagesState, context_schema=dict)
    graph.add_node("Support", create_agent(SUPPORT, [*ALL, transfer_to_billing], middleware=gate("Support")))
    graph.add_node("Billing", create_agent(BILLING, ALL, middleware=gate("Billing", chain=["Support"])))
    graph.add_edge(START, "Support")
    graph.add_conditional_edges("Support", after_support, ["Billing", END])
    return graph.compile()


def show(message: BaseMessage) -> None:
    """Shows a call, its result as the model reads it, or the model's text."""
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            print(f" → {call['name']} {call['args']}", flush=True)
        if message.content:
            print(message.content)
    else:
        print(f" ← {message.content}", flush=True)


def main() -> None:
    """Runs the agents, and shows what they do."""
    with signoff.Client() as client:
        task = {"messages": [HumanMessage("Alice was charged twice.")]}
        # A second run of the same conversation finds the approvals of the first one.
        config: Any = {"configurable": {"thread_id": "conversation-7"}}
        context = {"smtp_password": "a secret that no reviewer sees"}
        at_work = ""
        for path, update in two_agents(client).stream(
            task, config, context=context, stream_mode="updates", subgraphs=True
        ):
            agent = path[0].split(":")[0] if path else at_work
            if agent != at_work:
                at_work = agent
                print(f"{agent}:", flush=True)
            for values in update.values() if path else ():
                for message in (values or {}).get("messages", ()):
                    show(message)


main()

"""The second form, for asyncio: a call, and a function of its run."""

import asyncio

import signoff


async def search(run: signoff.Run) -> str:
    return f"found nothing for {run.arguments['query']!r}, edited: {run.edited}"


async def main() -> None:
    async with signoff.AsyncClient() as client:
        call = signoff.Call(
            "search_records",
            {"query": "Alice"},
            # A second run of the agent finds the approval that the first one asked for.
            run_id="conversation-7",
            call_id="tool-call-3",
            cancel_on_abandon=True,
        )
        try:
            print(await client.run(call, search))
        except signoff.Refusal as refusal:
            print(refusal)


asyncio.run(main())

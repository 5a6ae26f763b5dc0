"""Runs that pause: ADK stores the session, Signoff the calls that it waits for.

ADK's confirmation only pauses. It is answered with yes. The gate around the tool decides whether the call runs: it
finds the same approval and claims it, or tells the model why not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from google.adk.events.event import Event
from google.adk.sessions.session import Session
from google.adk.tools.tool_confirmation import ToolConfirmation
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from ..._call_options import DEFAULT_PATIENCE, Seconds
from ..._handle import Handle
from ...refusals import Refusal, StillWaiting, Unavailable
from ._clients import AnyClient, Asking
from ._tools import is_within_tool

_CONFIRMATION = "adk_request_confirmation"
_PAYLOAD = "signoff"


def can_pause(context: ToolContext) -> bool:
    """Whether ADK runs a call again that pauses here: not a second time, nor within a tool, nor in a live run."""
    invocation = context._invocation_context
    is_call = any(
        each.id == context.function_call_id for event in context.session.events for each in event.get_function_calls()
    )
    return (
        is_call and context.tool_confirmation is None and invocation.live_request_queue is None and not is_within_tool()
    )


def pause(context: ToolContext, handle: Handle) -> dict[str, str]:
    """Pauses the run at the call; the result is what the session has of it until then."""
    context.request_confirmation(
        hint=f"Waiting for the approval of {handle.tool_name}.", payload={_PAYLOAD: json.loads(handle.to_json())}
    )
    context.actions.skip_summarization = True
    return {"status": f"The call to {handle.tool_name} waits for approval. Do not call it again."}


def is_declined(context: ToolContext) -> bool:
    """Whether the application has answered a pause of the gate with no."""
    return _answers_pause(context) and not cast("ToolConfirmation", context.tool_confirmation).confirmed


@contextmanager
def without_answer(context: ToolContext) -> Iterator[None]:
    """Keeps the answer to a pause of the gate from the tool: it would take it for the user's yes to its own question.

    Raises TypeError if the tool then asks the user: of a call that goes on ADK passes no question on.
    """
    answer = context.tool_confirmation
    if not _answers_pause(context):
        yield
        return
    context.tool_confirmation = None
    try:
        yield
    finally:
        context.tool_confirmation = answer
    call_id, actions = context.function_call_id, context.actions
    if call_id in actions.requested_tool_confirmations or call_id in actions.requested_auth_configs:
        raise TypeError(
            "the tool asks the user for a confirmation or a sign-in by itself, which ADK does not do after a pause: "
            "use it in a run that is not durable, or name it in ungated"
        )


def _answers_pause(context: ToolContext) -> bool:
    if context.tool_confirmation is None:
        return False
    call_id = context.function_call_id or ""
    asked = [event.actions.requested_tool_confirmations.get(call_id) for event in context.session.events]
    newest = [each for each in asked if each][-1:]
    return bool(newest) and is_pause(newest[0])


def is_pause(confirmation: ToolConfirmation) -> bool:
    """Whether a confirmation was asked for by the gate, and not by a tool."""
    return isinstance(confirmation.payload, dict) and _PAYLOAD in confirmation.payload


async def decisions(
    session: Session, client: AnyClient, *, patience: Seconds = DEFAULT_PATIENCE
) -> types.Content | None:
    """Waits until all calls that paused the run are decided; returns the message to continue with.

        while message := await decisions(await session_service.get_session(...), client):
            async for event in runner.run_async(user_id=..., session_id=..., new_message=message): ...

    None if the run is not paused. Any process may call it, repeatedly. The message decides nothing: it is always yes,
    and the gate around the tool claims the approved call, or tells the model why it did not run.

    Raises Unavailable when the server is unreachable for `patience`.
    """
    waiting = _waiting(session.events)
    asking = Asking(client)
    waits = [asyncio.ensure_future(_decided(asking, handle, patience)) for handle in waiting.values()]
    try:
        await asyncio.gather(*waits)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    parts = [
        types.Part(function_response=types.FunctionResponse(id=each, name=_CONFIRMATION, response={"confirmed": True}))
        for each in waiting
    ]
    return types.Content(role="user", parts=parts) if parts else None


async def _decided(asking: Asking, handle: Handle, patience: Seconds) -> None:
    """Returns after any decision on the call. Raises other errors."""
    try:
        await asking.wait(handle, patience)
    except (StillWaiting, Unavailable):
        raise
    except Refusal:
        # The gate around the tool tells the model.
        return


def _waiting(events: list[Event]) -> dict[str, Handle]:
    """The handles of calls that wait, by the ids of ADK's requests; of one run, as ADK takes no others in a message."""
    found: dict[str, Handle] = {}
    of_run: dict[str, str] = {}
    for event in events:
        for call in event.get_function_calls():
            # ADK's own requests: a model may say anything.
            is_asked = bool(call.id) and call.id in (event.long_running_tool_ids or ())
            handle = _handle_in(call) if is_asked else None
            if handle and call.id:
                found[call.id] = handle
                of_run[call.id] = event.invocation_id
        for response in event.get_function_responses():
            found.pop(response.id or "", None)
    newest = of_run[list(found)[-1]] if found else None
    return {each: handle for each, handle in found.items() if of_run[each] == newest}


def _handle_in(call: types.FunctionCall) -> Handle | None:
    if call.name != _CONFIRMATION:
        return None
    confirmation: Any = (call.args or {}).get("toolConfirmation") or {}
    payload = confirmation.get("payload") or {}
    return Handle.from_json(json.dumps(payload[_PAYLOAD])) if _PAYLOAD in payload else None

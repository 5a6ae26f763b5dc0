"""A model of the OpenAI Agents SDK that answers as it was told: the SDK's own, where it has one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agents import Model, ModelResponse, Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
)

Step = Sequence[Any]


def calls(*each: tuple[str, str, dict[str, Any] | str]) -> Step:
    """A turn of calls, each with its id, tool and arguments."""
    return [
        ResponseFunctionToolCall(
            id=call_id,
            call_id=call_id,
            type="function_call",
            name=name,
            arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
        )
        for call_id, name, arguments in each
    ]


def says(text: str) -> Step:
    """A turn of text, which ends the run."""
    content = ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])
    return [
        ResponseOutputMessage(id="message", type="message", role="assistant", status="completed", content=[content])
    ]


class OwnScriptedModel(Model):
    """For versions of the SDK that have none."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)

    async def get_response(self, *_args: Any, **_kwargs: Any) -> ModelResponse:
        """The next turn."""
        return ModelResponse(output=list(self._steps.pop(0)), usage=Usage(), response_id=None)

    async def stream_response(self, *_args: Any, **_kwargs: Any) -> AsyncIterator[Any]:
        """The next turn: each item as it is done, and the whole."""
        items = list(self._steps.pop(0))
        for index, item in enumerate(items):
            yield ResponseOutputItemDoneEvent(
                type="response.output_item.done", item=item, output_index=index, sequence_number=index
            )
        response = Response(
            id="response",
            created_at=0,
            model="scripted",
            object="response",
            output=items,
            tool_choice="none",
            tools=[],
            parallel_tool_calls=False,
        )
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=len(items))


def scripted(*steps: Step) -> Model:
    """A model with these turns."""
    try:
        from agents.testing import ScriptedModel
    except ImportError:
        return OwnScriptedModel(steps)
    return ScriptedModel(steps)


def outputs(result: Any) -> dict[str, Any]:
    """Tool results as the model read them, by call id."""
    return {
        item.raw_item["call_id"]: item.raw_item["output"]
        for item in result.new_items
        if item.type == "tool_call_output_item"
    }

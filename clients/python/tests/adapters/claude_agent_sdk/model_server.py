"""The model's API with scripted answers, in this process: the SDK's own program talks to it, and to nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = Sequence[tuple[str, str, dict[str, Any]]]
"""Calls, each with its id, tool and arguments; none of them is text, which ends the run."""


class Model:
    """What the model was told, and the turns that are left."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = [list(turn) for turn in turns]
        self.results: dict[str, str] = {}
        self.address = ""

    def told(self, messages: list[dict[str, Any]]) -> None:
        """Keeps the results of tools."""
        for message in messages:
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block.get("type") == "tool_result":
                    content = block["content"]
                    text = content if isinstance(content, str) else "".join(each.get("text", "") for each in content)
                    self.results[block["tool_use_id"]] = text


@contextmanager
def model(*turns: Turn) -> Generator[Model]:
    """Serves a model with these turns."""
    scripted = Model(turns)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            # The program asks small things on its own, such as titles; those have no tools.
            calls: Turn = []
            if body.get("tools"):
                scripted.told(body["messages"])
                calls = scripted.turns.pop(0) if scripted.turns else []
            data = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in _events(body, calls))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scripted.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield scripted
    finally:
        server.shutdown()


def _events(body: dict[str, Any], calls: Turn) -> list[dict[str, Any]]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**message, "usage": usage}}]
    blocks: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            {"type": "tool_use", "id": call_id, "name": name, "input": {}},
            {"type": "input_json_delta", "partial_json": json.dumps(arguments)},
        )
        for call_id, name, arguments in calls
    ] or [({"type": "text", "text": ""}, {"type": "text_delta", "text": "end"})]
    for index, (block, delta) in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    return [*events, {"type": "message_delta", "delta": stop, "usage": usage}, {"type": "message_stop"}]

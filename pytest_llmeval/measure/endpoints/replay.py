"""``replay:FOLDER``: recorded streams of a real server, in no time.

The requests take the same way as any other's, down to the transport: this one puts the recorded reads on the
tape, with the times that they had, and waits for nothing. Figures are those of the recorded server; they say
so (``transport: "replay"``) and never feed a baseline.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx
from msgspec import structs

from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Parameters

if TYPE_CHECKING:
    from pytest_llmeval.measure.recording import Messages, Recordings
    from pytest_llmeval.model import Facts

URL = "http://replay.invalid/v1"
"""Where replayed requests seem to go; never looked up."""


def facts(recordings: Recordings) -> Facts:
    """What was recorded of the endpoint; whatever served it, it is not on this machine now."""
    return structs.replace(recordings.facts, kind="replay", here=False)


class ReplayTransport(httpx.AsyncBaseTransport):
    """Answers requests from recordings; ``httpx.ConnectError`` for a prompt that was not recorded."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fill the request's tape and return the answer's head and body."""
        tape: Tape = request.extensions.get("tape") or Tape()
        tape.start()
        tape.transport = "replay"
        exchange = self._recordings.next(*_asked(await request.aread()))
        if exchange is None:
            tape.ended_ns = time.perf_counter_ns()
            raise httpx.ConnectError(
                f"this prompt is not among the recordings in {self._recordings.folder}: record it with "
                f"pytest --llm-endpoint=NAME_OR_URL --llm-record={self._recordings.folder}",
                request=request,
            )
        tape.status = exchange.status
        tape.headers = [(name.encode(), value.encode()) for name, value in exchange.headers.items()]
        tape.ended_ns = tape.started_ns + exchange.ended_ns
        for at_ns, data in exchange.reads:
            if tape.add(tape.started_ns + at_ns, data):
                tape.ended_ns = tape.started_ns + at_ns
                break
        if exchange.broken is not None and tape.stopped is None:
            raise httpx.RemoteProtocolError(exchange.broken, request=request)
        body = b"".join(data for _, data in tape.reads)
        return httpx.Response(tape.status, headers=tape.headers, content=body)


def _asked(body: bytes) -> tuple[Messages, Parameters]:
    """What a request's body asks; the texts of a completion are named as they are recorded."""
    data = json.loads(body) if body else {}
    messages = tuple((message["role"], message["content"]) for message in data.get("messages", ()))
    messages += tuple((name, data[name]) for name in ("prompt", "suffix") if name in data)
    return messages, Parameters(
        max_tokens=data.get("max_tokens"), temperature=data.get("temperature"), seed=data.get("seed")
    )

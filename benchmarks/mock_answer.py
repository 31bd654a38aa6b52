"""One answer of the mock server, by its schedule."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
from mock_behaviour import prompt_of, words

if TYPE_CHECKING:
    import asyncio

    from mock_behaviour import Behaviour
    from mock_connection import Connection


class Answer:
    """One scheduled answer: writes each event when its time has come and stamps the write."""

    def __init__(
        self,
        connection: Connection,
        now: Behaviour,
        body: dict[str, Any],
        entry: dict[str, Any],
        *,
        chat: bool,
    ) -> None:
        self.connection, self.now, self.body, self.entry, self.chat = connection, now, body, entry, chat
        self.state, self.loop, self.transport = connection.state, connection.loop, connection.transport
        self.sent_ns: list[int] = entry["sent_ns"]
        prompt = prompt_of(body)
        tokens = self.state.answer(prompt, now.tokens)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or sys.maxsize
        self.reason = "length" if len(tokens) > limit else "stop"
        self.tokens = tokens[:limit]
        self.prompt_tokens = words(prompt)
        self.model = now.answer_model or body.get("model") or now.models[0]
        self.timer: asyncio.TimerHandle | None = None
        self.start = self.loop.time()
        self.state.streaming += 1
        self.state.peak_streaming = max(self.state.peak_streaming, self.state.streaming)
        if body.get("stream"):
            self.stream()
        else:
            self.timer = self.loop.call_at(self.due(len(self.tokens)), self.whole)

    def due(self, event: int) -> float:
        """When text event ``event`` leaves, in the loop's time."""
        stalls = (event // self.now.stall_every) * self.now.stall_s if self.now.stall_every else 0.0
        return self.start + self.now.ttft_s + event * self.now.gap_s + stalls

    def usage(self, completion: int) -> dict[str, Any]:
        total = self.prompt_tokens + completion
        usage: dict[str, Any] = {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": total,
            "completion_tokens": completion,
        }
        if self.now.cached_tokens is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": self.now.cached_tokens}
        return usage

    def whole(self) -> None:
        """The answer to a request without ``stream``."""
        text = "".join(self.tokens)
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.reason}
        choice.update({"message": {"role": "assistant", "content": text}} if self.chat else {"text": text})
        body: dict[str, Any] = {
            "id": f"chatcmpl-{self.entry['id']}",
            "model": self.model,
            "choices": [choice],
        }
        if self.now.usage != "none":
            body["usage"] = self.usage(len(self.tokens))
        self.leave()
        self.connection.reply(200, body, close=self.now.connection_close)

    # -- streaming -----------------------------------------------------------------------------------------

    def stream(self) -> None:
        """Send the head and the role chunk, prepare every event and arm the schedule."""
        now = self.now
        close = "connection: close\r\n" if now.connection_close else ""
        self.transport.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n{close}"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        if now.role_chunk and self.chat:
            delta: dict[str, Any] = {"role": "assistant"}
            if now.role_content != "absent":
                delta["content"] = "" if now.role_content == "empty" else None
            self.write(self.event(delta, completion=0))
        self.events = self.prepare()
        self.next = 0
        self.timer = self.loop.call_at(self.due(0), self.tick)

    def prepare(self) -> list[bytes]:
        now, events, completion = self.now, [], 0
        for _ in range(now.reasoning_tokens):
            completion += 1
            events.append(self.event({now.reasoning_field: "hm "}, completion=completion))
        pieces = [
            "".join(self.tokens[at : at + now.tokens_per_event])
            for at in range(0, len(self.tokens), now.tokens_per_event)
        ]
        for index, piece in enumerate(pieces):
            completion = min(completion + now.tokens_per_event, now.reasoning_tokens + len(self.tokens))
            last = index == len(pieces) - 1 and now.finish == "with_content"
            finish = self.reason if last else None
            events.append(self.event({"content": piece}, finish=finish, completion=completion))
        self.completion = completion
        return events

    def event(self, delta: dict[str, Any], *, finish: str | None = None, completion: int) -> bytes:
        """One framed SSE event."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        choice.update({"delta": delta} if self.chat else {"text": delta.get("content", "")})
        body = self.envelope([choice])
        if self.now.usage == "continuous":
            body["usage"] = self.usage(completion)
        return frame(msgspec.json.encode(body))

    def envelope(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        name = f"chatcmpl-{self.entry['id']}"
        return {"id": name, "object": kind, "created": 0, "model": self.model, "choices": choices}

    def tick(self) -> None:
        """Send every event that is due, one write each, and sleep until the next."""
        count, now = len(self.events), self.now
        while self.next < count:
            if now.error_after == self.next:
                self.write(
                    frame(b'{"error":{"message":"mock mid-stream error","type":"MockError","code":500}}')
                )
                self.end()
                return
            if now.close_after == self.next:
                self.transport.abort()
                return
            self.sent_ns.append(time.perf_counter_ns())
            self.write(self.events[self.next])
            self.next += 1
            due = self.due(self.next)
            if self.next < count and due > self.loop.time():
                self.timer = self.loop.call_at(due, self.tick)
                return
        if now.finish == "separate":
            self.write(self.event({}, finish=self.reason, completion=self.completion))
        if now.usage_delay_s:
            self.timer = self.loop.call_later(now.usage_delay_s, self.trail)
        else:
            self.trail()

    def trail(self) -> None:
        """The usage chunk and ``[DONE]``."""
        asked = bool((self.body.get("stream_options") or {}).get("include_usage"))
        if self.now.usage in ("always", "continuous") or (self.now.usage == "asked" and asked):
            self.write(frame(msgspec.json.encode(self.envelope([]) | {"usage": self.usage(self.completion)})))
        if self.now.done:
            self.write(frame(b"[DONE]"))
        self.end()

    def end(self) -> None:
        self.write(b"0\r\n\r\n")
        self.leave()
        self.connection.finished(close=self.now.connection_close)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def abort(self) -> None:
        """The client has gone (or was cut off) before the end."""
        if self.timer:
            self.timer.cancel()
        self.entry["aborted"] = True
        self.leave()

    def leave(self) -> None:
        self.connection.answering = None
        self.state.streaming -= 1


def frame(data: bytes) -> bytes:
    """An SSE event inside one HTTP chunk."""
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)

"""One connection to the mock server: its routes, and what it refuses."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httptools
import msgspec
from mock_answer import Answer
from mock_behaviour import Behaviour, State, override, prompt_of, words


class Connection(asyncio.Protocol):
    """One client connection; requests are answered one after another, as they come."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.loop = asyncio.get_running_loop()
        self.served = 0
        self.answering: Answer | None = None
        self.idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.state.connections += 1
        self.parser = httptools.HttpRequestParser(self)
        self.rest()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self.state.connections -= 1
        if self.idle:
            self.idle.cancel()
        if self.answering:
            self.answering.abort()

    def data_received(self, data: bytes) -> None:
        self.stamp_ns = time.perf_counter_ns()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def rest(self) -> None:
        """Wait for the next request, at most the keep-alive time."""
        self.idle = self.loop.call_later(self.state.behaviour.keep_alive_s, self.transport.close)

    # -- httptools callbacks -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url = b""
        self.body = b""
        if self.idle:
            self.idle.cancel()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.served += 1
        method = self.parser.get_method().decode()
        path = self.url.decode().partition("?")[0]
        try:
            self.route(method, path)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            self.reply(400, {"error": {"message": str(error), "type": "BadRequestError", "code": 400}})

    # -- answers -------------------------------------------------------------------------------------------

    def route(self, method: str, path: str) -> None:
        state, now = self.state, self.state.behaviour
        if path == "/control" and method == "POST":
            state.control(msgspec.json.decode(self.body, type=dict[str, Any]))
            return self.reply(200, state.status())
        if path == "/control":
            return self.reply(200, state.status())
        if path == "/control/log":
            return self.reply(200, list(state.log))
        if time.monotonic() - state.since < now.loading_s:
            message = {"message": "Loading model", "type": "unavailable_error", "code": 503}
            return self.reply(503, {"error": message}, close=True)
        if path in ("/v1/chat/completions", "/v1/completions") and method == "POST":
            return self.complete(chat=path == "/v1/chat/completions")
        if path == "/health":
            return self.reply(200, {"status": "ok"})
        if path == "/v1/models":
            return self.reply(200, {"object": "list", "data": [self.card(model) for model in now.models]})
        if path == "/version" and now.flavour == "vllm":
            return self.reply(200, {"version": now.version})
        if path == "/props" and now.flavour == "llamacpp":
            settings = {"n_ctx": now.max_model_len}
            build = {"build_info": now.version, "total_slots": 4}
            return self.reply(200, {"default_generation_settings": settings, **build})
        return self.reply(404, {"detail": "Not Found"})

    def card(self, model: str) -> dict[str, Any]:
        """One entry of ``/v1/models`` in the server's own form."""
        now = self.state.behaviour
        card: dict[str, Any] = {"id": model, "object": "model", "created": 0}
        if now.flavour == "vllm":
            return card | {"owned_by": "vllm", "max_model_len": now.max_model_len}
        if now.flavour == "llamacpp":
            meta = {"n_ctx": now.max_model_len, "n_ctx_train": 32768, "ftype": now.ftype}
            return card | {"owned_by": "llamacpp", "meta": meta}
        return card | {"owned_by": "mock"}

    def complete(self, *, chat: bool) -> None:
        body = msgspec.json.decode(self.body, type=dict[str, Any])
        now = override(self.state.behaviour, body.get("mock", {}))
        entry = {
            "id": next(self.state.ids),
            "path": self.url.decode(),
            "body": body,
            "received_ns": self.stamp_ns,
            "sent_ns": [],
            "aborted": False,
        }
        self.state.log.append(entry)
        if now.close_after == 0 or (now.close_reused and self.served > 1):
            self.transport.close()
            return
        if refusal := refuse(now, body):
            self.reply(*refusal, close=now.connection_close)
            return
        self.answering = Answer(self, now, body, entry, chat=chat)

    def reply(self, status: int, body: Any, *, close: bool = False) -> None:
        """One whole answer; ``body`` as JSON, or as plain text where it is a string."""
        text = isinstance(body, str)
        payload = body.encode() if text else msgspec.json.encode(body)
        kind = "text/plain" if text else "application/json"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(payload)}\r\n"
        self.transport.write(f"{head}{'connection: close' if close else 'server: mock'}\r\n\r\n".encode())
        self.transport.write(payload)
        self.finished(close=close)

    def finished(self, *, close: bool) -> None:
        """The answer is out: close, or wait for the next request."""
        self.answering = None
        if close:
            self.transport.close()
        else:
            self.rest()


def refuse(now: Behaviour, body: dict[str, Any]) -> tuple[int, Any] | None:
    """The status and body that refuse a request at once, or None."""
    if now.status >= 400:
        fallback = {"error": {"message": "mock error", "type": "MockError", "code": now.status}}
        return now.status, fallback if now.error is None else now.error
    if now.reject_stream_options and "stream_options" in body:
        return 400, {
            "error": {"message": "Unknown field: stream_options", "type": "BadRequestError", "code": 400}
        }
    if now.flavour == "vllm" and body.get("model", now.models[0]) not in now.models:
        message = f"The model `{body['model']}` does not exist."
        return 404, {"error": {"message": message, "type": "NotFoundError", "param": "model", "code": 404}}
    window = now.max_model_len
    prompt = words(prompt_of(body))
    if now.check_window and window and prompt + (body.get("max_tokens") or 1) > window:
        wanted = body.get("max_tokens") or 0
        message = (
            f"This model's maximum context length is {window} tokens. However, you requested "
            f"{prompt + wanted} tokens ({prompt} in the messages, {wanted} in the completion). Please reduce "
            "the length of the messages or completion."
        )
        return 400, {"object": "error", "message": message, "type": "BadRequestError", "code": 400}
    return None

"""An OpenAI-compatible server of known schedule: what a client measured can be held against what was sent.

Real sockets, its own process, an absolute schedule (event *i* leaves at ``received + ttft_s + i * gap_s``, so
lateness does not add up) and its own stamps of every write. ``time.perf_counter_ns`` is one clock for all
processes of a Linux or macOS machine, so its stamps can be subtracted from a client's.

Run it: ``python benchmarks/mock_server.py --port=0 --ttft-s=0.05 --answers=answers.json`` prints
``listening on PORT``. Every field of `Behaviour` is an option; the request field ``"mock": {...}`` overrides
them for one request, ``POST /control {...}`` for all that follow (``{"reset": true}`` first goes back to the
options, ``"answers"`` replaces the answers). ``GET /control`` tells the behaviour in force and the counters,
``GET /control/log`` the last 4,096 requests: ``{"id", "path", "body", "received_ns", "sent_ns", "aborted"}``,
where ``id`` is the ``chatcmpl-ID`` of the answer and ``sent_ns`` holds one stamp per text event, taken just
before its write.

Import it: ``with running(gap_s=0.001) as url`` starts the process, ``control(url, status=500)`` changes it,
``log(url)`` reads the log; ``await serve(...)`` puts it on the running loop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import re
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import httptools
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext

DEFAULT_TEXT = "tok "


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a request is answered. Times in seconds; events are SSE events that carry text."""

    ttft_s: float = 0.05
    gap_s: float = 0.005
    tokens: int = 200
    """Length of an answer where no scripted one matches."""
    tokens_per_event: int = 1
    reasoning_tokens: int = 0
    """Events of reasoning before the answer; they follow the same schedule."""
    reasoning_field: Literal["reasoning", "reasoning_content"] = "reasoning"
    stall_every: int = 0
    """After every so many events the schedule is pushed back by ``stall_s``."""
    stall_s: float = 0.1
    role_chunk: bool = True
    role_content: Literal["empty", "null", "absent"] = "empty"
    finish: Literal["separate", "with_content", "none"] = "separate"
    usage: Literal["asked", "always", "continuous", "none"] = "asked"
    """``asked``: a trailing chunk if ``stream_options.include_usage``; ``continuous``: in every chunk too."""
    usage_delay_s: float = 0.0
    cached_tokens: int | None = None
    done: bool = True
    """Whether ``data: [DONE]`` ends the stream."""
    status: int = 200
    error: Any = None
    """With a ``status`` of 400 and more: the body, JSON or, where it is a string, plain text."""
    error_after: int | None = None
    """After so many events an error event ends the stream (status 200)."""
    close_after: int | None = None
    """After so many events the connection is cut; 0: before any byte of the answer."""
    close_reused: bool = False
    """A second request on a connection is met by closing it unanswered."""
    connection_close: bool = False
    keep_alive_s: float = 5.0
    loading_s: float = 0.0
    """For so long after the start or reset everything is 503 ``Loading model``."""
    reject_stream_options: bool = False
    check_window: bool = False
    """Refuse prompts (counted in words) that, with ``max_tokens``, exceed ``max_model_len``."""
    flavour: Literal["openai", "vllm", "llamacpp"] = "openai"
    models: tuple[str, ...] = ("mock",)
    answer_model: str | None = None
    """Answer under this model's name, whatever was asked for."""
    max_model_len: int | None = 32768
    version: str = "0.0-mock"
    ftype: str | None = None


class State:
    """What all connections of one server share."""

    def __init__(self, behaviour: Behaviour, answers: dict[str, str]) -> None:
        self.options = self.behaviour = behaviour
        self.scripted = self.answers = answers
        self.since = time.monotonic()
        self.ids = itertools.count(1)
        self.log: deque[dict[str, Any]] = deque(maxlen=4096)
        self.connections = 0
        self.streaming = 0
        self.peak_streaming = 0

    def control(self, change: dict[str, Any]) -> None:
        """Apply the body of ``POST /control``. Raises ``msgspec.ValidationError``."""
        base, answers = self.behaviour, self.answers
        reset = change.pop("reset", False)
        if reset:
            base, answers = self.options, self.scripted
        answers = change.pop("answers", answers)
        self.behaviour = override(base, change)
        self.answers = answers
        if reset:
            self.since = time.monotonic()
            self.log.clear()
            self.peak_streaming = 0

    def status(self) -> dict[str, Any]:
        """The body of ``GET /control``."""
        counters = {
            "connections": self.connections,
            "requests": len(self.log),
            "streaming": self.streaming,
            "peak_streaming": self.peak_streaming,
        }
        return {"behaviour": msgspec.to_builtins(self.behaviour), **counters}

    def answer(self, prompt: str, tokens: int) -> list[str]:
        """The tokens of the first scripted answer whose key occurs in the prompt, else filler."""
        for key, text in self.answers.items():
            if key in prompt:
                return split(text)
        return [DEFAULT_TEXT] * tokens


def override(base: Behaviour, change: dict[str, Any]) -> Behaviour:
    """``base`` with some fields replaced. Raises ``msgspec.ValidationError`` for unknown or mistyped ones."""
    return msgspec.convert(msgspec.to_builtins(base) | change, Behaviour)


def split(text: str) -> list[str]:
    """Pieces of at most four visible characters that join to the text."""
    return re.findall(r"\s*\S{1,4}|\s+", text)


def words(text: str) -> int:
    """Prompt tokens as this server counts them."""
    return len(text.split())


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


def prompt_of(body: dict[str, Any]) -> str:
    """All prompt text of a chat or completions request."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n".join(str(message.get("content")) for message in body.get("messages", ()))


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


# -- running it --------------------------------------------------------------------------------------------


async def serve(
    behaviour: Behaviour | None = None,
    answers: dict[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl: SSLContext | None = None,
) -> asyncio.Server:
    """Listen on the running loop; ``server.sockets[0].getsockname()[1]`` is the port."""
    state = State(behaviour or Behaviour(), answers or {})
    return await asyncio.get_running_loop().create_server(
        lambda: Connection(state), host, port, ssl=ssl, backlog=512
    )


@contextmanager
def running(*, answers: Path | None = None, cpu: int | None = None, **fields: Any) -> Iterator[str]:
    """A server in a process of its own while the block runs; yields its base URL without ``/v1``.

    ``cpu`` pins it to one core (Linux).
    """
    command = [sys.executable, __file__, "--port=0", f"--behaviour={msgspec.json.encode(fields).decode()}"]
    if answers:
        command.append(f"--answers={answers}")
    if cpu is not None:
        command.append(f"--cpu={cpu}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the mock server did not start: {line!r}")
            yield f"http://127.0.0.1:{int(line.split()[-1])}"
        finally:
            process.kill()


def control(url: str, **change: Any) -> dict[str, Any]:
    """``POST /control``: change the behaviour of a running server; returns its status."""
    data = msgspec.json.encode(change) if change else None
    with urlopen(UrlRequest(f"{url}/control", data=data), timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=dict[str, Any])


def log(url: str) -> list[dict[str, Any]]:
    """``GET /control/log``: the last requests, oldest first."""
    with urlopen(f"{url}/control/log", timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=list[dict[str, Any]])


def arguments() -> argparse.ArgumentParser:
    """One option per field of `Behaviour`, and those of the process."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server of known schedule.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--answers", type=Path, metavar="FILE.json", help="substring of a prompt -> answer text"
    )
    parser.add_argument("--behaviour", default="{}", metavar="JSON", help="several fields at once")
    parser.add_argument("--cpu", type=int, help="pin the process to one core (Linux)")
    for item in msgspec.structs.fields(Behaviour):
        parser.add_argument(f"--{item.encode_name.replace('_', '-')}", metavar="VALUE", default=None)
    return parser


def behaviour_of(options: argparse.Namespace) -> Behaviour:
    """The behaviour that the command line asks for. A list is written with commas."""
    given: dict[str, Any] = msgspec.json.decode(options.behaviour, type=dict[str, Any])
    for item in msgspec.structs.fields(Behaviour):
        value = getattr(options, item.encode_name)
        if value is not None:
            given[item.encode_name] = value.split(",") if item.encode_name == "models" else value
    return msgspec.convert(given, Behaviour, strict=False)


async def main(options: argparse.Namespace) -> None:
    """Serve until killed."""
    answers: dict[str, str] = {}
    if options.answers:
        answers = msgspec.json.decode(options.answers.read_bytes(), type=dict[str, str])
    server = await serve(behaviour_of(options), answers, host=options.host, port=options.port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    chosen = arguments().parse_args()
    if chosen.cpu is not None:
        import os

        os.sched_setaffinity(0, {chosen.cpu})
    try:
        asyncio.run(main(chosen))
    except KeyboardInterrupt:
        sys.exit(130)

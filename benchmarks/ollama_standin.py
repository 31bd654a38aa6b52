"""A stand-in for Ollama, written to its reference: no real one was at hand.

It loads and unloads, cuts long prompts silently, counts and times in nanoseconds, refuses unknown models, and
can fail in the middle of a stream. A token is a word.

``with running() as (url, standin)`` serves from a thread; ``standin.handle`` is for a loop of one's own.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOAD_S = 0.05
UNLOAD_S = 0.08
GAP_S = 0.01


class StandIn:
    """An Ollama with some models; ``seen`` are the requests, ``fail_after`` words a stream breaks off."""

    def __init__(self, *models: str) -> None:
        self.models = models or ("qwen:latest",)
        self.loaded: dict[str, int] = {}
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.fail_after: int | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"(?im)^content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                path = head.split()[1]
                data = json.loads(body) if body else {}
                self.seen.append((path, data))
                await self.route(path, data, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to its end."""
        try:
            await self.handle(reader, writer)
        finally:
            writer.close()

    async def route(self, path: str, data: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        model = data.get("model", "")
        if model and model not in self.models:
            return whole(writer, {"error": f'model "{model}" not found'}, 404)
        if path == "/api/version":
            return whole(writer, {"version": "0.12.1"})
        if path == "/api/tags":
            return whole(writer, {"models": [{"name": name, "model": name} for name in self.models]})
        if path == "/api/show":
            return whole(writer, {"details": {"quantization_level": "Q4_K_M"}, "model_info": {}})
        if path == "/api/ps":
            loaded = [{"name": name, "context_length": size} for name, size in self.loaded.items()]
            return whole(writer, {"models": loaded})
        if path == "/api/generate" and data.get("keep_alive") == 0:
            asyncio.get_running_loop().call_later(UNLOAD_S, self.loaded.pop, model, None)
            return whole(writer, {"model": model, "response": "", "done": True, "done_reason": "unload"})
        if path == "/v1/models":
            cards = [{"id": name, "object": "model", "owned_by": "library"} for name in self.models]
            return whole(writer, {"object": "list", "data": cards})
        if path == "/v1/chat/completions":
            return self.openai_chat(data, writer)
        if path == "/api/chat":
            return await self.chat(data, writer)
        return whole(writer, {"error": "not found"}, 404)

    def openai_chat(self, data: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        """Its OpenAI-compatible route, whole: enough for a tiny request."""
        message = {"role": "assistant", "content": "word "}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole(writer, {"object": "chat.completion", "model": data["model"], "choices": [choice]})

    async def chat(self, data: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        model, options = data["model"], data.get("options", {})
        window = options.get("num_ctx", 4096)
        load_s = 0.0 if self.loaded.get(model) == window else LOAD_S
        await asyncio.sleep(load_s)
        self.loaded[model] = window
        prompt = " ".join(message["content"] for message in data["messages"]).split()
        read = window // 2 + 2 if len(prompt) > window else len(prompt)  # the rest is lost
        count = min(options.get("num_predict", 20), 20)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number in range(count):
            if number == self.fail_after:
                chunk(writer, {"error": "an error was encountered while running the model"})
                break
            await asyncio.sleep(GAP_S)
            chunk(
                writer, {"model": model, "message": {"role": "assistant", "content": "word "}, "done": False}
            )
        else:
            chunk(
                writer,
                {
                    "model": model,
                    "message": {"role": "assistant", "content": ""},
                    "done": True,
                    "done_reason": "length" if count == options.get("num_predict") else "stop",
                    "total_duration": int((load_s + (count + 1) * GAP_S) * 1e9),
                    "load_duration": int(load_s * 1e9),
                    "prompt_eval_count": read,
                    "prompt_eval_duration": int(GAP_S * 1e9),
                    "eval_count": count,
                    "eval_duration": int(count * GAP_S * 1e9),
                },
            )
        writer.write(b"0\r\n\r\n")


def whole(writer: asyncio.StreamWriter, data: Any, status: int = 200) -> None:
    body = json.dumps(data).encode()
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)


def chunk(writer: asyncio.StreamWriter, data: Any) -> None:
    line = json.dumps(data).encode() + b"\n"
    writer.write(b"%x\r\n%s\r\n" % (len(line), line))


@contextmanager
def running(*models: str) -> Iterator[tuple[str, StandIn]]:
    """A stand-in that answers from a thread while the block runs: its URL, and itself."""
    standin = StandIn(*models)
    started: SimpleQueue[tuple[str, Callable[[], object]]] = SimpleQueue()

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(standin.connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        started.put((f"http://127.0.0.1:{port}", lambda: loop.call_soon_threadsafe(over.set)))
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="ollama-standin")
    thread.start()
    url, stop = started.get(timeout=10)
    try:
        yield url, standin
    finally:
        stop()
        thread.join()

"""The clients that `client_cost` compares, each as its users write it; each imports its own package."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from pytest_llmeval.measure import timing
from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.model import Endpoint, Facts, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmeval.measure.tape import Tape

CONNECTIONS = 64
BODY = {"model": "mock", "stream": True, "messages": [{"role": "user", "content": "hello"}], "temperature": 0}
ASKED = Request(messages=(("user", "hello"),))


class Seen(msgspec.Struct):
    """One stream as a client saw it: the answer's number, the start and the stamp of each read with text."""

    id: int
    started_ns: int
    stamps_ns: list[int]


class Contender(Protocol):
    """A client: opened once, asked many times at once."""

    async def ask(self) -> Seen:
        """Send one request and read its answer to the end."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Ours:
    """This package, whole: transport, parser, figures."""

    def __init__(self, url: str) -> None:
        self.client = OpenAIClient(
            Endpoint(url=url), facts=Facts(kind="openai", model="mock"), on_tape=self.keep
        )
        self.tapes: dict[int, Tape] = {}

    def keep(self, _: Request, tape: Tape, broken: str | None, _said: str) -> None:
        assert broken is None, broken
        self.tapes[tape.started_ns] = tape

    async def ask(self) -> Seen:
        response = await self.client.stream(ASKED)
        assert response.failure is None, response.failure
        assert timing.of(response).completion_tokens
        tape = self.tapes.pop(response.started_ns)
        stamps = [chunk.at_ns for chunk in response.chunks]
        return Seen(number(tape.reads[0][1]), response.started_ns, stamps)

    async def close(self) -> None:
        await self.client.aclose()


class Lines:
    """httpx as everyone uses it: ``aiter_lines`` and ``json.loads``."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self.client = httpx.AsyncClient(transport=transport, limits=limits, timeout=60)
        self.url = f"{url}/v1/chat/completions"

    async def ask(self) -> Seen:
        started = time.perf_counter_ns()
        stamps, first = [], b""
        async with self.client.stream("POST", self.url, json=BODY) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    now = time.perf_counter_ns()
                    event = json.loads(line[6:])
                    first = first or line.encode()
                    if event["choices"] and event["choices"][0]["delta"].get("content"):
                        stamps.append(now)
        return Seen(number(first), started, stamps)

    async def close(self) -> None:
        await self.client.aclose()


def lines_on_aiohttp(url: str) -> Contender:
    """httpx's API on aiohttp's connections."""
    from httpx_aiohttp import AiohttpTransport  # type: ignore[import-not-found,unused-ignore]  # a peer

    return Lines(url, AiohttpTransport())


class OpenAISDK:
    """The official SDK."""

    def __init__(self, url: str) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # type: ignore[import-not-found,unused-ignore]

        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self.client = AsyncOpenAI(
            base_url=f"{url}/v1", api_key="none", http_client=DefaultAsyncHttpxClient(limits=limits)
        )

    async def ask(self) -> Seen:
        started = time.perf_counter_ns()
        stamps, first = [], ""
        events = await self.client.chat.completions.create(**BODY)
        async for event in events:
            now = time.perf_counter_ns()
            first = first or event.id
            if event.choices and event.choices[0].delta.content:
                stamps.append(now)
        return Seen(number(first.encode()), started, stamps)

    async def close(self) -> None:
        await self.client.close()


class Aiohttp:
    """aiohttp's chunks as they come, msgspec for the JSON."""

    def __init__(self, url: str) -> None:
        import aiohttp  # type: ignore[import-not-found,unused-ignore]

        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS))
        self.url = f"{url}/v1/chat/completions"

    async def ask(self) -> Seen:
        started = time.perf_counter_ns()
        stamps: list[int] = []
        first, rest = b"", b""
        async with self.session.post(self.url, json=BODY) as response:
            async for data in response.content.iter_any():
                now = time.perf_counter_ns()
                first = first or data
                *lines, rest = (rest + data).split(b"\n")
                stamps += [now for line in lines if has_text(line)]
        return Seen(number(first), started, stamps)

    async def close(self) -> None:
        await self.session.close()


class Bare:
    """The floor: a hand-written protocol that knows only this server, without HTTP parser, pool or errors."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        payload = msgspec.json.encode(BODY)
        self.payload = b"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nContent-Length: %d\r\n\r\n%s" % (
            len(payload),
            payload,
        )
        self.idle: list[BareConnection] = []

    async def ask(self) -> Seen:
        if self.idle:
            connection = self.idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(BareConnection, *self.address)
        connection.done = asyncio.get_running_loop().create_future()
        connection.reads = []
        started = time.perf_counter_ns()
        connection.transport.write(self.payload)
        await connection.done
        self.idle.append(connection)
        stamps = [at for at, data in connection.reads for line in data.split(b"\n") if has_text(line)]
        head = b"".join(data for _, data in connection.reads[:2])  # the status line and the first event
        return Seen(number(head), started, stamps)

    async def close(self) -> None:
        for connection in self.idle:
            connection.transport.close()


class BareConnection(asyncio.Protocol):
    """Stamps and keeps."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if hasattr(transport, "max_size"):
            transport.max_size = 65536

    def data_received(self, data: bytes) -> None:
        self.reads.append((time.perf_counter_ns(), data))
        if data.endswith(b"0\r\n\r\n"):
            self.done.set_result(None)

    reads: list[tuple[int, bytes]]
    done: asyncio.Future[None]


class Delta(msgspec.Struct):
    """For `has_text`."""

    content: str | None = None


class Choice(msgspec.Struct):
    """For `has_text`."""

    delta: Delta


class Event(msgspec.Struct):
    """For `has_text`."""

    choices: list[Choice]


decode = msgspec.json.Decoder(Event).decode


def has_text(line: bytes) -> bool:
    """Whether a line is an event with content."""
    if not line.startswith(b"data: {"):
        return False
    choices = decode(line[6:]).choices
    return bool(choices and choices[0].delta.content)


def number(data: bytes) -> int:
    """The answer's number, which its events carry."""
    found = re.search(rb"chatcmpl-(\d+)", data)
    assert found is not None, data[:200]
    return int(found[1])


CONTENDERS: dict[str, tuple[Callable[[str], Contender], str, str]] = {
    "ours": (Ours, "pytest-llmeval", "httptools"),
    "bare": (Bare, "hand-written Protocol", "msgspec"),
    "aiohttp": (Aiohttp, "aiohttp iter_any + msgspec", "aiohttp"),
    "httpx-aiohttp": (lines_on_aiohttp, "httpx on aiohttp + json", "httpx_aiohttp"),
    "httpx": (Lines, "httpx aiter_lines + json", "httpx"),
    "openai": (OpenAISDK, "openai SDK", "openai"),
}
"""Name -> how it is opened, what it is called, the package that it needs."""

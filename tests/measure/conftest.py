"""Raw exchanges of real servers, as curl printed them, and servers of a test's own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"


class Transcript(Struct, frozen=True):
    """One exchange: the status line's number, the headers in lower case and the body's bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


def read_transcript(name: str) -> Transcript:
    """``vllm/11_chat_stream_usage`` or ``llama.cpp/…``; curl's own lines are taken off."""
    server, _, case = name.partition("/")
    (path,) = TRANSCRIPTS.glob(f"{server}*/{case}.txt")
    text = path.read_bytes()
    text = text[text.index(b"HTTP/1.1 ") :]
    head, _, body = text.partition(b"\n\n") if b"\r\n\r\n" not in text else text.partition(b"\r\n\r\n")
    status, *fields = head.decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in fields if ": " in line)
    body = body.partition(b"[curl exit")[0]
    if "content-length" in headers:
        body = body[: int(headers["content-length"])]
    return Transcript(int(status.split()[1]), headers, body)


@pytest.fixture
def transcript() -> object:
    """A function: name -> `Transcript`."""
    return read_transcript


@asynccontextmanager
async def serve_connections(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], **options: Any
) -> AsyncIterator[str]:
    """A server whose every connection is handled by ``handler``; yields its URL; leaves nothing open."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await handler(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **options)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


@pytest.fixture
def serving() -> Any:
    """`serve_connections`."""
    return serve_connections

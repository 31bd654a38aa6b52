"""An httpx transport that stamps at the socket read.

httpx's own transport hands every chunk through a stack of async generators, which with 64 streams costs
several times what the network does, and sees a first token late by as much
(``benchmarks/client_cost.py``). Here an ``asyncio.Protocol`` feeds a C parser, each read is stamped before
anything looks at it, and the body is handed over when it is whole: nothing is decoded or scored while a
stream runs. Hence ``client.stream()`` works but is no way to time.

HTTP/1.1 over TCP or TLS, no proxies (``route`` falls back to httpx's transport for those).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from . import descriptors
from .connection import Connection, Unanswered
from .quiet import Quiet
from .tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ssl import SSLContext

KEEP_ALIVE_S = 2.5
"""Idle connections older than this are not used again: vLLM and llama.cpp close theirs between 3 and 7 s."""

_Origin = tuple[str, str, int]


class MeasuringTransport(httpx.AsyncBaseTransport):
    """Fills the `Tape` in ``request.extensions["tape"]``; used from one event loop.

    Limits are the tape's, else those of httpx (``connect`` and ``read``). Raises what httpx's own transport
    raises; the tape then holds what was read. A connection that is closed before a byte of the answer is
    replaced once; ``tape.retries`` tells. A request that is not ``tape.safe`` has a connection of its own, so
    that no server closes it just then, and is never sent again. Beside another connection none is made with
    one of the last ``descriptors``.
    """

    def __init__(self, ssl_context: SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._open: set[Connection] = set()
        self._idle: dict[_Origin, list[Connection]] = {}
        self._quiet: Quiet | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read its answer to the end."""
        tape = request.extensions.get("tape") or _own_tape(request)
        tape.start()
        tape.transport = "measured"
        payload = _payload(request, await request.aread())
        if self._quiet is None:
            self._quiet = Quiet(asyncio.get_running_loop())
        try:
            with self._quiet.stream(tape):
                await self._exchange(request, payload, tape)
        except httpx.RequestError as error:
            error.request = request
            raise
        finally:
            tape.ended_ns = time.perf_counter_ns()
        return httpx.Response(
            tape.status,
            headers=tape.headers,
            stream=Body(tape.reads),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close every connection and wait until it is closed."""
        self._idle.clear()
        connections = list(self._open)
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in connections))

    async def _exchange(self, request: httpx.Request, payload: bytes, tape: Tape) -> None:
        url = request.url
        origin = (
            url.scheme,
            url.raw_host.decode("ascii"),
            url.port or (443 if url.scheme == "https" else 80),
        )
        connection = self._take(origin) if tape.safe else None
        tape.reused = connection is not None
        tape.retries = 0
        while True:
            if connection is None:
                connection = await self._connect(origin, tape)
            try:
                await connection.exchange(payload, tape, expects_body=request.method != "HEAD")
            except Unanswered as ended:
                if tape.retries or not tape.safe:
                    raise httpx.RemoteProtocolError(_unanswered(ended, tape)) from None
                connection = None
                tape.restart()
                tape.retries += 1
                tape.reused = False
                continue
            if connection.reusable:
                connection.idle_since = connection.loop.time()
                self._idle.setdefault(origin, []).append(connection)
            else:
                connection.close()
            return

    def _take(self, origin: _Origin) -> Connection | None:
        """The idle connection that was used last, if it is fresh; stale ones are closed."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.reusable and connection.loop.time() - connection.idle_since < KEEP_ALIVE_S:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: _Origin, tape: Tape) -> Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        if scheme == "https" and self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()
        limits = [limit for limit in (tape.connect_s, tape.left_s()) if limit is not None]
        limit_s = min(limits) if limits else None
        if self._open and descriptors.are_exhausted():
            raise _no_room()
        try:
            async with asyncio.timeout(limit_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    host.strip("[]"),
                    port,
                    ssl=self._ssl_context if scheme == "https" else None,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {limit_s:.3g} s") from None
        except (OSError, UnicodeError, OverflowError) as error:  # UnicodeError: a host's name that can't be
            if descriptors.are_exhausted():  # others were looked up meanwhile
                raise _no_room() from error
            raise httpx.ConnectError(str(error)) from error
        if self._open and descriptors.is_in_reserve(_number(connection)):
            connection.close()
            raise _no_room()
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection


class Body(httpx.AsyncByteStream):
    """The body as it was read, handed over after the end."""

    def __init__(self, reads: list[tuple[int, bytes]]) -> None:
        self._reads = reads

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _, data in self._reads:
            yield data

    async def aclose(self) -> None:
        self._reads = []


def _own_tape(request: httpx.Request) -> Tape:
    """For requests of callers that do not measure; they get httpx's limits."""
    limits = request.extensions.get("timeout", {})
    read_s = limits.get("read")
    return Tape(connect_s=limits.get("connect"), first_read_s=read_s, between_reads_s=read_s)


def _payload(request: httpx.Request, body: bytes) -> bytes:
    """The request's bytes. Compression is refused: it would hide when a token came."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [
        b"%s: %s" % (name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"
    ]
    lines += [b"Accept-Encoding: identity", b"", body]
    return b"\r\n".join(lines)


def _number(connection: Connection) -> int:
    """The descriptor of its socket; -1 where the server has closed it meanwhile: uvloop then tells none."""
    socket = connection.transport.get_extra_info("socket")
    return -1 if socket is None else int(socket.fileno())


def _no_room() -> httpx.ConnectError:
    lack = descriptors.TooManyOpenFiles()
    error = httpx.ConnectError(str(lack))
    error.__cause__ = lack
    return error


def _unanswered(ended: Unanswered, tape: Tape) -> str:
    twice = "twice " if tape.retries else ""
    reason = f": {ended}" if str(ended) else ""
    return f"the server closed the connection {twice}without answering{reason}"

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
from typing import TYPE_CHECKING, cast

import httptools
import httpx

from .quiet import Quiet
from .tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ssl import SSLContext

KEEP_ALIVE_S = 2.5
"""Idle connections older than this are not used again: vLLM and llama.cpp close theirs between 3 and 7 s."""
READ_BYTES = 64 * 1024
"""asyncio asks the kernel for 256 KiB a read, which costs two page faults each."""

_Origin = tuple[str, str, int]


class MeasuringTransport(httpx.AsyncBaseTransport):
    """Fills the `Tape` in ``request.extensions["tape"]``; used from one event loop.

    Limits are the tape's, else those of httpx (``connect`` and ``read``). Raises what httpx's own transport
    raises; the tape then holds what was read. A connection that is closed before a byte of the answer is
    replaced once; ``tape.retries`` tells.
    """

    def __init__(self, ssl_context: SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._open: set[_Connection] = set()
        self._idle: dict[_Origin, list[_Connection]] = {}
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
            stream=_Body(tape.reads),
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
        connection = self._take(origin)
        tape.reused = connection is not None
        tape.retries = 0
        while True:
            if connection is None:
                connection = await self._connect(origin, tape)
            try:
                await connection.exchange(payload, tape, expects_body=request.method != "HEAD")
            except _Unanswered:
                if tape.retries:
                    message = "the server closed the connection twice without answering"
                    raise httpx.RemoteProtocolError(message) from None
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

    def _take(self, origin: _Origin) -> _Connection | None:
        """The idle connection that was used last, if it is fresh; stale ones are closed."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.reusable and connection.loop.time() - connection.idle_since < KEEP_ALIVE_S:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: _Origin, tape: Tape) -> _Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        if scheme == "https" and self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()
        limits = [limit for limit in (tape.connect_s, _left_s(tape)) if limit is not None]
        limit_s = min(limits) if limits else None
        try:
            async with asyncio.timeout(limit_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop),
                    host.strip("[]"),
                    port,
                    ssl=self._ssl_context if scheme == "https" else None,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {limit_s:g} s") from None
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection


class NotHTTP(httpx.RemoteProtocolError):
    """What answered does not speak HTTP/1.1."""


class _Unanswered(Exception):
    """The connection ended before a byte of the answer."""


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time. Method names ``on_*`` are httptools'."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closed: asyncio.Future[None] = loop.create_future()
        self.idle_since = 0.0
        self.reusable = True
        self._parser = httptools.HttpResponseParser(self)
        self._tape: Tape | None = None
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stamp_ns = 0

    async def exchange(self, payload: bytes, tape: Tape, *, expects_body: bool) -> None:
        """Write the request and read the answer onto the tape.

        Raises `_Unanswered`, ``httpx.TransportError`` and what the tape's ``on_read`` raises.
        """
        if not self.reusable:  # closed since it was taken
            raise _Unanswered
        self._tape = tape
        self._done = self.loop.create_future()
        self._expects_body = expects_body
        self._answered = self._in_body = False
        tape.started_ns = self._stamp_ns = time.perf_counter_ns()
        self.transport.write(payload)
        self._watch()
        try:
            await self._done
        except asyncio.CancelledError:
            self._end(reusable=False)
            raise

    def close(self) -> None:
        """Close at once; nothing that is still to be sent is worth waiting for."""
        self.reusable = False
        self.transport.abort()

    # -- asyncio -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES

    def data_received(self, data: bytes) -> None:
        self._stamp_ns = time.perf_counter_ns()
        self._answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raised = error.__context__
            self._end(raised if isinstance(raised, Exception) else error, reusable=False)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            start = data[:40].decode("latin-1")
            self._end(NotHTTP(f"not an HTTP/1.1 answer ({error}): {start!r}"), reusable=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if not self.closed.done():
            self.closed.set_result(None)
        if self._tape is None:
            return
        if not self._answered:
            self._end(_Unanswered(), reusable=False)
        elif self._in_body and self._ends_with_connection and exc is None:
            self._end(reusable=False)
        else:
            reason = f": {exc}" if exc else ""
            message = f"the connection was closed in the middle of the answer{reason}"
            self._end(httpx.RemoteProtocolError(message), reusable=False)

    # -- httptools -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._tape is None:
            raise RuntimeError("an answer that nobody asked for")
        self._headers: list[tuple[bytes, bytes]] = []
        self._ends_with_connection = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._ends_with_connection = False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._tape is None or status < 200:  # 100 Continue and 103 Early Hints come before the answer
            return
        self._tape.status, self._tape.headers = status, self._headers
        self._in_body = True
        if not self._expects_body:  # httptools would wait for the body that the headers announce
            self._end(reusable=False)

    def on_body(self, data: bytes) -> None:
        tape = self._tape
        if tape is not None and tape.add(self._stamp_ns, data):
            self._end(reusable=False)

    def on_message_complete(self) -> None:
        if self._in_body:
            self._end(reusable=self._parser.should_keep_alive())

    # -- the exchange's end --------------------------------------------------------------------------------

    def _end(self, error: Exception | None = None, *, reusable: bool) -> None:
        if not reusable:
            self.close()
        self._tape = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)

    def _watch(self) -> None:
        """Fail what is overdue, else look again when something could be: reads themselves touch no timer."""
        tape = self._tape
        if tape is None:
            return
        now_ns = time.perf_counter_ns()
        next_s: float | None = None
        for limit_s, since_ns, sentence in self._limits(tape, now_ns):
            if limit_s is None:
                continue
            left_s = limit_s - (now_ns - since_ns) / 1e9
            if left_s <= 0:
                self._end(httpx.ReadTimeout(sentence.format(f"{limit_s:g}")), reusable=False)
                return
            next_s = left_s if next_s is None else min(next_s, left_s)
        if next_s is not None:
            self._timer = self.loop.call_later(next_s, self._watch)

    def _limits(self, tape: Tape, now_ns: int) -> tuple[tuple[float | None, int, str], ...]:
        """Every limit with the time from which it counts and what to say when it is passed."""
        last_ns = self._stamp_ns if tape.reads else now_ns
        first = (tape.first_read_s, tape.started_ns, "no answer within {} s")
        return (
            (tape.total_s, tape.called_ns, "the answer was not complete within {} s"),
            (tape.between_reads_s, last_ns, "the stream paused for more than {} s"),
            *(() if tape.reads else (first,)),
        )


class _Body(httpx.AsyncByteStream):
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


def _left_s(tape: Tape) -> float | None:
    """Seconds left of the whole exchange's limit."""
    if tape.total_s is None:
        return None
    return max(0.0, tape.total_s - (time.perf_counter_ns() - tape.called_ns) / 1e9)

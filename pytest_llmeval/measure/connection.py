"""One HTTP/1.1 connection: an ``asyncio.Protocol`` that feeds a C parser and stamps each read before anything
looks at it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

import httptools
import httpx

from .tape import INCOMPLETE, NO_ANSWER, PAUSED

if TYPE_CHECKING:
    from .tape import Tape

READ_BYTES = 64 * 1024
"""asyncio asks the kernel for 256 KiB a read, which costs two page faults each."""
MAX_HEAD_BYTES = 256 * 1024
"""Of an answer's headers, with those of every 1xx before it; curl takes 300 KiB, httpx 100."""
MAX_FRAMING_BYTES = 16 * 1024 * 1024
"""Of chunk sizes, extensions and trailers. An event has 8 of them for its 300."""


class NotHTTP(httpx.RemoteProtocolError):
    """What answered does not speak HTTP/1.1."""


class Unanswered(Exception):
    """The connection ended before a byte of the answer; its text is the reason, if one is known."""


class Connection(asyncio.Protocol):
    """One exchange at a time. Method names ``on_*`` are httptools'."""

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
        self._in_body = False
        self._framing_bytes = 0

    async def exchange(self, payload: bytes, tape: Tape, *, expects_body: bool) -> None:
        """Write the request and read the answer onto the tape.

        Raises ``Unanswered``, ``httpx.TransportError`` and what the tape's ``on_read`` raises.
        """
        if not self.reusable:  # closed since it was taken
            raise Unanswered
        self._tape = tape
        self._done = self.loop.create_future()
        self._expects_body = expects_body
        self._answered = self._in_body = False
        self._framing_bytes = 0
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
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raised = error.__context__
            self._end(raised if isinstance(raised, Exception) else error, reusable=False)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            start = data[:40].decode("latin-1")
            doubt = "" if self._in_body else ": is this the server's HTTP port?"
            self._end(NotHTTP(f"not an HTTP/1.1 answer ({error}): {start!r}{doubt}"), reusable=False)
        else:
            self._limit_framing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if not self.closed.done():
            self.closed.set_result(None)
        if self._tape is None:
            return
        if not self._answered:
            self._end(Unanswered(str(exc or "")), reusable=False)
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
        if self._in_body:  # a trailer
            return
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
        self._framing_bytes -= len(data)
        tape = self._tape
        if tape is not None and tape.add(self._stamp_ns, data):
            self._end(reusable=False)

    def on_message_complete(self) -> None:
        if self._in_body:
            self._end(reusable=self._parser.should_keep_alive())

    def _limit_framing(self) -> None:
        """End an answer that is all headers or chunk sizes: the parser would keep them for ever."""
        limit = MAX_FRAMING_BYTES if self._in_body else MAX_HEAD_BYTES
        if self._framing_bytes > limit and self._tape is not None:
            what = "HTTP's own framing" if self._in_body else "headers"
            self._end(NotHTTP(f"the answer has more than {limit:,} bytes of {what}"), reusable=False)

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
        now_ns = time.perf_counter_ns() - tape.lost_ns
        next_s: float | None = None
        for limit_s, since_ns, sentence in self._limits(tape, now_ns):
            if limit_s is None:
                continue
            left_s = limit_s - (now_ns - since_ns) / 1e9
            if left_s <= 0:
                self._end(httpx.ReadTimeout(sentence.format(limit_s)), reusable=False)
                return
            next_s = left_s if next_s is None else min(next_s, left_s)
        if next_s is not None:
            self._timer = self.loop.call_later(next_s, self._watch)

    def _limits(self, tape: Tape, now_ns: int) -> tuple[tuple[float | None, int, str], ...]:
        """Every limit with the time from which it counts and what to say when it is passed."""
        last_ns = self._stamp_ns if tape.reads else now_ns
        first = (tape.first_read_s, tape.started_ns, NO_ANSWER)
        return (
            (tape.total_s, tape.called_ns, INCOMPLETE),
            (tape.between_reads_s, last_ns, PAUSED),
            *(() if tape.reads else (first,)),
        )

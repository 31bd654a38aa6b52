"""The tape of one exchange: what was read when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .endpoints.protocol import OnRead

MAX_BYTES = 64 * 1024 * 1024
"""A token takes about 300 bytes of a stream: this is beyond 200,000 of them."""
MAX_READS = 500_000
MAX_LINES = 1_000_000
"""An event takes two. Small reads and short lines take fifty times their bytes in memory."""

NO_ANSWER = "no answer within {:g} s"
PAUSED = "the stream paused for more than {:g} s"
INCOMPLETE = "the answer was not complete within {:g} s"
"""What to say of ``first_read_s``, ``between_reads_s`` and ``total_s`` when they are passed."""


@dataclass(slots=True)
class Tape:
    """Goes with a request as ``extensions["tape"]``; a transport that can measure fills it.

    The caller owns it, so what was read survives errors and cancellation. All ``*_ns`` are
    ``time.perf_counter_ns``. Limits in seconds, None for none: ``first_read_s`` from the write to the body's
    first read, ``between_reads_s`` from one read to the next, ``total_s`` from ``called_ns``.
    """

    on_read: OnRead | None = None
    max_bytes: int = MAX_BYTES
    connect_s: float | None = None
    first_read_s: float | None = None
    between_reads_s: float | None = None
    total_s: float | None = None

    called_ns: int = 0
    """The request was handed to the transport, for the first time: a redirect does not move it."""
    started_ns: int = 0
    """Its first byte was written; a retry moves it."""
    ended_ns: int = 0
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    reads: list[tuple[int, bytes]] = field(default_factory=list)
    """The body, without HTTP's own framing, in the pieces and at the times of the socket reads."""
    size_bytes: int = 0
    lines: int = 0
    stopped: Literal["by caller", "too long"] | None = None
    """Why reading ended before the body did: ``on_read`` said so, or it passed a cap."""
    unpacked: bool = False
    """The body came compressed; ``reads`` are what it says."""
    safe: bool = True
    """Sending the request twice does no harm: it may be sent again, on a connection that was used before."""
    reused: bool = False
    """The connection had carried an earlier exchange."""
    retries: int = 0
    lag_s: float | None = None
    """The event loop's largest lag between start and end."""
    lost_ns: int = 0
    """For so long this process stood still meanwhile (``quiet.STOPPED_S``): no limit counts that."""
    transport: Literal["measured", "httpx", "replay"] = "httpx"

    def start(self) -> None:
        """Forget an earlier exchange (a redirect, a retry) and stamp the call, if it is the first."""
        self.started_ns = time.perf_counter_ns()
        self.called_ns = self.called_ns or self.started_ns
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self.status, self.size_bytes, self.lines, self.stopped, self.unpacked = 0, 0, 0, None, False
        self.headers, self.reads = [], []

    def keep(self, stamp_ns: int, data: bytes) -> bool:
        """Keep a part of the body. True: a cap is passed."""
        self.reads.append((stamp_ns, data))
        self.size_bytes += len(data)
        self.lines += data.count(b"\n") or data.count(b"\r")
        if self.size_bytes > self.max_bytes or self.lines > MAX_LINES or len(self.reads) > MAX_READS:
            self.stopped = "too long"
            return True
        return False

    def add(self, stamp_ns: int, data: bytes) -> bool:
        """Keep a read. True: read no further."""
        if self.keep(stamp_ns, data):
            return True
        if self.on_read is not None and self.on_read(stamp_ns, data):
            self.stopped = "by caller"
            return True
        return False

    def left_s(self) -> float | None:
        """Seconds left of the whole exchange's limit."""
        if self.total_s is None:
            return None
        return max(0.0, self.total_s - (time.perf_counter_ns() - self.called_ns - self.lost_ns) / 1e9)

    def header(self, name: str) -> str | None:
        """A header of the answer; ``name`` in lower case."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)
